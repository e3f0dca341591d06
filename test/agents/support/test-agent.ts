import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAgent } from '../../../src/agents/index.ts'
import {
  createHollowRuntime,
  type HollowRuntime,
  type OpenRuntime,
  openDockerRuntime,
  openProcessRuntime,
  type Runtime,
} from '../../../src/agents/runtime/index.ts'
import { BowlineError, silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import type { Client } from '../../../src/client/index.ts'
import { type EventObject, Kinds, type Pod, type PodSpec, type PodStatus } from '../../../src/kube/index.ts'
import type { TestEngine } from '../../support/dockerd.ts'
import { testKeyring } from './keyring.ts'
import { startTestServer, type TestServer } from './test-server.ts'

export const NODE = 'host-1'

/** One node's agent over the real verbs and a real runtime, and what tests ask of it. */
export interface TestAgent {
  readonly server: TestServer
  readonly client: Client
  readonly runtime: Runtime
  readonly folder: string
  /** Ends the agent; its containers stay. */
  stop(): Promise<void>
  /** Copies the folder of an agent that has ended and removes it, as who moves it to another disk; the next one starts there. */
  moveFolder(): Promise<void>
  /** Starts an agent on the same node and runtime; with `reopen` the runtime is read back from disk first. */
  start(options?: { readonly reopen?: boolean }): Promise<void>
  createPod(name: string, spec: Partial<PodSpec>, metadata?: Pod['metadata']): Promise<Pod>
  pod(name: string): Promise<Pod>
  events(podName: string): Promise<readonly EventObject[]>
  close(): Promise<void>
}

export interface TestAgentOptions {
  readonly allowHost?: readonly string[]
  /** A folder that plays the memory of the host: a test that reboots the host removes it. */
  readonly memoryDir?: string
  /** False: an agent that is not root. */
  readonly mayMount?: boolean
  /** Where the agent's folder is made; default: the machine's folder for such. */
  readonly parent?: string
  /** Wraps what the agent speaks to the server through. */
  readonly wrapClient?: (client: Client) => Client
  /** While it says so, every call to the runtime fails as of an engine that is down; the start waits for no ready node. */
  readonly isDown?: () => boolean
}

export type HollowAgent = TestAgent & { readonly runtime: HollowRuntime }

/** An agent without containers: for what does not depend on any. */
export async function startHollowAgent(options: TestAgentOptions = {}): Promise<HollowAgent> {
  const runtime = createHollowRuntime({ clock: systemClock, log: silentLogger })
  return (await startTestAgent(() => Promise.resolve(runtime), options)) as HollowAgent
}

/** An agent whose containers are processes of this machine. */
export function startProcessAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  return startTestAgent(
    folder =>
      openProcessRuntime({
        stateDir: join(folder, 'runtime'),
        clusterUid: 'test-cluster',
        nodeName: NODE,
        clock: systemClock,
        log: silentLogger,
      }),
    options,
  )
}

/** An agent whose containers are a Docker Engine's. */
export function startDockerAgent(engine: TestEngine, options: TestAgentOptions = {}): Promise<TestAgent> {
  const clusterUid = systemIds.uid()
  return startTestAgent(
    folder =>
      openDockerRuntime({
        socketPath: engine.socketPath,
        clusterUid,
        nodeName: NODE,
        clock: systemClock,
        log: silentLogger,
        options: { stateDir: join(folder, 'runtime') },
      }),
    options,
  )
}

async function startTestAgent(
  open: (folder: string) => Promise<OpenRuntime>,
  {
    allowHost = [],
    memoryDir,
    mayMount = true,
    parent = tmpdir(),
    wrapClient = client => client,
    isDown = () => false,
  }: TestAgentOptions,
): Promise<TestAgent> {
  const server = await startTestServer()
  let folder = await mkdtemp(join(parent, 'bowline-agent-'))
  let runtime = await open(folder)
  let abort = new AbortController()
  let running = Promise.resolve()
  const agent: TestAgent = {
    server,
    get folder() {
      return folder
    },
    get client() {
      return server.client
    },
    get runtime() {
      return runtime
    },
    async stop() {
      abort.abort()
      await running
    },
    async moveFolder() {
      const moved = await mkdtemp(join(parent, 'bowline-agent-'))
      await cp(folder, moved, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      await rm(folder, { recursive: true })
      folder = moved
    },
    async start({ reopen = false } = {}) {
      if (reopen) {
        await runtime.close()
        runtime = await open(folder)
      }
      abort = new AbortController()
      const service = startAgent({
        client: wrapClient(server.client),
        runtime: whileUp(runtime, isDown),
        nodeName: NODE,
        dataDir: folder,
        memoryDir,
        mountDir: mayMount ? join(folder, 'mounts') : undefined,
        keyring: testKeyring,
        clusterUid: 'test',
        pods: undefined,
        allowHost,
        engineSockets: [],
        capacityShare: 1,
        readAddresses: () => ['127.0.0.1'],
        reconnect: () => {},
        version: 'v0.0.0-test',
        tunnel: undefined,
        clock: systemClock,
        ids: systemIds,
        log: silentLogger,
      })
      running = service.start(abort.signal)
      if (isDown()) return
      await until('the node is ready', async () => {
        const node = await server.client.get(Kinds.Node, NODE).catch(() => undefined)
        return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
      })
    },
    createPod(name, spec, metadata = {}) {
      const object: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', ...metadata },
        spec: { nodeName: NODE, terminationGracePeriodSeconds: 1, containers: [], ...spec },
      }
      return server.client.create(Kinds.Pod, object, { namespace: 'default' })
    },
    pod: name => server.client.get(Kinds.Pod, name, { namespace: 'default' }),
    async events(podName) {
      const { items } = await server.client.list(Kinds.Event, { namespace: 'default' })
      return items.filter(({ involvedObject }) => involvedObject?.name === podName)
    },
    async close() {
      await agent.stop()
      // An engine that was restarted in the midst of it needs a moment to let go of a container's files.
      await until('everything is removed', () =>
        runtime.purge().then(
          () => true,
          () => false,
        ),
      )
      await runtime.close()
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await agent.start()
  return agent
}

function whileUp(runtime: Runtime, isDown: () => boolean): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...all: readonly unknown[]) => {
        if (isDown())
          throw new BowlineError('unavailable', 'Cannot reach the engine: it is down', { retryable: true })
        return value.apply(target, all)
      }
    },
  })
}

/** Waits until `condition` gives something true; fails with what was waited for after half a minute. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = systemClock.now() + 30_000
  for (;;) {
    const found = await condition()
    if (found) return found
    if (systemClock.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await systemClock.sleep(15)
  }
}

/** Waits until a pod's status is as asked; fails with the status that it had. */
export async function podUntil(
  agent: TestAgent,
  name: string,
  holds: (status: PodStatus, pod: Pod) => boolean,
): Promise<PodStatus> {
  let last: Pod | undefined
  try {
    return await until(`pod ${name} is as it should be`, async () => {
      last = await agent.pod(name)
      return last.status !== undefined && holds(last.status, last) ? last.status : undefined
    })
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(last?.status, null, 1)}`)
  }
}

export function isReady({ conditions = [] }: PodStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}
