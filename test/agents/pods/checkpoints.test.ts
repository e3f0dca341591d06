import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeptLog } from '../../../src/agents/kept/kept-log.ts'
import { Checkpoints } from '../../../src/agents/pods/checkpoints.ts'
import { silentLogger, systemClock } from '../../../src/base/index.ts'
import { testKeyring } from '../support/keyring.ts'
import { pod } from '../support/pod-view.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-checkpoints-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const path = () => join(folder, 'pods.log')

function open(): Checkpoints {
  const seal = testKeyring.seal('pods')
  return new Checkpoints(new KeptLog({ path: path(), seal, clock: systemClock, log: silentLogger }))
}

/** Opens what is there, does something, and closes it again. */
async function session(use: (checkpoints: Checkpoints) => void): Promise<void> {
  const checkpoints = open()
  await checkpoints.load()
  use(checkpoints)
  await checkpoints.close()
}

async function kept() {
  const checkpoints = open()
  const pods = await checkpoints.load()
  await checkpoints.close()
  return pods
}

describe('Checkpoints', () => {
  it('Checkpoints.load() gives back what was saved, older than anything the server will say', async () => {
    await session(first => first.save(pod({}, { status: { phase: 'Running', podIP: '10.1.0.2' } })))
    const [found] = await kept()
    expect(found?.spec).toEqual(pod().spec)
    expect(found?.metadata).not.toHaveProperty('resourceVersion')
    expect(found).not.toHaveProperty('status')
  })

  it('Checkpoints.save() remembers that a pod is over, and why', async () => {
    await session(first => {
      first.save(pod())
      first.save(pod({}, { status: { phase: 'Failed', reason: 'Evicted', message: 'low on memory' } }))
    })
    expect((await kept())[0]?.status).toEqual({
      phase: 'Failed',
      reason: 'Evicted',
      message: 'low on memory',
    })
  })

  it('Checkpoints.save() remembers what was ready, and how often it was restarted', async () => {
    const status = {
      name: 'app',
      containerID: 'docker://app-0',
      image: 'app:1',
      imageID: 'sha256:abc',
      ready: true,
      started: true,
      restartCount: 3,
    }
    const state = { running: { startedAt: '2026-01-31T12:00:00Z' } }
    await session(first =>
      first.save(pod({}, { status: { phase: 'Running', containerStatuses: [{ ...status, state }] } })),
    )
    expect((await kept())[0]?.status).toEqual({ containerStatuses: [status] })
  })

  it('Checkpoints.save() writes only what changed', async () => {
    await session(first => first.save(pod()))
    const before = await readFile(path())
    await session(second =>
      second.save(pod({}, { metadata: { resourceVersion: '9' }, status: { phase: 'Running' } })),
    )
    expect(await readFile(path())).toEqual(before)
  })

  it('Checkpoints shows nothing of a pod on disk', async () => {
    const env = [{ name: 'PASSWORD', value: 'hunter2' }]
    await session(first => first.save(pod({ containers: [{ name: 'app', image: 'app:1', env }] })))
    expect((await readFile(path())).toString('latin1')).not.toContain('hunter2')
  })

  it('Checkpoints.keepOnly() and remove() forget pods', async () => {
    await session(first => {
      for (const uid of ['a', 'b', 'c']) first.save(pod({}, { metadata: { uid } }))
      first.keepOnly(new Set(['a', 'b']))
      first.remove('b')
    })
    expect((await kept()).map(({ metadata }) => metadata.uid)).toEqual(['a'])
  })
})
