import { describe, expect, it } from 'vitest'
import { hang, printable, printableOutput } from '../../src/cli/printable.ts'

describe('printable()', () => {
  it('shows what a terminal would obey, in values, keys and lists, and leaves the data as it was', () => {
    const data = {
      subject: 'a\u001b]0;x\u0007\r\nRESULT',
      list: ['\u009b31m', '\u202e'],
      'k\u0000': 1,
      no: null,
    }
    const before = structuredClone(data)
    expect(printable(data)).toEqual({
      subject: 'a\\u001b]0;x\\u0007\\r\\nRESULT',
      list: ['\\u009b31m', '\\u202e'],
      'k\\u0000': 1,
      no: null,
    })
    expect(data).toEqual(before)
  })

  it('keeps the line ends of messages and excerpts, which are printed with an indent', () => {
    const { message } = printable({ message: 'one\u001b[2J\ntwo\n' })
    expect(hang(message, '   ')).toBe('one\\u001b[2J\n   two')
  })
})

describe('printableOutput()', () => {
  it('lets colours, line ends and tabs through and nothing else, and no colours where there are none', () => {
    const text = '\u001b[31mred\u001b[0m\n\ttitle \u001b]0;x\u0007 up \u001b[2A \u009b2J \r over \u2067rtl'
    expect(printableOutput(text, true)).toBe(
      '\u001b[31mred\u001b[0m\n\ttitle \\u001b]0;x\\u0007 up \\u001b[2A \\u009b2J \\r over \\u2067rtl',
    )
    expect(printableOutput('\u001b[31mred', false)).toBe('\\u001b[31mred')
  })

  it('keeps JSON what it is', () => {
    const value = { name: 'a\u009b\u202e\u007f\u001b[1mé\u{1f600}' }
    expect(JSON.parse(printableOutput(JSON.stringify(value, null, 2), true))).toEqual(value)
  })
})
