import { describe, expect, it } from 'vitest'
import { parseWarnings } from '../../src/client/warnings.ts'

describe('parseWarnings()', () => {
  it.each([
    [undefined, []],
    ['299 - "owned by app shop"', ['owned by app shop']],
    ['299 - "say \\"no\\", please", 299 kube "second"', ['say "no", please', 'second']],
    [
      ['299 - "one"', '199 - "other code"', '299 - "two" "Mon, 01 Jan 2024 00:00:00 GMT"'],
      ['one', 'two'],
    ],
    ['nonsense', []],
  ])('reads %j', (header, texts) => {
    expect(parseWarnings(header)).toEqual(texts)
  })
})
