/**
 * The one interface through which anything touches cluster objects. `client.ts` is the contract; `https-client.ts` speaks it to
 * a server; `cluster` offers the same in process. Informers keep a watched cache over any of them.
 */
export type {
  Client,
  DeleteOptions,
  GetOptions,
  JsonPatchOperation,
  ListOptions,
  ObjectList,
  Patch,
  Reader,
  Selection,
  WatchEvent,
  Watcher,
  WatchOptions,
  WriteOptions,
  Writer,
} from './client.ts'
