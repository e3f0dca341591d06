import { describe, expect, it } from 'vitest'
import type { App, Diagnostic } from '../../../src/kube/index.ts'
import { composeStatus, type Sayings } from '../../../src/pipeline/status/app-status.ts'
import type { LaneReport } from '../../../src/pipeline/status/lane-report.ts'

describe('composeStatus()', () => {
  it('lists so many mistakes as fit an object, and counts the rest', () => {
    const { diagnostics = [], phase } = statusWith(20_000)
    expect(phase).toBe('Held')
    expect(diagnostics).toHaveLength(101)
    expect(diagnostics[99]).toMatchObject({ line: 100, code: 'unknown-field' })
    expect(diagnostics[100]).toMatchObject({
      line: 101,
      code: 'too-many-problems',
      message: '19900 more problems follow',
    })
    expect(statusWith(100).diagnostics).toHaveLength(100)
  })

  it('says of a commit that its lane has not looked at nothing that was so of the one before', () => {
    const earlier: LaneReport = {
      commit: commit('a'),
      diagnostics: mistakes(1),
      phase: 'Held',
      message: 'a mistake',
      isSynced: true,
      appliedRevision: '0'.repeat(40),
      counts: { create: 1, configure: 2, delete: 3, keep: 4 },
      hold: {
        reason: 'deletes-most',
        message: 'it deletes 3',
        deletes: 3,
      },
      record: 'shop-000002',
    }
    const source = { commit: commit('b'), diagnostics: [], total: 1, affected: ['shop'] }
    const held = composed(undefined, { lane: earlier, source: { ...source, commit: commit('a') } })
    expect(held).toMatchObject({ phase: 'Held', hold: { deletes: 3 }, changes: { delete: 3 } })
    const waiting = composed(held, { lane: earlier, source })
    expect(waiting).toMatchObject({
      observedRevision: 'b'.repeat(40),
      phase: 'Pending',
      message: 'waits for bbbbbbb',
      diagnostics: [],
      appliedRevision: '0'.repeat(40),
      lastRecord: 'shop-000002',
    })
    expect(waiting).not.toHaveProperty('hold')
    expect(waiting).not.toHaveProperty('changes')
    expect(waiting.conditions?.map(({ type, status }) => [type, status])).toEqual([
      ['Ready', 'False'],
      ['Synced', 'False'],
    ])
    const untouched = composed(held, { lane: earlier, source: { ...source, affected: [] } })
    expect(untouched).toMatchObject({ phase: 'Held', diagnostics: [{ line: 1 }], hold: { deletes: 3 } })
  })
})

function statusWith(count: number): NonNullable<App['status']> {
  const source = { commit: commit('c'), diagnostics: mistakes(count), total: 1, affected: [] }
  return composed(undefined, { lane: undefined, source })
}

function composed(
  status: App['status'],
  { lane, source }: Pick<Sayings, 'lane' | 'source'>,
): NonNullable<App['status']> {
  const app: App = {
    apiVersion: 'bowline.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop' },
    spec: { source: { repository: '/srv/repo.git', branch: 'main', path: '' } },
    ...(status && { status }),
  }
  return composeStatus(app, { lane, source, problem: undefined, children: [], objects: 0 }, 0)
}

function commit(letter: string): NonNullable<Sayings['source']>['commit'] & LaneReport['commit'] {
  const who = { name: 'Ada', email: 'ada@example.org', time: '2026-01-01T00:00:00+00:00', timeMs: 0 }
  const id = letter.repeat(40)
  const text = { message: 'subject', subject: 'subject' }
  return { id, tree: 't'.repeat(40), parents: [], author: who, committer: who, ...text }
}

function mistakes(count: number): readonly Diagnostic[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ file: 'apps/shop/web.yaml', line: index + 1, column: 1 },
    code: 'unknown-field',
    message: `unknown field "f${index}"`,
  }))
}
