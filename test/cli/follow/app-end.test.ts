import { describe, expect, it } from 'vitest'
import { endOf } from '../../../src/cli/follow/app-end.ts'
import type { View } from '../../../src/cli/follow/view.ts'
import type { App, AppStatus, RecordObject } from '../../../src/kube/index.ts'

const COMMIT = 'b'.repeat(40)
const MISTAKE = { file: 'web.yaml', line: 6, column: 3, code: 'unknown-field', message: 'unknown field' }

describe('endOf()', () => {
  it('waits until the status of a held app speaks of the record that it ended with', () => {
    const earlier: AppStatus = { observedRevision: 'a'.repeat(40), lastRecord: 'shop-000002', phase: 'Held' }
    const record = heldRecord('shop-000003')
    const hold: NonNullable<AppStatus['hold']> = {
      ...{ reason: 'deletes-everything', message: 'it deletes all' },
      deletes: 2,
    }
    for (const status of [earlier, { ...earlier, observedRevision: COMMIT, diagnostics: [MISTAKE] }])
      expect(endOf(view(status, record), 'shop', COMMIT)).toBeUndefined()
    const told = { ...earlier, observedRevision: COMMIT, lastRecord: 'shop-000003', hold }
    expect(endOf(view(told, record), 'shop', COMMIT)).toMatchObject({
      ...{ phase: 'Held', diagnostics: [], deletes: 2 },
    })
  })

  it('takes a held app as ended also when its source cannot be read since', () => {
    const status: AppStatus = {
      ...{ observedRevision: COMMIT, lastRecord: 'shop-000003', diagnostics: [MISTAKE] },
      ...{ phase: 'Failed', message: 'the repository cannot be read' },
    }
    expect(endOf(view(status, heldRecord('shop-000003')), 'shop', COMMIT)).toMatchObject({
      ...{ phase: 'Held', diagnostics: [MISTAKE] },
    })
  })

  it('takes a held app as ended when its status is past that, or is gone', () => {
    const newer: AppStatus = { observedRevision: 'c'.repeat(40), lastRecord: 'shop-000004', phase: 'Healthy' }
    const record = heldRecord('shop-000003')
    for (const status of [newer, undefined])
      expect(endOf(view(status, record), 'shop', COMMIT)).toMatchObject({ phase: 'Held', diagnostics: [] })
  })
})

/** Of one app, and of one record; without a status the App is gone. */
function view(status: AppStatus | undefined, record: RecordObject): View {
  const app = { metadata: { name: 'shop' }, status } as unknown as App
  const parts = {
    apps: { get: () => (status === undefined ? undefined : app) },
    records: { list: () => [record] },
  }
  return parts as unknown as View
}

function heldRecord(name: string): RecordObject {
  return {
    metadata: { name },
    spec: { app: 'shop', trigger: 'push', sequence: 3, openedAt: '2026-01-01T00:00:00Z', plan: {} },
    status: { state: 'Held' },
  } as unknown as RecordObject
}
