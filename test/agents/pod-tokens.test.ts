import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KeptLog } from '../../src/agents/kept/kept-log.ts'
import { KeptObjects } from '../../src/agents/kept/kept-objects.ts'
import { plainSeal } from '../../src/agents/kept/seal.ts'
import { createPodTokens, type PodTokens } from '../../src/agents/pod-tokens.ts'
import type { AssignedPod } from '../../src/agents/pods/assigned-pod.ts'
import { BowlineError, silentLogger } from '../../src/base/index.ts'
import { type KubeObject, StatusError, type TokenRequest } from '../../src/kube/index.ts'
import { FakeClock } from '../base/fake-clock.ts'

let folder: string
let clock: FakeClock
let asked: { readonly account: string; readonly body: TokenRequest }[]
let failure: Error | undefined
let old: string[]
let tokens: PodTokens

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'shop', uid: 'uid-1' },
  spec: { serviceAccountName: 'bot', nodeName: 'a', containers: [] },
} as unknown as AssignedPod
const projection = { path: 'token', expirationSeconds: 1000 }

function start(): PodTokens {
  return createPodTokens({
    client: {
      async createSubresource(_kind, account, _subresource, body) {
        if (failure !== undefined) throw failure
        asked.push({ account, body: body as TokenRequest })
        return { ...body, status: { token: `token-${asked.length}` } } as KubeObject
      },
    },
    kept: new KeptObjects(
      new KeptLog({ path: join(folder, 'tokens.log'), seal: plainSeal, clock, log: silentLogger }),
      { maxObjects: 10 },
    ),
    clock,
    ids: { uid: () => 'u', suffix: () => 's', random: () => 0 },
    onOld: uid => old.push(uid),
  })
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-tokens-'))
  clock = new FakeClock()
  asked = []
  old = []
  failure = undefined
  tokens = start()
})
afterEach(async () => {
  await tokens.close()
  await rm(folder, { recursive: true, force: true })
})

it('asks once for a token bound to the pod, and says when it is old', async () => {
  const [first, second] = await Promise.all([tokens.of(pod, projection), tokens.of(pod, projection)])
  expect([first, second, await tokens.of(pod, projection)]).toEqual(['token-1', 'token-1', 'token-1'])
  expect(asked).toEqual([
    {
      account: 'bot',
      body: expect.objectContaining({
        spec: {
          audiences: [],
          expirationSeconds: 1000,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web-1', uid: 'uid-1' },
        },
      }),
    },
  ])
  await clock.advance(799_000)
  expect(old).toEqual([])
  await clock.advance(1_000)
  expect(old).toEqual(['uid-1'])
  expect(await tokens.of(pod, projection)).toBe('token-2')
  // And so on: the next one grows old too.
  await clock.advance(800_000)
  expect(old).toEqual(['uid-1', 'uid-1'])
})

it('asks for each audience and duration by itself', async () => {
  expect(await tokens.of(pod, { ...projection, audience: 'vault' })).toBe('token-1')
  expect(await tokens.of(pod, projection)).toBe('token-2')
  expect(asked[0]?.body.spec.audiences).toEqual(['vault'])
})

it.each([
  ['cannot be reached', new BowlineError('unavailable', 'away', { retryable: true })],
  ['is stopping', new StatusError('ServiceUnavailable', 'stopping')],
])('goes on with the last token while the server %s, and asks again', async (_, error) => {
  await tokens.of(pod, projection)
  await clock.advance(800_000)
  failure = error
  expect(await tokens.of(pod, projection)).toBe('token-1')
  failure = undefined
  old = []
  await clock.advance(30_000)
  expect(old).toEqual(['uid-1'])
  expect(await tokens.of(pod, projection)).toBe('token-2')
})

it('says what the server says when it refuses, or when there is nothing to go on with', async () => {
  failure = new BowlineError('unavailable', 'away', { retryable: true })
  await expect(tokens.of(pod, projection)).rejects.toThrow('away')
  failure = undefined
  await tokens.of(pod, projection)
  await clock.advance(800_000)
  failure = new StatusError('NotFound', 'serviceaccounts "bot" not found')
  await expect(tokens.of(pod, projection)).rejects.toThrow('not found')
})

it('keeps tokens for the next start, and forgets those of pods that are gone', async () => {
  await tokens.of(pod, projection)
  await tokens.close()
  failure = new BowlineError('unavailable', 'away', { retryable: true })
  tokens = start()
  expect(await tokens.of(pod, projection)).toBe('token-1')
  tokens.forget('uid-1')
  await expect(tokens.of(pod, projection)).rejects.toThrow('away')
})
