/**
 * What Node ought to have had: clock, ids, backoff, work queue, broadcast, channel, cancellation, log, errors, JSON values, and the
 * contract of a store of keys and bytes. Knows no Kubernetes, and does no I/O of its own but to make folders.
 *
 *     const queue = new WorkQueue(systemClock)
 *     queue.add('default/web')
 */
export { type BackoffOptions, backoffMs, jittered } from './backoff.ts'
export { Broadcast } from './broadcast.ts'
export { Cancellation } from './cancellation.ts'
export { Channel } from './channel.ts'
export { type ChildDescriptor, onlyDescriptors } from './child-descriptors.ts'
export { type Clock, systemClock } from './clock.ts'
export {
  BowlineError,
  type BowlineErrorOptions,
  causesOf,
  type ErrorCode,
  hasCode,
  isAborted,
  messageOf,
} from './errors.ts'
export { type Ids, systemIds } from './ids.ts'
export {
  containsAddress,
  formatIpv4,
  formatSubnet,
  overlaps,
  parseIpv4,
  parseSubnet,
  type Subnet,
  sizeOf,
} from './ipv4.ts'
export {
  canonicalJson,
  canonicalPieces,
  deepCopy,
  deepEqual,
  deepFreeze,
  isObject,
  type Json,
  type JsonObject,
  setOwn,
  shareParts,
  withMembers,
} from './json.ts'
export type {
  Compare,
  KeyEvent,
  KeyEvents,
  KeyHead,
  KeyValue,
  KeyValueReader,
  KeyValueStore,
  Operation,
  RangeOptions,
  RangeResult,
  TxnResult,
  WatchEventsOptions,
} from './key-value.ts'
export { LayeredMap } from './layered-map.ts'
export { Limit } from './limit.ts'
export { type LogFields, type Logger, silentLogger } from './log.ts'
export { isLoopback } from './loopback.ts'
export { makeFolder } from './make-folder.ts'
export type { Service } from './service.ts'
export { SortedList } from './sorted-list.ts'
export { withoutTrailing } from './trailing.ts'
export { breathe, type Urgency } from './turns.ts'
export { WorkQueue } from './work-queue.ts'
