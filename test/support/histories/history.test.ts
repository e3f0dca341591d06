import { describe, expect, it } from 'vitest'
import { type Change, type History, violationsOf, type WatchRecord, type WriteRecord } from './history.ts'

const NOTHING = { type: 'list', revision: 1, values: new Map() } as const

function change(type: Change['type'], revision: number, key: string, value: string): Change {
  return { type, revision, key, value }
}

function put(key: string, value: string, revision: number): WriteRecord {
  return { key, type: 'put', value, outcome: 'acknowledged', revision }
}

const WRITES: readonly WriteRecord[] = [
  put('a', '1', 2),
  put('b', '2', 3),
  put('a', '3', 4),
  { key: 'b', type: 'delete', value: '', outcome: 'acknowledged', revision: undefined },
  { key: 'c', type: 'put', value: '4', outcome: 'refused', revision: undefined },
  { key: 'c', type: 'put', value: '5', outcome: 'unknown', revision: undefined },
]
const CHANGES: readonly Change[] = [
  change('ADDED', 2, 'a', '1'),
  change('ADDED', 3, 'b', '2'),
  change('MODIFIED', 4, 'a', '3'),
  change('DELETED', 5, 'b', '2'),
  change('ADDED', 6, 'c', '5'),
]
const END = {
  revision: 7,
  values: new Map([
    ['a', '3'],
    ['c', '5'],
  ]),
}

function history(watcher: readonly WatchRecord[], more: Partial<History> = {}): History {
  return { writes: WRITES, watchers: [[NOTHING, ...CHANGES], watcher], end: END, ...more }
}

describe('violationsOf()', () => {
  it('finds nothing in a history that is as it must be, with bookmarks, a late list and an unknown write', () => {
    const bookmark = { type: 'BOOKMARK', revision: 3 } as const
    const late = {
      type: 'list',
      revision: 4,
      values: new Map([
        ['a', '3'],
        ['b', '2'],
      ]),
    } as const
    expect(
      violationsOf(history([NOTHING, ...CHANGES.slice(0, 2), bookmark, late, ...CHANGES.slice(3)])),
    ).toEqual([])
  })

  const [first, second, third, fourth, fifth] = CHANGES as [Change, Change, Change, Change, Change]
  it.each<[string, History, RegExp]>([
    [
      'a change out of order',
      history([NOTHING, second, first, third, fourth, fifth]),
      /ADDED a=1 at 2 after 3/,
    ],
    ['a change twice', history([NOTHING, first, second, second]), /ADDED b=2 at 3 after 3/],
    ['a change that was missed', history([NOTHING, first, third]), /missed ADDED b=2 at 3/],
    [
      'a change that came after a bookmark of it',
      history([NOTHING, { type: 'BOOKMARK', revision: 3 }, second]),
      /ADDED b=2 at 3 after 3/,
    ],
    [
      'a bookmark of the past',
      history([NOTHING, first, second, { type: 'BOOKMARK', revision: 2 }]),
      /bookmark of 2/,
    ],
    [
      'two tales of one revision',
      history([NOTHING, { ...first, value: '9' }]),
      /watcher 1 saw ADDED a=9 at 2 and another ADDED a=1 at 2/,
    ],
    [
      'a change of a key that was not there',
      {
        writes: [put('a', '1', 2)],
        watchers: [[NOTHING, { ...first, type: 'MODIFIED' }]],
        end: { revision: 2, values: new Map([['a', '1']]) },
      },
      /the key was absent/,
    ],
    [
      'a list that its changes do not lead to',
      history([], { end: { ...END, values: new Map() } }),
      /listed at 7: ;/,
    ],
    [
      'an acknowledged write that is not there',
      history([], { writes: [...WRITES, put('d', '6', 7)] }),
      /d=6 was acknowledged at 7, where nothing/,
    ],
    [
      'an acknowledged deletion that did not happen',
      history([], {
        writes: [
          ...WRITES,
          { key: 'a', type: 'delete', value: '', outcome: 'acknowledged', revision: undefined },
        ],
      }),
      /a deletion of a after 4/,
    ],
    [
      'acknowledged writes of a key out of order',
      history([], { writes: [put('a', '3', 4), put('a', '1', 2), ...WRITES.slice(1)] }),
      /a=1 was acknowledged at 2, after 4/,
    ],
    [
      'a refused write that happened',
      history([], {
        writes: WRITES.map(write => (write.value === '5' ? { ...write, outcome: 'refused' } : write)),
      }),
      /ADDED c=5 at 6, which nobody wrote with success/,
    ],
    [
      'a deletion that nobody asked for',
      history([], { writes: WRITES.filter(({ type }) => type === 'put') }),
      /b was deleted 1 times and asked to be 0 times/,
    ],
  ])('finds %s', (_, given, expected) => {
    expect(violationsOf(given).join('\n')).toMatch(expected)
  })
})
