import type { Clock, Ids, Logger } from '../base/index.ts'
import { type Client, createInformer, type Informer } from '../client/index.ts'
import {
  type ConfigMap,
  claimNamesOf,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  podReferences,
  type Secret,
  StatusError,
} from '../kube/index.ts'
import type { KeptObjects } from './kept/kept-objects.ts'
import type { AssignedPod } from './pods/assigned-pod.ts'
import type { PayloadSources } from './volumes/index.ts'

export interface ReferencesOptions {
  readonly client: Client
  /** Where what was read is kept, on disk too. */
  readonly kept: KeptObjects
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  /** Called when an object that a pod mounts has changed. */
  readonly onChange: (uid: string) => void
}

/** What pods of one namespace refer to, and the volumes behind their claims. */
type PodObjects = Pick<PayloadSources, 'claim' | 'configMap' | 'persistentVolume' | 'secret'>

/**
 * The Secrets, ConfigMaps, claims and volumes that this node's pods refer to, and no others: the server allows a node no more. What a
 * pod mounts is watched object by object, so that its files follow; what is only read at a start is read then. A server that cannot
 * be reached is stood in for by what was last read, by this agent or one before it.
 */
export interface References {
  /** The objects of a pod's namespace. */
  of(namespace: string): PodObjects
  /** Watches what a pod mounts; each change calls `onChange`. Safe to repeat. */
  follow(pod: AssignedPod): void
  forget(uid: string): void
  /** These are all the pods there are: what none of them refers to is no longer kept. */
  retain(pods: Iterable<AssignedPod>): void
  close(): Promise<void>
}

interface Followed {
  readonly pods: Set<string>
  readonly informer: Informer<KubeObject>
  readonly stop: () => void
}

const FORBIDDEN_WAITS_MS: readonly number[] = [20, 100, 400]
/** How long the server has to answer when there is something that can stand in for its answer. */
const PATIENCE_MS = 5_000
/** For so long after a silence it has less: ten Secrets of a pod shall not each wait for a server that is away. */
const SILENCE_MS = 10_000
const SILENT_PATIENCE_MS = 1_000

export function createReferences(options: ReferencesOptions): References {
  const { client, kept, clock } = options
  const followed = new Map<string, Followed>()
  const reading = new Map<string, Promise<KubeObject | undefined>>()
  /** What each pod refers to, by uid. */
  const claims = new Map<string, ReadonlySet<string>>()
  let silentUntil = 0
  const closing = new AbortController()

  /** The server's answer, which is kept. */
  async function ask<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
    key: string,
  ): Promise<T | undefined> {
    try {
      const object = await readAllowed(() => client.get(kind, name, { namespace }), clock)
      silentUntil = 0
      kept.set(key, object)
      return object
    } catch (error) {
      if (!isNotFound(error)) throw error
      kept.remove(key)
      return undefined
    }
  }

  async function fetchObject<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
    key: string,
  ): Promise<T | undefined> {
    await kept.loaded
    const answered = new AbortController()
    try {
      return await Promise.race([
        ask(kind, namespace, name, key),
        standInFor<T>(key, AbortSignal.any([closing.signal, answered.signal])),
      ])
    } catch (error) {
      const last = kept.get(key)
      if (last === undefined) throw error
      silentUntil = clock.now() + SILENCE_MS
      return last as T
    } finally {
      answered.abort()
    }
  }

  /** What was last read, once the server had its time; never settles when there is nothing, or when `signal` aborts. */
  async function standInFor<T extends KubeObject>(key: string, signal: AbortSignal): Promise<T> {
    const patienceMs = clock.now() < silentUntil ? SILENT_PATIENCE_MS : PATIENCE_MS
    const isOver =
      kept.get(key) !== undefined &&
      (await clock.sleep(patienceMs, signal).then(
        () => true,
        () => false,
      ))
    const last = isOver ? kept.get(key) : undefined
    if (last === undefined) return new Promise(() => {})
    silentUntil = clock.now() + SILENCE_MS
    return last as T
  }

  /** Fifty replicas that start together read their ConfigMap once. */
  function read<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    const key = keyOf(kind, namespace, name)
    const watched = followed.get(key)?.informer
    const cached = watched?.hasSynced ? watched.get(`${namespace}/${name}`) : undefined
    if (cached !== undefined) return Promise.resolve(cached as T)
    const running = reading.get(key)
    if (running !== undefined) return running as Promise<T | undefined>
    const started = fetchObject(kind, namespace, name, key).finally(() => reading.delete(key))
    reading.set(key, started)
    return started
  }

  function watchObject(kind: Kind, namespace: string, name: string, key: string): Followed {
    const abort = new AbortController()
    const pods = new Set<string>()
    const { ids, log, onChange } = options
    const fieldSelector = `metadata.name=${name}`
    const informer = createInformer(client, kind, { namespace, fieldSelector, clock, ids, log })
    const tell = () => {
      for (const uid of pods) onChange(uid)
    }
    const take = (object: KubeObject) => {
      kept.set(key, object)
      tell()
    }
    const drop = () => {
      kept.remove(key)
      tell()
    }
    informer.subscribe({ added: take, updated: take, deleted: drop })
    void informer.run(abort.signal)
    return { pods, informer, stop: () => abort.abort() }
  }

  function release(uid: string, wanted: ReadonlySet<string>): void {
    for (const [key, { pods, stop }] of followed) {
      if (wanted.has(key) || !pods.delete(uid) || pods.size > 0) continue
      stop()
      followed.delete(key)
    }
  }

  function keepClaimed(): void {
    const claimed = new Set([...claims.values()].flatMap(keys => [...keys]))
    // A pod names its claim, and only the claim names the volume.
    for (const key of [...claimed]) {
      const { kind, spec } = (kept.get(key) ?? {}) as Partial<PersistentVolumeClaim>
      if (kind === Kinds.PersistentVolumeClaim.kind && spec?.volumeName)
        claimed.add(keyOf(Kinds.PersistentVolume, '', spec.volumeName))
    }
    kept.keepOnly(key => claimed.has(key))
  }

  return {
    of: namespace => ({
      configMap: name => read<ConfigMap>(Kinds.ConfigMap, namespace, name),
      secret: name => read<Secret>(Kinds.Secret, namespace, name),
      claim: name => read<PersistentVolumeClaim>(Kinds.PersistentVolumeClaim, namespace, name),
      persistentVolume: name => read<PersistentVolume>(Kinds.PersistentVolume, '', name),
    }),
    follow(pod) {
      const { uid, namespace } = pod.metadata
      claims.set(uid, referencesOf(pod))
      const wanted = new Set<string>()
      for (const { kind, name } of mountedObjects(pod)) {
        const key = keyOf(kind, namespace, name)
        wanted.add(key)
        let entry = followed.get(key)
        if (entry === undefined) {
          entry = watchObject(kind, namespace, name, key)
          followed.set(key, entry)
        }
        entry.pods.add(uid)
      }
      release(uid, wanted)
    },
    forget(uid) {
      release(uid, new Set())
      const dropped = claims.get(uid)
      claims.delete(uid)
      for (const key of dropped ?? []) if (![...claims.values()].some(keys => keys.has(key))) kept.remove(key)
    },
    retain(pods) {
      for (const pod of pods) claims.set(pod.metadata.uid, referencesOf(pod))
      void kept.loaded.then(keepClaimed)
    },
    async close() {
      closing.abort()
      for (const { stop } of followed.values()) stop()
      followed.clear()
      await kept.close()
    },
  }
}

/** The server learns from a watch which pods are this node's, and may be an instant behind the agent. */
async function readAllowed<T>(read: () => Promise<T>, clock: Clock): Promise<T> {
  for (const waitMs of FORBIDDEN_WAITS_MS) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'Forbidden') throw error
      await clock.sleep(waitMs)
    }
  }
  return await read()
}

/** What a pod's volumes hold files of, and the claims that it waits for. */
function mountedObjects(pod: AssignedPod): { readonly kind: Kind; readonly name: string }[] {
  const found: { kind: Kind; name: string }[] = []
  const add = (kind: Kind, name: string | undefined) => {
    if (name) found.push({ kind, name })
  }
  for (const name of claimNamesOf(pod)) add(Kinds.PersistentVolumeClaim, name)
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    add(Kinds.ConfigMap, configMap?.name)
    add(Kinds.Secret, secret?.secretName)
    for (const source of projected?.sources ?? []) {
      add(Kinds.ConfigMap, source.configMap?.name)
      add(Kinds.Secret, source.secret?.name)
    }
  }
  return found
}

/** The keys of everything that a pod needs to start. */
function referencesOf(pod: AssignedPod): ReadonlySet<string> {
  return new Set(
    [...podReferences(pod)].map(reference => reference.replace('/', `/${pod.metadata.namespace}/`)),
  )
}

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind.plural}/${namespace}/${name}`
}
