import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { KeptLog } from '../../src/agents/kept/kept-log.ts'
import type { HollowRuntime } from '../../src/agents/runtime/index.ts'
import { BowlineError, silentLogger, systemClock } from '../../src/base/index.ts'
import type { Client } from '../../src/client/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import { testKeyring } from './support/keyring.ts'
import {
  isReady,
  podUntil,
  startHollowAgent,
  startProcessAgent,
  type TestAgent,
  until,
} from './support/test-agent.ts'

let agent: TestAgent
let isAway = false
let refused = 0

afterEach(async () => {
  isAway = false
  await agent.close()
})

/** A client whose server can be cut off. */
function severed(client: Client): Client {
  const cut = () => {
    if (!isAway) return
    refused += 1
    throw new BowlineError('unavailable', 'Cannot reach the server: it is away', { retryable: true })
  }
  /** The call, or its refusal while the server is away. */
  function reach<T>(call: () => T): T {
    cut()
    return call()
  }
  return {
    get: async (...all) => reach(() => client.get(...all)),
    list: async (...all) => reach(() => client.list(...all)),
    create: async (...all) => reach(() => client.create(...all)),
    update: async (...all) => reach(() => client.update(...all)),
    patch: async (...all) => reach(() => client.patch(...all)),
    delete: async (...all) => reach(() => client.delete(...all)),
    createSubresource: async (...all) => reach(() => client.createSubresource(...all)),
    watch: (...all) => reach(() => client.watch(...all)),
  }
}

const sleeper = { name: 'app', image: 'app:1', command: ['sleep', '1000'] }

const shouter = {
  name: 'app',
  image: 'app:1',
  command: ['sh', '-c', 'echo "$PASSWORD and $COLOUR"; exec sleep 1000'],
  env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'password' } } }],
  envFrom: [{ configMapRef: { name: 'settings' } }],
  volumeMounts: [{ name: 'keys', mountPath: '/keys' }],
}

async function createKeys(password: string): Promise<void> {
  const namespace = 'default'
  const data = { password: Buffer.from(password).toString('base64') }
  await agent.client.create(
    Kinds.Secret,
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace }, data },
    { namespace },
  )
  await agent.client.create(
    Kinds.ConfigMap,
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace },
      data: { COLOUR: 'blue' },
    },
    { namespace },
  )
}

/** Ends the agent and every container, and takes what the host's memory held. */
async function reboot(memoryDir: string): Promise<void> {
  await agent.stop()
  for (const { id } of await agent.runtime.listSandboxes()) await agent.runtime.stopSandbox(id)
  await rm(memoryDir, { recursive: true })
}

const running = async () => (await agent.runtime.listContainers()).filter(({ state }) => state === 'running')

/** What a container has printed, once it has printed a line. */
function said(id: string): Promise<string> {
  return until('it has printed', async () => {
    let text = ''
    const logs = agent.runtime.logs(id, { follow: false }, new AbortController().signal)
    for await (const line of logs) text += line.text
    return text.includes('\n') && text
  })
}

async function volumeFile(memoryDir: string): Promise<string> {
  const [uid = ''] = await readdir(join(memoryDir, 'pods'))
  return join(memoryDir, 'pods', uid, 'volumes', 'keys', 'password')
}

/** The files below a folder that hold one of these texts. */
async function grep(folder: string, texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const bytes = (await readFile(join(entry.parentPath, entry.name))).toString('latin1')
    if (texts.some(text => bytes.includes(text))) found.push(join(entry.parentPath, entry.name))
  }
  return found
}

describe('startAgent() while the server is away', () => {
  it('startAgent() goes on restarting containers, and tells of it later', async () => {
    agent = await startHollowAgent({ wrapClient: severed })
    await agent.createPod('web', { containers: [sleeper] })
    await podUntil(agent, 'web', isReady)
    isAway = true
    const [first] = await agent.runtime.listContainers()
    const { exitContainer } = agent.runtime as HollowRuntime
    exitContainer.call(agent.runtime, first?.id ?? '', 1)
    await until('the next attempt runs', async () =>
      (await agent.runtime.listContainers()).some(
        ({ attempt, state }) => attempt === 1 && state === 'running',
      ),
    )
    expect((await agent.pod('web')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
    isAway = false
    await podUntil(
      agent,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
  })

  it('startAgent() removes nothing before it has seen the whole list, and starts again what it kept', async () => {
    agent = await startProcessAgent({ wrapClient: severed })
    for (const name of ['one', 'two']) await agent.createPod(name, { containers: [sleeper] })
    for (const name of ['one', 'two']) await podUntil(agent, name, isReady)
    await agent.stop()
    const before = await agent.runtime.listContainers()
    const ended = before.find(({ pod }) => pod.name === 'one')
    await agent.runtime.stopContainer(ended?.id ?? '', 0)
    isAway = true
    refused = 0
    await agent.start({ reopen: true })
    const running = async () =>
      (await agent.runtime.listContainers()).filter(({ state }) => state === 'running')
    await until('both run', async () => new Set((await running()).map(({ pod }) => pod.name)).size === 2)
    expect(refused).toBeGreaterThan(0)
    const two = before.find(({ pod }) => pod.name === 'two')
    expect((await running()).map(({ id }) => id)).toContain(two?.id)
    isAway = false
    await podUntil(
      agent,
      'one',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    expect(await running()).toHaveLength(2)
  })

  it('startAgent() on a rebooted host starts pods with their Secrets and ConfigMaps, and nothing again when the server is back', async () => {
    const memoryDir = await mkdtemp(join(tmpdir(), 'bowline-memory-'))
    agent = await startProcessAgent({ wrapClient: severed, memoryDir })
    await createKeys('hunter2')
    await agent.createPod('web', {
      containers: [shouter],
      volumes: [{ name: 'keys', secret: { secretName: 'keys' } }],
    })
    await podUntil(agent, 'web', isReady)
    await reboot(memoryDir)
    isAway = true
    await agent.start({ reopen: true })
    const [container] = await until('it runs again', async () => {
      const found = await running()
      return found.length > 0 && found
    })
    expect(await said(container?.id ?? '')).toBe('hunter2 and blue\n')
    expect(await readFile(await volumeFile(memoryDir), 'utf8')).toBe('hunter2')
    isAway = false
    await podUntil(
      agent,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    expect((await running()).map(({ id }) => id)).toEqual([container?.id])
  })

  it('startAgent() keeps no value of a Secret readable on disk, and none that no pod needs any more', async () => {
    const memoryDir = await mkdtemp(join(tmpdir(), 'bowline-memory-'))
    agent = await startProcessAgent({ wrapClient: severed, memoryDir })
    await createKeys('hunter2hunter2')
    await agent.createPod('web', {
      containers: [shouter],
      volumes: [{ name: 'keys', secret: { secretName: 'keys' } }],
    })
    await podUntil(agent, 'web', isReady)
    await agent.stop()
    const onDisk = await grep(agent.folder, [
      'hunter2hunter2',
      Buffer.from('hunter2hunter2').toString('base64'),
    ])
    // The process runtime itself hands the environment to its wrapper in a file, as an engine does.
    expect(onDisk.filter(path => !path.startsWith(join(agent.folder, 'runtime')))).toEqual([])
    await agent.start()
    await agent.client.delete(Kinds.Pod, 'web', { namespace: 'default' })
    await until('the pod is gone', async () => (await agent.runtime.listSandboxes()).length === 0)
    await agent.stop()
    const keptLog = new KeptLog({
      path: join(agent.folder, 'kept', 'references.log'),
      seal: testKeyring.seal('references'),
      clock: systemClock,
      log: silentLogger,
    })
    expect([...(await keptLog.load()).keys()]).toEqual([])
  })

  it('startAgent() that was away while its pod was replaced ends it, and removes one that was deleted', async () => {
    agent = await startHollowAgent({ wrapClient: severed })
    for (const name of ['deleted', 'replaced']) await agent.createPod(name, { containers: [sleeper] })
    for (const name of ['deleted', 'replaced']) await podUntil(agent, name, isReady)
    isAway = true
    const namespace = 'default'
    await agent.client.delete(Kinds.Pod, 'deleted', { namespace, gracePeriodSeconds: 0 })
    // As the node's life cycle does it: the object waits for its node's word, and is not ready.
    await agent.client.delete(Kinds.Pod, 'replaced', { namespace })
    await agent.client.patch(
      Kinds.Pod,
      'replaced',
      { type: 'strategic', body: { status: { conditions: [{ type: 'Ready', status: 'False' }] } } },
      { namespace, subresource: 'status' },
    )
    const readyAgain: string[] = []
    const watching = new AbortController()
    const seen = (async () => {
      for await (const { object } of agent.client.watch(Kinds.Pod, { namespace, signal: watching.signal }))
        if (object.status !== undefined && isReady(object.status) && !object.metadata.deletionTimestamp)
          readyAgain.push(object.metadata.name ?? '')
    })()
    isAway = false
    await until('nothing of them is left', async () => {
      const { items } = await agent.client.list(Kinds.Pod, { namespace })
      return items.length === 0 && (await agent.runtime.listSandboxes()).length === 0
    })
    watching.abort()
    await seen
    expect(readyAgain).toEqual([])
  })
})
