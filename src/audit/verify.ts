import type { RecordObject } from '../kube/index.ts'
import type { ChainHead } from './chain-head.ts'
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
  /** The hash of the newest closed record: whoever keeps it elsewhere can tell later that nothing before it was changed. */
  readonly hash: string
  readonly faults: readonly ChainFault[]
}

/**
 * Checks the records of one app, in any order: numbered from 1 without a gap, each naming the hash of the one before, each
 * hash that of its own content, only the newest open. `head`, read before the records, is where the chain ends by its writer's
 * account, which shows what was cut off at the end or opened again; null when it is not known.
 */
export function verifyChain(
  app: string,
  records: readonly RecordObject[],
  head: ChainHead | null,
): ChainReport {
  const chain = records.toSorted((a, b) => a.spec.sequence - b.spec.sequence)
  const faults: ChainFault[] = []
  let previous = CHAIN_START
  chain.forEach((record, index) => {
    for (const message of faultsOf(record, { app, sequence: index + 1, previous }))
      faults.push({ record: nameOf(record), message })
    if (isOpen(record) && index < chain.length - 1)
      faults.push({ record: nameOf(record), message: 'is open although newer records exist' })
    if (!isOpen(record)) previous = record.status?.hash ?? ''
  })
  if (head !== null) faults.push(...compareWithHead(app, chain, head))
  const newest = chain.at(-1)
  return {
    app,
    records: chain.length,
    open: newest !== undefined && isOpen(newest),
    hash: previous,
    faults,
  }
}

function faultsOf(
  record: RecordObject,
  expected: { readonly app: string; readonly sequence: number; readonly previous: string },
): readonly string[] {
  const { app, sequence, previous } = expected
  const faults: string[] = []
  if (record.spec.sequence !== sequence)
    faults.push(`stands where ${recordName(app, sequence)} should: records are missing or doubled`)
  if (record.spec.app !== app || nameOf(record) !== recordName(app, record.spec.sequence))
    faults.push('its name, app and sequence do not agree')
  if (record.spec.previousHash !== previous) faults.push('does not continue from the record before it')
  if (!isOpen(record) && record.status?.hash !== hashRecord(record))
    faults.push('its content does not match its hash')
  return faults
}

/** Records may have been added since the head was read, but none that it counts may be gone or different. */
function compareWithHead(
  app: string,
  chain: readonly RecordObject[],
  { sequence, hash, open }: ChainHead,
): readonly ChainFault[] {
  const record = chain.find(({ spec }) => spec.sequence === sequence)
  const fault = (message: string): readonly ChainFault[] => [{ record: recordName(app, sequence), message }]
  if (record === undefined) return fault('is missing: the chain was cut off at its end')
  if (open)
    return record.spec.previousHash === hash ? [] : fault('does not continue from where the chain was')
  if (isOpen(record)) return fault('was closed and is open again')
  return record.status?.hash === hash ? [] : fault('is not the record that the chain ended with')
}

function isOpen({ status }: RecordObject): boolean {
  return status?.state === 'Open'
}

function nameOf({ metadata }: RecordObject): string {
  return metadata.name ?? ''
}
