import type { Clock } from './base/index.ts'
import type { Client } from './client/index.ts'
import type { Extension, ExtensionRequest, HostFolder, HostSnapshot, VolumeHosts } from './cluster/index.ts'
import {
  claimNamesOf,
  FROM_SNAPSHOT,
  folderNodeOf,
  Kinds,
  MOVE_CONFIRMED,
  MOVE_TO,
  type MoveState,
  moveStateOf,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  StatusError,
} from './kube/index.ts'

/** One claim, or a volume that a claim left behind, as `bowline volume list` shows it. */
export interface VolumeSummary {
  readonly namespace: string
  readonly claim: string
  readonly phase: string
  readonly volume: string
  /** Empty for volumes that are on no host of their own. */
  readonly host: string
  readonly capacity: string
  /** What it takes on its host's disk; null when the host could not be asked. */
  readonly usedBytes: number | null
  readonly pods: readonly string[]
  readonly reclaimPolicy: string
  readonly storageClass: string
  readonly move: MoveState | null
}

/** A folder on a host that no volume names: the original of a move, something put aside, or what was left. */
export type LeftFolder = HostFolder & { readonly host: string }

export interface VolumeList {
  readonly volumes: readonly VolumeSummary[]
  readonly left: readonly LeftFolder[]
  /** Hosts that did not answer. */
  readonly silent: readonly string[]
}

export interface VolumeRoutes {
  readonly client: Client
  readonly hosts: VolumeHosts
  readonly clock: Clock
}

/** What `bowline volume` asks: under `/apis/bowline.dev/v1alpha1/namespaces/<namespace>/volumes/<claim>`. */
export function volumeExtensions(routes: VolumeRoutes): readonly Extension[] {
  const running: RunningSnapshots = new Map()
  const base = { group: Kinds.App.group, version: Kinds.App.version, resource: 'volumes', namespaced: true }
  const post = (subresource: string, handle: (request: ExtensionRequest) => Promise<unknown>): Extension => ({
    ...base,
    subresource,
    method: 'POST',
    streams: true,
    handle: async request => ({ json: await handle(request) }),
  })
  return [
    {
      ...base,
      method: 'GET',
      handle: async ({ namespace }) => ({ json: await listVolumes(routes, namespace) }),
    },
    post('move', request => askToMove(routes, request)),
    post('cancel', request => annotate(routes, request, { [MOVE_TO]: null })),
    post('confirm', request => confirmMove(routes, request)),
    post('snapshot', request => takeSnapshot(routes, request, running)),
    post('restore', request => restoreSnapshot(routes, request)),
    {
      ...base,
      subresource: 'snapshots',
      method: 'GET',
      handle: async request => ({ json: { snapshots: await listSnapshots(routes, request) } }),
    },
  ]
}

async function listVolumes({ client, hosts }: VolumeRoutes, namespace: string): Promise<VolumeList> {
  const scope = namespace === '' ? {} : { namespace }
  const [claims, volumes, pods, nodes] = await Promise.all([
    client.list(Kinds.PersistentVolumeClaim, scope),
    client.list(Kinds.PersistentVolume),
    client.list(Kinds.Pod, scope),
    client.list(Kinds.Node),
  ])
  const byName = new Map(volumes.items.map(volume => [volume.metadata.name ?? '', volume]))
  const { folders, silent } = await askHosts(hosts, nodes.items)
  const summaries = claims.items.map(claim => {
    const volume = byName.get(claim.spec?.volumeName ?? '')
    const users = pods.items.filter(pod => isUser(pod, claim)).map(({ metadata }) => metadata.name ?? '')
    return summaryOf(claim, volume, { users, folders })
  })
  const claimed = new Set(claims.items.map(({ spec }) => spec?.volumeName ?? ''))
  const released = volumes.items.filter(
    ({ metadata, spec }) =>
      !claimed.has(metadata.name ?? '') && (namespace === '' || spec?.claimRef?.namespace === namespace),
  )
  const left = folders.filter(
    ({ host, volume, state, claim }) =>
      (state !== 'live' || folderHost(byName.get(volume)) !== host) &&
      (namespace === '' || claim.namespace === namespace),
  )
  return {
    volumes: [...summaries, ...released.map(volume => releasedSummary(volume, folders))],
    left,
    silent,
  }
}

async function askHosts(
  hosts: VolumeHosts,
  nodes: readonly Node[],
): Promise<{ readonly folders: readonly LeftFolder[]; readonly silent: readonly string[] }> {
  const folders: LeftFolder[] = []
  const silent: string[] = []
  await Promise.all(
    nodes.map(async ({ metadata: { name: host = '' } }) => {
      try {
        for (const folder of (await hosts.list(host)).folders) folders.push({ ...folder, host })
      } catch {
        silent.push(host)
      }
    }),
  )
  return { folders, silent }
}

function summaryOf(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
  { users, folders }: { readonly users: readonly string[]; readonly folders: readonly LeftFolder[] },
): VolumeSummary {
  return {
    namespace: claim.metadata.namespace ?? '',
    claim: claim.metadata.name ?? '',
    phase: claim.metadata.deletionTimestamp === undefined ? (claim.status?.phase ?? '') : 'Terminating',
    pods: users,
    move: moveStateOf(claim) ?? null,
    ...factsOf(volume, folders),
    storageClass: claim.spec?.storageClassName ?? '',
    volume: claim.spec?.volumeName ?? '',
  }
}

function releasedSummary(volume: PersistentVolume, folders: readonly LeftFolder[]): VolumeSummary {
  return {
    namespace: volume.spec?.claimRef?.namespace ?? '',
    claim: volume.spec?.claimRef?.name ?? '',
    phase: volume.status?.phase ?? '',
    pods: [],
    move: null,
    ...factsOf(volume, folders),
  }
}

function factsOf(volume: PersistentVolume | undefined, folders: readonly LeftFolder[]) {
  const name = volume?.metadata.name ?? ''
  const host = folderHost(volume) ?? ''
  const folder = folders.find(found => found.state === 'live' && found.volume === name && found.host === host)
  return {
    volume: name,
    host,
    capacity: volume?.spec?.capacity?.storage ?? '',
    usedBytes: folder?.bytes ?? null,
    reclaimPolicy: volume?.spec?.persistentVolumeReclaimPolicy ?? '',
    storageClass: volume?.spec?.storageClassName ?? '',
  }
}

function folderHost(volume: PersistentVolume | undefined): string | undefined {
  return volume === undefined ? undefined : folderNodeOf(volume)
}

function isUser(pod: Pod, claim: PersistentVolumeClaim): boolean {
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  if (isOver || pod.metadata.namespace !== claim.metadata.namespace) return false
  return claimNamesOf(pod).includes(claim.metadata.name ?? '')
}

/** The controller of moves does the work, and says on the claim how far it is. */
async function askToMove(routes: VolumeRoutes, request: ExtensionRequest): Promise<unknown> {
  const to = textOf(request, 'to')
  const claim = await claimOf(routes, request)
  const state = moveStateOf(claim)
  if (state !== undefined && ['Stopping', 'Copying', 'Rebinding'].includes(state.phase))
    throw new StatusError('Conflict', `Cannot move claim ${request.name}: it moves to ${state.to} already`)
  return annotate(routes, request, { [MOVE_TO]: to })
}

async function confirmMove(routes: VolumeRoutes, request: ExtensionRequest): Promise<unknown> {
  const state = moveStateOf(await claimOf(routes, request))
  if (state?.phase !== 'Kept')
    throw new StatusError(
      'Conflict',
      `Cannot confirm a move of claim ${request.name}: no original waits for it`,
    )
  return annotate(routes, request, { [MOVE_CONFIRMED]: state.id })
}

async function annotate(
  { client }: VolumeRoutes,
  { namespace, name }: ExtensionRequest,
  annotations: Readonly<Record<string, string | null>>,
): Promise<{ readonly claim: string }> {
  await client.patch(
    Kinds.PersistentVolumeClaim,
    name,
    { type: 'merge', body: { metadata: { annotations } } },
    { namespace },
  )
  return { claim: name }
}

/** Snapshots under way, by `<host>/<volume>/<id>`. */
type RunningSnapshots = Map<string, Promise<HostSnapshot>>

/** How long a request waits for a snapshot; whoever asks again, by its id, waits on. */
const ANSWER_AFTER_MS = 20_000

/** Takes a snapshot, or goes on waiting for the one whose id the body names; null in place of one that is not done yet. */
async function takeSnapshot(
  routes: VolumeRoutes,
  request: ExtensionRequest,
  running: RunningSnapshots,
): Promise<{ readonly id: string; readonly snapshot: HostSnapshot | null }> {
  const { host, volume } = await folderOf(routes, request)
  const { clock, hosts } = routes
  const asked = (request.body as { readonly id?: unknown } | undefined)?.id
  // Sorts by time, and is a name that a folder may have.
  const now = new Date(clock.now()).toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase()
  const id = typeof asked === 'string' ? asked : now
  const key = `${host}/${volume}/${id}`
  let work = running.get(key)
  if (work === undefined) {
    work = hosts.snapshot(host, volume, id).finally(() => running.delete(key))
    running.set(key, work)
    // Whoever asked may have gone.
    work.catch(() => undefined)
  }
  const isOver = new AbortController()
  const pause = clock.sleep(ANSWER_AFTER_MS, isOver.signal).then(
    () => null,
    () => null,
  )
  try {
    return { id, snapshot: await Promise.race([work, pause]) }
  } finally {
    isOver.abort()
  }
}

async function listSnapshots(
  routes: VolumeRoutes,
  request: ExtensionRequest,
): Promise<readonly HostSnapshot[]> {
  const { host, volume } = await folderOf(routes, request)
  const { snapshots } = await routes.hosts.list(host)
  return snapshots.filter(snapshot => snapshot.volume === volume)
}

/** A new claim like the old one, which begins with what the snapshot holds, on the host where that lies. */
async function restoreSnapshot(routes: VolumeRoutes, request: ExtensionRequest): Promise<unknown> {
  const [id, as] = [textOf(request, 'snapshot'), textOf(request, 'as')]
  const { host, volume, claim } = await folderOf(routes, request)
  const known = await listSnapshots(routes, request)
  if (!known.some(snapshot => snapshot.id === id))
    throw new StatusError('NotFound', `Cannot find snapshot ${id} of claim ${request.name} on host ${host}`)
  const { accessModes, resources, storageClassName } = claim.spec ?? {}
  await routes.client.create(
    Kinds.PersistentVolumeClaim,
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: as, annotations: { [FROM_SNAPSHOT]: `${host}/${volume}/${id}` } },
      spec: {
        ...(accessModes && { accessModes }),
        ...(resources && { resources }),
        ...(storageClassName !== undefined && { storageClassName }),
      },
    },
    { namespace: request.namespace },
  )
  return { claim: as, host }
}

async function folderOf(
  routes: VolumeRoutes,
  request: ExtensionRequest,
): Promise<{ readonly host: string; readonly volume: string; readonly claim: PersistentVolumeClaim }> {
  const claim = await claimOf(routes, request)
  const volume = claim.spec?.volumeName ?? ''
  const found = volume === '' ? undefined : await routes.client.get(Kinds.PersistentVolume, volume)
  const host = folderHost(found)
  if (host === undefined)
    throw new StatusError(
      'Conflict',
      `Cannot find the folder of claim ${request.name}: it has none on a host`,
    )
  return { host, volume, claim }
}

function claimOf(
  { client }: VolumeRoutes,
  { namespace, name }: ExtensionRequest,
): Promise<PersistentVolumeClaim> {
  return client.get(Kinds.PersistentVolumeClaim, name, { namespace })
}

function textOf({ body }: ExtensionRequest, field: string): string {
  const value = (body as Readonly<Record<string, unknown>> | undefined)?.[field]
  if (typeof value === 'string' && value !== '') return value
  throw new StatusError('BadRequest', `the body must have a text "${field}"`)
}
