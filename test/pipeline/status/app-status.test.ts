import { describe, expect, it } from 'vitest'
import type { App, Diagnostic } from '../../../src/kube/index.ts'
import { composeStatus } from '../../../src/pipeline/status/app-status.ts'

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
})

function statusWith(count: number): NonNullable<App['status']> {
  const who = { name: 'Ada', email: 'ada@example.org', time: '2026-01-01T00:00:00+00:00', timeMs: 0 }
  const commit = {
    id: 'c'.repeat(40),
    tree: 't'.repeat(40),
    parents: [],
    author: who,
    committer: who,
    message: 'subject',
    subject: 'subject',
  }
  const diagnostics = Array.from(
    { length: count },
    (_, index): Diagnostic => ({
      file: 'apps/shop/web.yaml',
      line: index + 1,
      column: 1,
      code: 'unknown-field',
      message: `unknown field "f${index}"`,
    }),
  )
  return composeStatus(
    {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'shop' },
      spec: { source: { repository: '/srv/repo.git', branch: 'main', path: '' } },
    },
    {
      lane: undefined,
      source: { commit, diagnostics, total: 1, affected: [] },
      problem: undefined,
      children: [],
      objects: 0,
    },
    0,
  )
}
