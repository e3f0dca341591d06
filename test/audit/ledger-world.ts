import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ledger } from '../../src/audit/index.ts'
import { type KeyValueStore, silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { openLmdbStore } from '../../src/cluster/index.ts'
import type { Plan } from '../../src/diff/index.ts'
import type { RecordObject } from '../../src/kube/index.ts'

/** A ledger over a real store in a folder of its own. */
export interface LedgerWorld {
  readonly store: KeyValueStore
  readonly ledger: Ledger
  /** Opens and closes so many records of an app. */
  addRecords(app: string, count: number): Promise<readonly RecordObject[]>
  close(): Promise<void>
}

export async function openLedgerWorld(): Promise<LedgerWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-ledger-'))
  const store = await openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger })
  const ledger = new Ledger({ store, clock: systemClock, ids: systemIds })
  return {
    store,
    ledger,
    async addRecords(app, count) {
      const records: RecordObject[] = []
      for (let index = 0; index < count; index += 1) {
        const record = await ledger.open({ ...opening(app), trigger: index === 0 ? 'push' : 'drift' })
        records.push(await ledger.close(record, closing))
      }
      return records
    },
    async close() {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }
const at = '2026-01-01T00:00:00.000Z'

/** What a test opens a record with. */
export function opening(app: string): Parameters<Ledger['open']>[0] {
  const plan: Plan = {
    app,
    revision: 'a'.repeat(40),
    changes: [
      {
        action: 'configure',
        ref,
        source: { file: 'web.yaml', line: 3, column: 1 },
        fields: [
          { path: 'spec.replicas', before: 1, after: 3 },
          { path: 'spec.paused', after: true },
        ],
      },
      { action: 'keep', ref: { ...ref, name: 'api' }, fields: [] },
    ],
  }
  const ada = { name: 'Ada', email: 'ada@example.org', time: at }
  return {
    app,
    commit: { id: 'a'.repeat(40), subject: 'three', message: 'three\n\nmore', author: ada, committer: ada },
    trigger: 'push',
    skipped: ['b'.repeat(40)],
    plan,
  }
}

export const closing: Parameters<Ledger['close']>[1] = {
  state: 'Healthy',
  message: '1 object is healthy',
  healthyAt: at,
  changes: [{ ref, action: 'configure', outcome: 'configured', at }],
  containers: [{ action: 'started', node: 'host-1', pod: 'shop/web-1', container: 'web', at }],
}
