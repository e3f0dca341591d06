import { describe, expect, it } from 'vitest'
import { LayeredMap } from '../../../src/base/index.ts'
import { withPassedOver } from '../../../src/pipeline/lane/passed-over.ts'
import type { AppTarget } from '../../../src/pipeline/source/app-target.ts'

describe('withPassedOver()', () => {
  it('names the commit that still waited, and what it had passed over itself, oldest first', () => {
    const waiting = target('b', ['a'])
    expect(withPassedOver(target('d', ['c']), waiting).skipped).toEqual(['a', 'b', 'c'])
    expect(withPassedOver(target('d', ['c']), undefined).skipped).toEqual(['c'])
  })

  it('names neither itself nor a commit that was attempted and waits to be tried again', () => {
    expect(withPassedOver(target('b'), target('b', ['a'])).skipped).toEqual(['a'])
    expect(withPassedOver(target('b'), { ...target('a'), trigger: 'retry' }).skipped).toEqual([])
  })
})

function target(id: string, skipped: readonly string[] = []): AppTarget {
  const ada = { name: 'Ada', email: 'ada@example.org', time: '2026-01-01T00:00:00Z' }
  return {
    app: 'shop',
    commit: { id, subject: id, message: id, author: ada, committer: ada },
    trigger: 'push',
    skipped,
    isGone: false,
    desired: LayeredMap.of<string, never>([]),
    diagnostics: [],
    allowDelete: 0,
    isClaimedElsewhere: () => false,
  }
}
