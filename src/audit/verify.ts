import type { RecordObject } from '../kube/index.ts'
import { CHAIN_START, hashRecord, recordName } from './record.ts'

/** One thing that is not as it must be in a chain. */
export interface ChainFault {
  readonly record: string
  readonly message: string
}

export interface ChainReport {
  readonly app: string
  readonly records: number
  /** The newest record is open: an attempt is under way (or its server died and has not come back). */
  readonly open: boolean
  readonly faults: readonly ChainFault[]
}

/**
 * Checks the records of one app, in any order: numbered from 1 without a gap, each naming the hash of the one before, each
 * hash that of its own content, only the newest open. `last` is the name of the newest record as the app's status tells it,
 * which shows records cut off at the end; null when it is not known.
 */
export function verifyChain(app: string, records: readonly RecordObject[], last: string | null): ChainReport {
  const chain = records.toSorted((a, b) => a.spec.sequence - b.spec.sequence)
  const faults: ChainFault[] = []
  let previous = CHAIN_START
  chain.forEach((record, index) => {
    const name = recordName(app, record.spec.sequence)
    const fault = (message: string) => faults.push({ record: name, message })
    const expected = index + 1
    if (record.spec.sequence !== expected)
      fault(`expected ${recordName(app, expected)} here: records are missing or doubled`)
    if (record.metadata.name !== name || record.spec.app !== app)
      fault('its name, app and sequence do not agree')
    if (record.spec.previousHash !== previous) fault('does not continue from the record before it')
    const isOpen = record.status?.state === 'Open'
    if (isOpen && index < chain.length - 1) fault('is open although newer records exist')
    const hash = hashRecord(record)
    if (!isOpen && record.status?.hash !== hash) fault('its content does not match its hash')
    previous = record.status?.hash ?? previous
  })
  const newest = chain.at(-1)
  if (last !== null && (newest === undefined || newest.metadata.name !== last) && !isNewer(newest, last))
    faults.push({ record: last, message: 'is the last record by the status of the app, but it is missing' })
  return { app, records: chain.length, open: newest?.status?.state === 'Open', faults }
}

/** The status is written after the record, so it may lag behind by the newest ones. */
function isNewer(newest: RecordObject | undefined, last: string): boolean {
  return newest?.metadata.name !== undefined && newest.metadata.name > last
}
