/**
 * The one interface through which anything touches cluster objects. `client.ts` is the contract; `https-client.ts` speaks it to
 * a server; `cluster` offers the same in process. Informers keep a watched cache over any of them.
 *
 *     const client = createHttpsClient({ server, ca, credentials: { certificate, key }, userAgent, fieldManager, clock })
 *     const pods = createInformer(client, Kinds.Pod, { fieldSelector: 'spec.nodeName=host-1', clock, ids, log })
 *     pods.subscribe({ added: pod => queue.add(objectKey(pod)) })
 *     void pods.run(signal)
 *     await pods.synced
 */
export type {
  Client,
  DeleteOptions,
  GetOptions,
  JsonPatchOperation,
  Listed,
  ListOptions,
  ObjectList,
  Patch,
  Reader,
  Selection,
  Snapshot,
  WatchEvent,
  Watcher,
  WatchOptions,
  WriteOptions,
  Writer,
} from './client.ts'
export {
  createEventRecorder,
  type EventOptions,
  type EventRecorder,
  type EventRecorderOptions,
} from './event-recorder.ts'
export {
  createHttpsClient,
  type HttpsClient,
  type HttpsClientOptions,
  type RawOptions,
} from './https-client.ts'
export { ifFound } from './if-found.ts'
export {
  createInformer,
  type Informer,
  type InformerHandler,
  type InformerOptions,
  type Lister,
} from './informer.ts'
export { Informers, type InformersOptions, untilSynced } from './informers.ts'
export { type KubeconfigConnection, loadKubeconfig, readKubeconfig } from './kubeconfig.ts'
export type { IndexFunction } from './object-cache.ts'
export { type Regaining, waitToRetry } from './reachability.ts'
export type { Credentials } from './transport.ts'
