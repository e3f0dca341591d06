import type { Ledger } from '../../audit/index.ts'
import type { RecordObject } from '../../kube/index.ts'

/** A record that a crash left open says so: what was noted happened, what came after is not known. */
export async function closeInterrupted(ledger: Ledger, record: RecordObject): Promise<void> {
  const { changes = [], containers = [] } = record.status ?? {}
  await ledger.close(record, {
    state: 'Interrupted',
    changes,
    containers,
    message:
      'the server ended during this attempt; changes that are not listed may or may not have been written',
  })
}
