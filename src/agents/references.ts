import type { Clock, Ids, Logger } from '../base/index.ts'
import { type Client, createInformer, type Informer } from '../client/index.ts'
import {
  type ConfigMap,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type Secret,
  StatusError,
} from '../kube/index.ts'
import type { ReferencedObjects } from './containers/environment.ts'
import type { AssignedPod } from './pods/assigned-pod.ts'

export interface ReferencesOptions {
  readonly client: Client
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  /** Called when an object that a pod mounts has changed. */
  readonly onChange: (uid: string) => void
}

/**
 * The Secrets and ConfigMaps that this node's pods refer to, and no others: the server allows a node no more. What a pod mounts is
 * watched object by object, so that its files follow; what is only read at a start is read then. A server that cannot be reached
 * is stood in for by what was last read.
 */
export interface References {
  /** The objects of a pod's namespace. */
  of(namespace: string): ReferencedObjects
  /** Watches what a pod mounts; each change calls `onChange`. Safe to repeat. */
  follow(pod: AssignedPod): void
  forget(uid: string): void
  close(): void
}

interface Followed {
  readonly pods: Set<string>
  readonly informer: Informer<KubeObject>
  readonly stop: () => void
}

const FORBIDDEN_WAITS_MS: readonly number[] = [20, 100, 400]
/** Objects kept for when the server is away. */
const MAX_KEPT = 1000

export function createReferences(options: ReferencesOptions): References {
  const { client } = options
  const followed = new Map<string, Followed>()
  const kept = new Map<string, KubeObject>()
  const reading = new Map<string, Promise<KubeObject | undefined>>()

  async function fetchObject<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
    key: string,
  ): Promise<T | undefined> {
    try {
      const object = await readAllowed(() => client.get(kind, name, { namespace }), options.clock)
      kept.delete(key)
      kept.set(key, object)
      for (const oldest of kept.keys()) {
        if (kept.size <= MAX_KEPT) break
        kept.delete(oldest)
      }
      return object
    } catch (error) {
      if (isNotFound(error)) {
        kept.delete(key)
        return undefined
      }
      const last = kept.get(key)
      if (last === undefined) throw error
      return last as T
    }
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

  function watchObject(kind: Kind, namespace: string, name: string): Followed {
    const abort = new AbortController()
    const pods = new Set<string>()
    const { clock, ids, log, onChange } = options
    const fieldSelector = `metadata.name=${name}`
    const informer = createInformer(client, kind, { namespace, fieldSelector, clock, ids, log })
    const tell = () => {
      for (const uid of pods) onChange(uid)
    }
    informer.subscribe({ added: tell, updated: tell, deleted: tell })
    void informer.run(abort.signal)
    return { pods, informer, stop: () => abort.abort() }
  }

  function release(uid: string, kept: ReadonlySet<string>): void {
    for (const [key, { pods, stop }] of followed) {
      if (kept.has(key) || !pods.delete(uid) || pods.size > 0) continue
      stop()
      followed.delete(key)
    }
  }

  return {
    of: namespace => ({
      configMap: name => read<ConfigMap>(Kinds.ConfigMap, namespace, name),
      secret: name => read<Secret>(Kinds.Secret, namespace, name),
    }),
    follow(pod) {
      const { uid, namespace } = pod.metadata
      const wanted = new Set<string>()
      for (const { kind, name } of mountedObjects(pod)) {
        const key = keyOf(kind, namespace, name)
        wanted.add(key)
        let entry = followed.get(key)
        if (entry === undefined) {
          entry = watchObject(kind, namespace, name)
          followed.set(key, entry)
        }
        entry.pods.add(uid)
      }
      release(uid, wanted)
    },
    forget: uid => release(uid, new Set()),
    close() {
      for (const { stop } of followed.values()) stop()
      followed.clear()
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

/** What a pod's volumes hold files of. */
function mountedObjects({ spec }: AssignedPod): { readonly kind: Kind; readonly name: string }[] {
  const found: { kind: Kind; name: string }[] = []
  const add = (kind: Kind, name: string | undefined) => {
    if (name) found.push({ kind, name })
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    add(Kinds.ConfigMap, configMap?.name)
    add(Kinds.Secret, secret?.secretName)
    for (const source of projected?.sources ?? []) {
      add(Kinds.ConfigMap, source.configMap?.name)
      add(Kinds.Secret, source.secret?.name)
    }
  }
  return found
}

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind.plural}/${namespace}/${name}`
}
