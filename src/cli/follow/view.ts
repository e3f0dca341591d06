import { type Clock, type Logger, systemIds } from '../../base/index.ts'
import { type Client, createInformer, type Informer, type Lister } from '../../client/index.ts'
import {
  type App,
  type Deployment,
  Kinds,
  type KubeObject,
  type Pod,
  type RecordObject,
  type ReplicaSet,
  type StatefulSet,
} from '../../kube/index.ts'

/** What a follow reads of the cluster. */
export interface View {
  readonly apps: Lister<App>
  /** Of one commit. */
  readonly records: Lister<RecordObject>
  readonly deployments: Lister<Deployment>
  readonly replicaSets: Lister<ReplicaSet>
  readonly statefulSets: Lister<StatefulSet>
  readonly pods: Lister<Pod>
}

/** A view that follows the cluster. */
export interface LiveView extends View {
  /** Resolves when everything there is is known. */
  readonly synced: Promise<void>
  /** Calls back after every change; returns the function that ends it. */
  onChange(callback: () => void): () => void
  /** Follows until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** The caches behind a follow of one commit; `log` hears when the server does not answer. */
export function createView(
  client: Client,
  commit: string,
  parts: { readonly clock: Clock; readonly log: Logger },
): LiveView {
  const options = { ...parts, ids: systemIds }
  const apps = createInformer(client, Kinds.App, options)
  const records = createInformer(client, Kinds.Record, {
    ...options,
    labelSelector: `bowline.dev/commit=${commit}`,
  })
  const deployments = createInformer(client, Kinds.Deployment, options)
  const replicaSets = createInformer(client, Kinds.ReplicaSet, options)
  const statefulSets = createInformer(client, Kinds.StatefulSet, options)
  const pods = createInformer(client, Kinds.Pod, options)
  const informers = [
    apps,
    records,
    deployments,
    replicaSets,
    statefulSets,
    pods,
  ] as unknown as Informer<KubeObject>[]
  return {
    ...{ apps, records, deployments, replicaSets, statefulSets, pods },
    synced: Promise.all(informers.map(informer => informer.synced)).then(() => undefined),
    onChange(callback) {
      const ends = informers.map(informer =>
        informer.subscribe({ added: callback, updated: callback, deleted: callback }),
      )
      return () => {
        for (const end of ends) end()
      }
    },
    async run(signal) {
      await Promise.all(informers.map(informer => informer.run(signal)))
    },
  }
}
