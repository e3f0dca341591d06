/**
 * The append-only, hash-chained record of what each commit did in each app, and its checks. A record is opened durably
 * before the first write of an attempt and closed after the last.
 *
 *     const record = await ledger.open({ app, commit, trigger: 'push', skipped: [], plan })
 *     await ledger.close(record, { state: 'Healthy', changes, containers, message })
 */
export type { ChainHead } from './chain-head.ts'
export { Ledger } from './ledger.ts'
export {
  type RecordClosing,
  type RecordCommit,
  type RecordedChange,
  type RecordedContainer,
  type RecordOpening,
  type RecordProgress,
  type RecordState,
  recordRef,
  type Trigger,
} from './record.ts'
export { type ChainFault, type ChainReport, verifyChain } from './verify.ts'
