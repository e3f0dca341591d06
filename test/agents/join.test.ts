import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseJoinToken } from '../../src/agents/identity/authority.ts'
import {
  CertificateRenewal,
  joinCluster,
  loadIdentity,
  type NodeIdentity,
  openKeyring,
  startAgent,
} from '../../src/agents/index.ts'
import { type OpenRuntime, openProcessRuntime } from '../../src/agents/runtime/index.ts'
import { type Clock, silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { explain } from '../../src/cli/exit-code.ts'
import { createHttpsClient, type HttpsClient } from '../../src/client/index.ts'
import { isNodeRemoved, Kinds, type Node, type Pod } from '../../src/kube/index.ts'
import { createAuthority, createKeyPair, DAY_MS, issueCertificate, validFrom } from '../../src/pki/index.ts'
import { testKeyring } from './support/keyring.ts'
import { type SecureServer, startSecureServer } from './support/secure-server.ts'
import { isReady, until } from './support/test-agent.ts'

let server: SecureServer
let folder: string
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startSecureServer()
  folder = await mkdtemp(join(tmpdir(), 'bowline-join-'))
})

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const parts = { userAgent: 'test/1', clock: systemClock, ids: systemIds, log: silentLogger }
const never = new AbortController().signal

function joinAs(nodeName: string, token: string, url: string = server.url): Promise<NodeIdentity> {
  return joinCluster({
    server: url,
    token,
    nodeName,
    dataDir: join(folder, nodeName),
    signal: never,
    ...parts,
  })
}

function clientOf({ ca, certificate, key }: NodeIdentity, clock: Clock = systemClock): HttpsClient {
  const credentials = { certificate, key }
  const client = createHttpsClient({
    ...parts,
    server: server.url,
    ca,
    credentials,
    fieldManager: 'agent',
    clock,
  })
  endings.push(() => client.close())
  return client
}

describe('parseJoinToken()', () => {
  it('parseJoinToken() takes a token apart and refuses anything else without repeating it', () => {
    const fingerprint = 'ab'.repeat(32)
    expect(parseJoinToken(`${fingerprint}.id.hunter2\n`)).toEqual({ fingerprint, bearer: 'id.hunter2' })
    for (const token of [
      '',
      'hunter2',
      `${fingerprint}.id`,
      `${fingerprint}.id.hunter2.more`,
      'xyz.id.hunter2',
    ])
      expect(() => parseJoinToken(token)).toThrow(/^(?!.*hunter2).*bowline token create/)
  })
})

describe('joinCluster()', () => {
  it('joinCluster() gets a certificate for its node and keeps it readable by the agent alone', async () => {
    const { token } = await server.joinTokens.create()
    const identity = await joinAs('joiner', token)
    expect(identity.ca.trim()).toBe(server.ca.trim())
    const file = join(folder, 'joiner', 'node-identity.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).not.toContain(token.split('.')[2])
    expect(await loadIdentity(join(folder, 'joiner'))).toEqual(identity)
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'joiner' } }
    expect((await clientOf(identity).create(Kinds.Node, node)).metadata.name).toBe('joiner')
  })

  it('joinCluster() says what to do when the node name is taken', async () => {
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'taken' } }
    await server.client.create(Kinds.Node, node)
    const { token } = await server.joinTokens.create()
    await expect(joinAs('taken', token)).rejects.toThrow(/bowline host remove taken.*--node-name/)
    expect(await loadIdentity(join(folder, 'taken'))).toBeUndefined()
  })

  it('joinCluster() says what to do when the token was revoked', async () => {
    const { token, info } = await server.joinTokens.create()
    await server.joinTokens.revoke(info.id)
    await expect(joinAs('late', token)).rejects.toThrow(/bowline token create/)
  })

  it('joinCluster() says what to do when the token was used up, and speaks of no kubeconfig', async () => {
    const { token } = await server.joinTokens.create({ singleUse: true })
    await joinAs('first', token)
    const refused: unknown = await joinAs('second', token).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      message: expect.stringMatching(/has been used for another node.*"bowline token create"$/),
      data: { next: 'put the new token into a file, and pass it with --token-file' },
    })
    expect(explain(refused)).not.toContain('kubeconfig')
  })

  it('joinCluster() never shows its secret to a server of another authority', async () => {
    const seen: IncomingHttpHeaders[] = []
    const imposter = await startImposter(seen)
    const { token } = await server.joinTokens.create()
    await expect(joinAs('careful', token, imposter)).rejects.toThrow(
      /is not the one that the join token names/,
    )
    expect(seen).toEqual([])
  })

  it('joinCluster() does not believe a server that shows the right authority but is another', async () => {
    const seen: IncomingHttpHeaders[] = []
    const imposter = await startImposter(seen, server.ca)
    const { token } = await server.joinTokens.create()
    await expect(joinAs('careful', token, imposter)).rejects.toThrow()
    expect(seen).toEqual([])
  })
})

describe('CertificateRenewal', () => {
  it('CertificateRenewal renews with the certificate it has, keeps the new one and goes on with it', async () => {
    const { token } = await server.joinTokens.create()
    const identity = await joinAs('renewing', token)
    let offset = 29 * DAY_MS
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset }
    const client = clientOf(identity)
    const dataDir = join(folder, 'renewing')
    const ring = { folder: join(dataDir, 'kept'), secretsKey: undefined, log: silentLogger }
    const keyring = await openKeyring({ ...ring, identityKey: identity.key })
    const sealed = keyring.seal('pods').seal('kept before')
    const renewal = new CertificateRenewal({
      client,
      identity,
      keyring,
      dataDir,
      clock,
      ids: systemIds,
      log: silentLogger,
    })
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'renewing' } }
    await client.create(Kinds.Node, node)
    const stop = new AbortController()
    const running = renewal.start(stop.signal)
    await until('the certificate is new', () => {
      if (renewal.current.certificate === identity.certificate) return false
      offset = 0
      return true
    })
    stop.abort()
    await running
    expect(await loadIdentity(dataDir)).toEqual(renewal.current)
    expect(renewal.current.key).not.toBe(identity.key)
    const reopened = await openKeyring({ ...ring, identityKey: renewal.current.key })
    expect(reopened.seal('pods').open(sealed)).toBe('kept before')
    expect((await client.get(Kinds.Node, 'renewing')).metadata.name).toBe('renewing')
  })
})

describe('a removed node', () => {
  const node = (name: string): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => (isNodeRemoved(error) ? 'removed' : error),
    )

  it('its certificate is refused, its watches end, and it cannot make its Node again', async () => {
    const identity = await joinAs('leaving', (await server.joinTokens.create()).token)
    const client = clientOf(identity)
    await client.create(Kinds.Node, node('leaving'))
    const stop = new AbortController()
    let hasBegun = false
    const watching = (async () => {
      for await (const _ of client.watch(Kinds.Node, { signal: stop.signal })) hasBegun = true
      return 'ended'
    })().catch(() => 'ended')
    await until('the watch has begun', () => hasBegun)
    await server.client.delete(Kinds.Node, 'leaving')
    expect(await watching).toBe('ended')
    expect(await refusal(client.create(Kinds.Node, node('leaving')))).toBe('removed')
    expect(await refusal(client.get(Kinds.Node, 'leaving'))).toBe('removed')
    expect(await refusal(clientOf(identity).list(Kinds.Service))).toBe('removed')
  })

  it('a rebuilt host joins under the name with a fresh token; the certificate of the old one stays refused', async () => {
    const old = await joinAs('rebuilt', (await server.joinTokens.create()).token)
    await clientOf(old).create(Kinds.Node, node('rebuilt'))
    await server.client.delete(Kinds.Node, 'rebuilt')
    await until(
      'the old one is out',
      async () => (await refusal(clientOf(old).list(Kinds.Node))) === 'removed',
    )
    const { token } = await server.joinTokens.create()
    const parts = { clock: systemClock, ids: systemIds, log: silentLogger, signal: never }
    const dataDir = join(folder, 'rebuilt-again')
    const renewed = await joinCluster({
      ...{ server: server.url, token, nodeName: 'rebuilt', dataDir, userAgent: 'test/1' },
      ...parts,
    })
    const created = await clientOf(renewed).create(Kinds.Node, node('rebuilt'))
    expect(created.metadata.name).toBe('rebuilt')
    expect(await refusal(clientOf(old).get(Kinds.Node, 'rebuilt'))).toBe('removed')
    expect((await clientOf(renewed).get(Kinds.Node, 'rebuilt')).metadata.uid).toBe(created.metadata.uid)
  })

  it('startAgent() ends its pods when its node was removed, and says what to do', async () => {
    const identity = await joinAs('retired', (await server.joinTokens.create()).token)
    const { runtime, running } = await startNode(identity)
    const containers = [{ name: 'app', image: 'x', command: ['sleep', '1000'] }]
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'retired', namespace: 'default' },
      spec: { nodeName: 'retired', terminationGracePeriodSeconds: 1, containers },
    }
    await server.client.create(Kinds.Pod, pod, { namespace: 'default' })
    await until('the pod runs', async () =>
      (await runtime.listContainers()).some(({ state }) => state === 'running'),
    )
    await server.client.delete(Kinds.Node, 'retired')
    await expect(running).rejects.toThrow('Cannot go on as node "retired": it was removed from the cluster')
    expect(await runtime.listContainers()).toEqual([])
    expect(await runtime.listSandboxes()).toEqual([])
  })
})

describe('startAgent() over HTTPS', () => {
  it('startAgent() runs a pod with a Secret as its own node, and serves its logs through the tunnel', async () => {
    const { token } = await server.joinTokens.create()
    const identity = await joinAs('host-1', token)
    await startNode(identity)
    const secret = {
      apiVersion: 'v1' as const,
      kind: 'Secret' as const,
      metadata: { name: 'keys', namespace: 'default' },
      data: { greeting: Buffer.from('bonjour').toString('base64') },
    }
    await server.client.create(Kinds.Secret, secret, { namespace: 'default' })
    const env = [{ name: 'GREETING', valueFrom: { secretKeyRef: { name: 'keys', key: 'greeting' } } }]
    const command = ['sh', '-c', 'for i in 1 2 3; do echo "$GREETING $i"; done; exec sleep 1000']
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { nodeName: 'host-1', containers: [{ name: 'app', image: 'x', command, env }] },
    }
    await server.client.create(Kinds.Pod, pod, { namespace: 'default' })
    await until('the pod is ready', async () => {
      const { status } = await server.client.get(Kinds.Pod, 'web', { namespace: 'default' })
      return status !== undefined && isReady(status)
    })
    const path = '/api/v1/namespaces/default/pods/web/log'
    expect(await readLog(path)).toBe('bonjour 1\nbonjour 2\nbonjour 3\n')
    expect(await readLog(`${path}?tailLines=1`)).toBe('bonjour 3\n')
    expect(await readLog(`${path}?limitBytes=4`)).toBe('bonj')
    expect(await readLog(`${path}?tailLines=1&timestamps=true`)).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z bonjour 3\n$/,
    )
    await expect(readLog(`${path}?previous=true`)).rejects.toThrow(
      'previous terminated container "app" in pod "web" not found',
    )
    const followed: string[] = []
    const stop = new AbortController()
    for await (const chunk of server.admin.stream(`${path}?follow=true`, stop.signal)) {
      followed.push(Buffer.from(chunk).toString())
      if (followed.join('').endsWith('bonjour 3\n')) stop.abort()
    }
    expect(followed.join('')).toBe('bonjour 1\nbonjour 2\nbonjour 3\n')
  })

  it('startAgent() says why a container has no log yet', async () => {
    const { token } = await server.joinTokens.create()
    await startNode(await joinAs('host-2', token))
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'nothing', key: 'x' } } }]
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'waiting', namespace: 'default' },
      spec: { nodeName: 'host-2', containers: [{ name: 'app', image: 'x', command: ['true'], env }] },
    }
    await server.client.create(Kinds.Pod, pod, { namespace: 'default' })
    await until('the pod waits', async () => {
      const { status } = await server.client.get(Kinds.Pod, 'waiting', { namespace: 'default' })
      return status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'
    })
    await expect(readLog('/api/v1/namespaces/default/pods/waiting/log')).rejects.toThrow(
      'container "app" in pod "waiting" is waiting to start: CreateContainerConfigError',
    )
  })
})

async function readLog(path: string): Promise<string> {
  return await until('the tunnel is open', async () => {
    let text = ''
    try {
      for await (const chunk of server.admin.stream(path, never)) text += Buffer.from(chunk).toString()
      return text
    } catch (error) {
      if (String(error).includes('no tunnel')) return undefined
      throw error
    }
  })
}

async function startNode(
  identity: NodeIdentity,
): Promise<{ readonly runtime: OpenRuntime; readonly running: Promise<void> }> {
  const { nodeName, ca } = identity
  const dataDir = join(folder, nodeName)
  const runtime = await openProcessRuntime({
    stateDir: join(dataDir, 'runtime'),
    clusterUid: 'join-test',
    nodeName,
    clock: systemClock,
    log: silentLogger,
  })
  endings.push(() => runtime.purge().finally(() => runtime.close()))
  const stop = new AbortController()
  const agent = startAgent({
    client: clientOf(identity),
    reconnect: () => {},
    runtime,
    nodeName,
    dataDir,
    memoryDir: undefined,
    mountDir: undefined,
    keyring: testKeyring,
    clusterUid: 'test',
    pods: undefined,
    allowHost: [],
    engineSockets: [],
    capacityShare: 1,
    version: 'v0.0.0-test',
    tunnel: { server: server.url, ca, credentials: () => identity },
    clock: systemClock,
    ids: systemIds,
    log: silentLogger,
  })
  const running = agent.start(stop.signal)
  endings.push(async () => {
    stop.abort()
    await running.catch(() => undefined)
  })
  return { runtime, running }
}

/** A TLS server of an authority of its own, which may show `ca` behind its certificate. */
async function startImposter(seen: IncomingHttpHeaders[], ca?: string): Promise<string> {
  const authority = await createAuthority(systemClock)
  const keys = await createKeyPair()
  const certificate = await issueCertificate({
    authority,
    subject: { commonName: 'imposter' },
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    validity: validFrom(systemClock.now(), DAY_MS),
    publicKey: keys.publicKey,
  })
  const cert = `${certificate}\n${ca ?? authority.certificate}`
  const imposter: Server = createServer({ cert, key: keys.privateKey }, (request, response) => {
    seen.push(request.headers)
    response.end()
  })
  await new Promise<void>(resolve => imposter.listen(0, '127.0.0.1', resolve))
  endings.push(() => new Promise(resolve => imposter.close(resolve)))
  const address = imposter.address()
  return `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}
