import { type Clock, type Logger, silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { type Client, createInformer, Informers } from '../../../src/client/index.ts'
import { type ControllersOptions, startControllers } from '../../../src/cluster/controllers/index.ts'
import { startScheduler } from '../../../src/cluster/scheduler/index.ts'
import { formatTime, Kinds, type Pod } from '../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../api/test-api.ts'
import { type NodeFacts, node } from './build.ts'
import { MemoryVolumeHosts } from './volumes/memory-volume-hosts.ts'

export interface TestCluster {
  readonly api: TestApi
  readonly client: Client
  readonly informers: Informers
  /** Pods whose names start so stay Pending, or Running and not ready. */
  readonly stuck: Set<string>
  /** Pods with a container of such an image stay Pending. */
  readonly brokenImages: Set<string>
  /** The folders of volumes on the nodes. */
  readonly volumeHosts: MemoryVolumeHosts
  /** Joins a node that runs its pods at once: each becomes Running and Ready at an address of its own, and goes when it is deleted. */
  addNode(name: string, facts?: NodeFacts): Promise<void>
  /** The agent of the node dies: its pods are left as they are, and nothing ends them. */
  loseNode(name: string): void
  pods(selector?: string): Promise<readonly Pod[]>
  close(): Promise<void>
}

export interface TestClusterOptions extends Pick<ControllersOptions, 'nodeIpam' | 'nodeLifecycle' | 'podGc'> {
  readonly clock?: Clock
  readonly log?: Logger
  /** Default true. */
  readonly scheduler?: boolean
  /** Stands between the controllers and the API. */
  readonly wrapClient?: (client: Client) => Client
}

/** The real store, verbs, controllers and scheduler, with agents that start every pod at once. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { clock = systemClock, log = silentLogger, scheduler = true, wrapClient, ...rest } = options
  const api = await startTestApi({ clock })
  const { client } = api
  const stop = new AbortController()
  const context = { client, clock, ids: systemIds, log }
  const informers = new Informers(context)
  const volumeHosts = new MemoryVolumeHosts()
  const running = [
    startControllers({
      ...context,
      client: wrapClient?.(client) ?? client,
      ...{ informers, volumeHosts },
      ...rest,
    }).start(stop.signal),
    ...(scheduler ? [startScheduler({ ...context, informers }).start(stop.signal)] : []),
    informers.start(stop.signal),
  ]
  const stuck = new Set<string>()
  const brokenImages = new Set<string>()
  const agents = new Map<string, AbortController>()
  let started = 0

  async function runPod(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata
    if (deletionTimestamp !== undefined) {
      await client.delete(Kinds.Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } })
      return
    }
    if (pod.status?.phase !== 'Pending' || [...stuck].some(prefix => name.startsWith(prefix))) return
    if (pod.spec?.containers.some(({ image = '' }) => brokenImages.has(image))) return
    const time = formatTime(clock.now())
    const conditions = ['Initialized', 'ContainersReady', 'Ready'].map(type => ({
      type,
      status: 'True',
      lastTransitionTime: time,
    }))
    started += 1
    const podIP = `10.42.${started >> 8}.${started & 255}`
    const status = { phase: 'Running', startTime: time, conditions, podIP, podIPs: [{ ip: podIP }] }
    const body = { metadata: { uid }, status }
    await client.patch(Kinds.Pod, name, { type: 'strategic', body }, { namespace, subresource: 'status' })
  }

  return {
    api,
    client,
    informers,
    stuck,
    brokenImages,
    volumeHosts,
    async addNode(name, facts = {}) {
      const { status, ...object } = node(name, facts)
      const { resourceVersion: _, uid: __, ...metadata } = object.metadata
      await client.create(Kinds.Node, { ...object, metadata })
      // As an agent does: controllers may have written to the Node meanwhile.
      const body = status === undefined ? {} : { status }
      await client.patch(Kinds.Node, name, { type: 'merge', body }, { subresource: 'status' })
      const agent = new AbortController()
      agents.set(name, agent)
      const pods = createInformer(client, Kinds.Pod, { ...context, fieldSelector: `spec.nodeName=${name}` })
      // What it races with, such as a deletion, shows itself in the next event.
      const run = (pod: Pod) => void runPod(pod).catch(() => {})
      pods.subscribe({ added: run, updated: run })
      running.push(pods.run(agent.signal))
    },
    loseNode(name) {
      agents.get(name)?.abort()
    },
    async pods(labelSelector = '') {
      return (await client.list(Kinds.Pod, { labelSelector })).items
    },
    async close() {
      stop.abort()
      for (const agent of agents.values()) agent.abort()
      await Promise.all(running)
      await api.close()
    },
  }
}
