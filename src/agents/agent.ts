import { join } from 'node:path'
import {
  BowlineError,
  type Clock,
  type Ids,
  Limit,
  type Logger,
  messageOf,
  type Service,
} from '../base/index.ts'
import { type Client, createEventRecorder, createInformer } from '../client/index.ts'
import { isNodeRemoved, Kinds, type NodeAddress, type Pod } from '../kube/index.ts'
import { parseLogPath, readContainerLogs } from './container-logs.ts'
import { IDENTITY_FILE } from './identity/node-identity.ts'
import { KeptInformers } from './kept/kept-informers.ts'
import { KeptLog } from './kept/kept-log.ts'
import { KeptObjects } from './kept/kept-objects.ts'
import type { Keyring } from './kept/keyring.ts'
import { plainSeal } from './kept/seal.ts'
import { HostResolvers } from './network/dns/index.ts'
import { clashMessage, createNetwork, hostAddresses, type RoutedPods } from './network/index.ts'
import { createIngress, type ProxyOptions, purgeIngress } from './network/ingress/index.ts'
import { HostAddress } from './node/host-address.ts'
import { renewLease } from './node/lease.ts'
import { measureMachine, readMachineIds } from './node/machine.ts'
import type { NodeFacts } from './node/node-object.ts'
import { NodeReporter } from './node/node-reporter.ts'
import { ImageLedger } from './node/pressure/image-ledger.ts'
import { PressureLoop } from './node/pressure/pressure-loop.ts'
import { fallbackRuntimeInfo, hostShape } from './node/runtime-info.ts'
import { createPodDirectory } from './pod-directory.ts'
import { createPodTokens } from './pod-tokens.ts'
import { isAssigned } from './pods/assigned-pod.ts'
import { Checkpoints } from './pods/checkpoints.ts'
import type { CarryOutMeans } from './pods/means.ts'
import { ObservedPods } from './pods/observed-pods.ts'
import { PodLoop } from './pods/pod-loop.ts'
import { probeObserver } from './pods/probe-observer.ts'
import { RuntimeFollower } from './pods/runtime-follower.ts'
import { createProber } from './probes/index.ts'
import { createReferences } from './references.ts'
import type { Runtime } from './runtime/index.ts'
import { podStatus } from './status/pod-status.ts'
import { Publisher } from './status/publisher.ts'
import { Tunnel, type TunnelOptions, type TunnelRequest } from './tunnel.ts'
import { untilAborted } from './until-aborted.ts'
import { answerVolumeRequest } from './volume-requests.ts'
import { createVolumes, FolderStore, findGuarded, readHome, Staging, type Volumes } from './volumes/index.ts'

export interface AgentOptions {
  /** Speaks to the API server as `system:node:<nodeName>`. */
  readonly client: Client
  readonly runtime: Runtime
  readonly nodeName: string
  /** Where volumes live. The agent owns its folders `pods` and `kept`. */
  readonly dataDir: string
  /** Where the folders of volumes are; default: the folder `volumes` in `dataDir`. */
  readonly volumeDir?: string | undefined
  /** A folder of this agent's own in memory (tmpfs), for Secrets and `medium: Memory`; undefined where there is none. */
  readonly memoryDir: string | undefined
  /** A folder, of all agents of the host, to mount in what containers are about to mount; undefined: this agent may not. */
  readonly mountDir: string | undefined
  /** Seals what is kept on disk for when the server is away. */
  readonly keyring: Keyring
  /** The words of the host's `--allow-host` flags: paths for hostPath, `privileged`, `capability:NAME`. */
  readonly allowHost: readonly string[]
  /** The sockets by which the engine may be reached. */
  readonly engineSockets: readonly string[]
  /** The part of the machine that is this node's, above 0 and at most 1: N agents on one machine get 1/N each. */
  readonly capacityShare: number
  /** How this host serves ingresses; undefined: it does not. */
  readonly ingress?: ProxyOptions | undefined
  readonly clusterUid: string
  /** Gives pods their addresses; undefined where the engine does. */
  readonly pods: RoutedPods | undefined
  /** The addresses by which others may know this host; default: those that it has. */
  readonly readAddresses?: () => readonly string[]
  /** Gives up the connections to the server, which may lead nowhere any more. */
  readonly reconnect: () => void
  /** As `kubectl get nodes` shows it: `v0.1.0`. */
  readonly version: string
  /** How the server reaches this agent; undefined: it does not, and there are no logs. */
  readonly tunnel: Pick<TunnelOptions, 'server' | 'ca' | 'credentials'> | undefined
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** How long an agent that starts waits for the server before it goes by what it kept on disk. */
const SERVER_PATIENCE_MS = 5000
/** The same for what it knows of services, which starting containers and pods' questions wait for. */
const SERVICES_PATIENCE_MS = 1000
/** How long one that ends waits for its last events to be written. */
const LAST_EVENTS_MS = 1000
/** Secrets and ConfigMaps kept for when the server is away. */
const MAX_KEPT_REFERENCES = 1000
/** Of their pods' tokens: one each, and some more. */
const MAX_KEPT_TOKENS = 1000
/** Images pulled at once on one node. */
const CONCURRENT_PULLS = 3
/** Pods whose remains are removed at once on one node. */
const REMOVALS_AT_ONCE = 2

/**
 * An agent: registers its node, and drives the pods that are bound to it towards their specs until the signal aborts. Stopping it
 * leaves every container as it is; the next one adopts them. While the server is away it keeps its pods running.
 */
export function startAgent(options: AgentOptions): Service {
  return {
    async start(signal) {
      // A part that fails ends the others with it.
      const stop = new AbortController()
      const end = () => stop.abort()
      if (signal.aborted) end()
      signal.addEventListener('abort', end, { once: true })
      try {
        await runAgent(options, stop)
      } finally {
        signal.removeEventListener('abort', end)
      }
    },
  }
}

async function runAgent(options: AgentOptions, stop: AbortController): Promise<void> {
  const { signal } = stop
  const { client, runtime, nodeName, dataDir, memoryDir, mountDir, allowHost, capacityShare, reconnect } =
    options
  const { clock, ids, log } = options
  const volumeDir = options.volumeDir ?? join(dataDir, 'volumes')
  const folders = new FolderStore({
    folder: volumeDir,
    nodeName,
    users: volume => volumes.usersOf(volume),
    clock,
    ids,
    log,
  })
  await folders.prepare()
  const staging = mountDir === undefined ? undefined : new Staging({ parent: mountDir, dataDir, log })
  const clearStaging = async () => {
    await staging?.clear().catch(error => {
      log.warn('left-over mounts were not ended', { folder: mountDir, error: messageOf(error) })
    })
  }
  await clearStaging()
  const own = [dataDir, volumeDir, memoryDir, mountDir].filter(path => path !== undefined)
  const grants = { allowHost, guarded: await findGuarded([...options.engineSockets, ...own]) }
  const volumes: Volumes = createVolumes({
    folder: join(dataDir, 'pods'),
    memoryFolder: memoryDir === undefined ? undefined : join(memoryDir, 'pods'),
    ...grants,
    nodeName,
    folders,
    engineVolumes: () => runtime.volumes,
    staging: () => (runtime.volumes === undefined ? undefined : staging),
  })
  await volumes.prepare()
  const home = await readHome([dataDir, volumeDir])
  const readAddresses = options.readAddresses ?? (() => hostAddresses().map(({ address }) => address))
  const hostAddress = new HostAddress({ read: readAddresses, clock, log })
  const { current: facts, refresh } = await gatherFacts(options, hostAddress, signal)
  const hostFacts = {
    runtimeName: runtime.name,
    get hostIP() {
      return hostAddress.current
    },
  }

  const observed = new ObservedPods()
  const keptLog = (name: string) =>
    new KeptLog({
      path: join(dataDir, 'kept', `${name}.log`),
      seal: options.keyring.seal(name),
      clock,
      log,
    })
  const checkpoints = new Checkpoints(keptLog('pods'))
  const recorder = createEventRecorder({ client, component: 'bowline-agent', host: nodeName, clock, log })
  const references = createReferences({
    client,
    kept: new KeptObjects(keptLog('references'), { maxObjects: MAX_KEPT_REFERENCES }),
    clock,
    ids,
    log,
    onChange: uid => loop.refreshVolumes(uid),
  })
  const tokens = createPodTokens({
    client,
    kept: new KeptObjects(keptLog('tokens'), { maxObjects: MAX_KEPT_TOKENS }),
    clock,
    ids,
    onOld: uid => loop.refreshVolumes(uid),
  })
  const informers = new KeptInformers({
    client,
    folder: join(dataDir, 'kept'),
    // Every node may read these, and so may whoever reads this one's files.
    seal: plainSeal,
    clock,
    ids,
    log,
    patienceMs: SERVICES_PATIENCE_MS,
  })
  const hostResolvers = new HostResolvers({ clock })
  // One watch for everybody: the pods of a node change more than all else that its agent follows.
  const ownPods = createInformer(client, Kinds.Pod, {
    fieldSelector: `spec.nodeName=${nodeName}`,
    ...{ clock, ids, log },
  })
  const network = createNetwork({
    ...options,
    ...{ informers, ownPods, hostResolvers, folder: join(dataDir, 'network'), runtimeName: runtime.name },
    ingressPorts: options.ingress === undefined ? [] : [options.ingress.httpPort, options.ingress.httpsPort],
    onClash(ranges) {
      const message = clashMessage(ranges)
      log.warn(message)
      const node = informers.of(Kinds.Node).get(nodeName)
      if (node !== undefined) recorder.record(node, 'Warning', 'NetworkRangesClash', message)
    },
  })
  const directory = createPodDirectory({
    services: informers.of(Kinds.Service),
    hostResolvers,
    cluster: () => network.names(),
    serviceAddress: address => network.serviceAddress(address),
    clock,
  })
  const ledger = new ImageLedger(keptLog('images'))
  const record: CarryOutMeans['record'] = (pod, type, reason, message, container) =>
    recorder.record(
      pod,
      type,
      reason,
      message,
      container === undefined ? {} : { fieldPath: `spec.containers{${container}}` },
    )
  const prober = createProber({
    clock,
    exec: (id, command, timeoutMs) => runtime.exec(id, command, timeoutMs),
    observer: probeObserver({ observed, entry: uid => loop.entry(uid), wake: uid => loop.wake(uid), record }),
  })
  const publisher: Publisher = new Publisher({
    client,
    clock,
    log,
    facts: hostFacts,
    view: uid => loop.toldView(uid),
    accept(pod: Pod) {
      // The answer to a write about a pod that is gone by now must not bring it back.
      if (isAssigned(pod) && loop.entry(pod.metadata.uid) !== undefined) loop.setPod(pod)
    },
  })
  const loop: PodLoop = new PodLoop({
    means: {
      client,
      runtime,
      observed,
      volumes,
      references,
      tokens,
      directory,
      network,
      host: hostShape(facts(), hostAddress, home),
      clock,
      starts: new Limit(Math.max(2, Math.ceil(2 * facts().info.cpus * capacityShare))),
      removals: new Limit(REMOVALS_AT_ONCE),
      pulls: new Limit(CONCURRENT_PULLS),
      record,
      imagePulled: id => ledger.pulled(id, clock.now()),
    },
    prober,
    checkpoints,
    grants,
    refusalOf: pod => pressure.refusalOf(pod),
    clock,
    log,
    onChange: uid => publisher.add(uid),
    isPublished: view => publisher.isPublished(view),
  })
  const follower: RuntimeFollower = new RuntimeFollower({
    runtime,
    observed,
    clock,
    ids,
    log,
    onChange: uid => loop.wake(uid),
    onHealth: () => void refresh().then(() => reporter.nudge()),
  })
  const pressure: PressureLoop = new PressureLoop({
    runtime,
    pods: loop,
    ledger,
    dataDir,
    memoryDir,
    clock,
    log,
    onChange: () => reporter.nudge(),
  })
  const reporter: NodeReporter = new NodeReporter({
    client,
    facts,
    problem: () => follower.problem,
    networkProblem: () => network.problem,
    hasPressure: type => pressure.has(type),
    dataDir,
    clock,
    ids,
    log,
  })

  /** Nothing is started before what runs already is known, and nothing removed before the server's whole list is. */
  async function followPods(): Promise<void> {
    await untilAborted(signal, follower.listed)
    if (signal.aborted) return
    const take = (pod: Pod) => {
      if (isAssigned(pod)) loop.setPod(pod)
    }
    ownPods.subscribe({ added: take, updated: take, deleted: pod => loop.removePod(pod.metadata.uid ?? '') })
    const following = Promise.all([loop.run(signal), startWithoutServer()])
    await untilAborted(signal, ownPods.listed)
    if (!signal.aborted) {
      references.retain([...loop.entries].map(({ pod }) => pod))
      tokens.retain(new Set([...loop.entries].map(({ uid }) => uid)))
      await loop
        .removeOrphans(new Set(ownPods.list().flatMap(pod => pod.metadata.uid ?? [])))
        .catch(error => {
          log.warn('left-over volumes were not removed', { error: messageOf(error) })
        })
    }
    await following
  }

  /** What was kept on disk runs again when the server does not say within moments what should. */
  async function startWithoutServer(): Promise<void> {
    await clock.sleep(SERVER_PATIENCE_MS, signal).catch(() => {})
    if (ownPods.hasSynced || signal.aborted) return
    const kept = await checkpoints.load()
    if (ownPods.hasSynced || hasLeft || kept.length === 0) return
    log.warn('the server is away: its pods are kept running as they were', { pods: kept.length })
    ownPods.preload(kept)
  }

  let hasLeft = false
  /** The node was removed: its pods run elsewhere by now, or nowhere, and must not go on here beside those. */
  async function leave(cause: unknown): Promise<void> {
    hasLeft = true
    log.error('this node was removed from the cluster: its pods end here', { node: nodeName })
    await untilAborted(signal, follower.listed)
    const ended = loop.endAll().catch(error => {
      log.error('not everything of this node was removed', { error: messageOf(error) })
    })
    await untilAborted(signal, ended)
    throw new BowlineError(
      'unauthorized',
      `Cannot go on as node "${nodeName}": it was removed from the cluster`,
      {
        cause,
        data: {
          next: `to join again, remove ${join(dataDir, IDENTITY_FILE)} and start with --token-file and a new token`,
        },
      },
    )
  }

  function handle(asked: TunnelRequest): AsyncIterable<string | Uint8Array> | undefined {
    const request = asked.method === 'GET' ? parseLogPath(asked.path) : undefined
    if (request === undefined) return answerVolumeRequest(asked, folders)
    const statuses = (namespace: string, name: string) => {
      for (const entry of loop.entries) {
        const { metadata } = entry.pod
        if (entry.gone || metadata.namespace !== namespace || metadata.name !== name) continue
        const { initContainerStatuses = [], containerStatuses = [] } = podStatus(loop.view(entry), hostFacts)
        return [...initContainerStatuses, ...containerStatuses]
      }
      return undefined
    }
    return readContainerLogs(request, { runtime, clock, statuses }, asked.signal)
  }

  const ingress =
    options.ingress === undefined
      ? undefined
      : createIngress({
          client,
          nodeName,
          dataDir,
          informers: {
            ingresses: informers.of(Kinds.Ingress),
            classes: informers.of(Kinds.IngressClass),
            services: informers.of(Kinds.Service),
            slices: informers.of(Kinds.EndpointSlice),
          },
          proxy: options.ingress,
          podsAreProcesses: runtime.name === 'process',
          node: () => reporter.node,
          record: (about, type, reason, message) => recorder.record(about, type, reason, message),
          clock,
          ids,
          log,
        })
  // A host that was told to serve no more does not go on by what its last agent left.
  if (ingress === undefined) await purgeIngress(dataDir, clock)

  const tunnel =
    options.tunnel === undefined
      ? undefined
      : new Tunnel({ ...options.tunnel, client, handle, clock, ids, log })
  function connectAnew(): void {
    reconnect()
    tunnel?.renew()
  }

  network.onChange(() => reporter.nudge())
  const parts = [
    informers.start(signal),
    network.run(signal),
    ...(ingress === undefined ? [] : [ingress.start(signal)]),
    ownPods.run(signal),
    follower.run(signal),
    followPods(),
    publisher.run(signal),
    pressure.run(signal),
    folders.run(signal),
    reporter.run(signal).catch(error => (isNodeRemoved(error) ? leave(error) : Promise.reject(error))),
    renewLease(
      { client, nodeName, node: () => reporter.node, reconnect: connectAnew, clock, ids, log },
      signal,
    ),
    hostAddress.follow(() => {
      // What was connected from the old address hears nothing any more.
      connectAnew()
      reporter.nudge()
      for (const { pod } of loop.entries) publisher.add(pod.metadata.uid)
    }, signal),
    ...(tunnel === undefined ? [] : [tunnel.run(signal)]),
  ]
  try {
    await Promise.all(parts)
  } finally {
    stop.abort()
    await Promise.allSettled(parts)
    await clearStaging()
    await Promise.all([references.close(), tokens.close(), checkpoints.close(), ledger.close()])
    const written = new AbortController()
    const patience = clock.sleep(LAST_EVENTS_MS, written.signal).catch(() => {})
    await Promise.race([recorder.close(), patience])
    written.abort()
  }
}

/** What this node is. The engine's part is asked for again when it comes back; before it answers, the machine's word stands in. */
async function gatherFacts(
  options: AgentOptions,
  hostAddress: HostAddress,
  signal: AbortSignal,
): Promise<{ readonly current: () => NodeFacts; readonly refresh: () => Promise<void> }> {
  const { runtime, nodeName, dataDir, capacityShare, version, log } = options
  const [{ machineId, bootId }, { storageBytes }] = await Promise.all([
    readMachineIds(),
    measureMachine(dataDir),
  ])
  const own = { nodeName, capacityShare, storageBytes, machineId, bootId, agentVersion: version }
  let info = fallbackRuntimeInfo(runtime.name)
  async function refresh(): Promise<void> {
    try {
      info = await runtime.info(signal)
    } catch (error) {
      log.warn('container runtime does not say what it is', {
        runtime: runtime.name,
        error: messageOf(error),
      })
    }
  }
  await refresh()
  const current = (): NodeFacts => {
    const addresses: readonly NodeAddress[] = [
      { type: 'InternalIP', address: hostAddress.current },
      { type: 'Hostname', address: nodeName },
    ]
    return { ...own, addresses, info }
  }
  return { current, refresh }
}
