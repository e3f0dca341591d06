import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { parseCommit } from '../../../src/sync/git/object.ts'
import { parseDeleteAllowance } from '../../../src/sync/revision/trailers.ts'

describe('parseCommit()', () => {
  it('keeps an author whose name holds carriage returns, escapes and other odd characters, without what terminals obey', () => {
    const name = 'Mal\u001b]0;x\u0007lory\r\u2028 (root) "admin"'
    expect(commit({ author: `${name} <m@example.org> 1700000000 -0130` }).author).toEqual({
      name: 'Mal\ufffd]0;x\ufffdlory\ufffd\u2028 (root) "admin"',
      email: 'm@example.org',
      time: '2023-11-14T20:43:20-01:30',
      timeMs: 1_700_000_000_000,
    })
  })

  it.each([
    ['no address', 'Ada 1 +0000', ''],
    ['an open address', 'Ada <ada 1 +0000', ''],
    ['no time', 'Ada <ada>', 'Ada'],
    ['a time beyond all calendars', 'Ada <ada> 999999999999999 +0000', 'Ada'],
  ])('gives the epoch for an author with %s', (_, author, name) => {
    expect(commit({ author }).author).toMatchObject({ name, time: '1970-01-01T00:00:00+00:00' })
  })

  // Each of these once cost the square of its length: minutes for 1 MB, in which the server answered nobody.
  const megabyte = 1024 * 1024
  it.each([
    ['a name of blanks', { author: `A${' '.repeat(megabyte)}` }],
    ['a name of brackets', { author: `A${'<'.repeat(megabyte)}` }],
    ['a subject of blanks', { message: `a${' '.repeat(megabyte)}b` }],
    ['a subject of carriage returns', { message: `a${'\r'.repeat(megabyte)}b` }],
    ['a message of line ends', { message: `a\n\n${'\n'.repeat(megabyte)}b` }],
    ['a trailer of many lines', { message: `a\n\nA: b\n${' c\n'.repeat(megabyte / 3)}` }],
  ])('reads %s in time in proportion to it', (_, parts) => {
    const { author, message, subject } = commit(parts)
    expect(author.name.length + subject.length + message.length).toBeLessThan(100_000)
    expect(parseDeleteAllowance(message)).toBeUndefined()
  })

  it('gives messages without control characters, and line ends of Windows as line ends', () => {
    const { message, subject } = commit({ message: 'one \u001b[2J\r\n\r\ntwo\u009b\u007f\ttab\r\nthree' })
    expect(subject).toBe('one \ufffd[2J')
    expect(message).toBe('one \ufffd[2J\n\ntwo\ufffd\ufffd\ttab\nthree')
  })

  it('holds of commits of many megabytes no more than what it gives', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const head = `tree ${'1'.repeat(40)}\nparent ${'2'.repeat(40)}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n`
    const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(8 * 1024 * 1024, 'word ')])
    collect()
    const before = process.memoryUsage().heapUsed
    const commits = Array.from({ length: 60 }, () =>
      parseCommit({ oid: '3'.repeat(40), type: 'commit', bytes }),
    )
    collect()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60 * 1024 * 1024)
    expect(commits).toHaveLength(60)
    expect(commits[59]).toMatchObject({ parents: ['2'.repeat(40)], author: { name: 'a' } })
  })

  it('refuses a commit whose headers go on for longer than any', () => {
    const bytes = Buffer.from(`tree ${'1'.repeat(40)}\n${`parent ${'2'.repeat(40)}\n`.repeat(50_000)}\n\nx`)
    expect(() => parseCommit({ oid: '3'.repeat(40), type: 'commit', bytes })).toThrow(
      'its headers are too long',
    )
  })

  it('cuts a long message so that nothing in the middle of it becomes a trailer', () => {
    const trailer = 'Bowline-Allow-Delete: all\n'
    const { message } = commit({ message: `subject\n\n${trailer.repeat(10_000)}` })
    expect(message.endsWith('\n\n…')).toBe(true)
    expect(parseDeleteAllowance(message)).toBeUndefined()
  })
})

function commit({ author = 'Ada <ada@example.org> 1 +0000', message = 'subject' }) {
  const text = `tree ${'a'.repeat(40)}\nauthor ${author}\ncommitter Grace <g@example.org> 1 +0000\n\n${message}\n`
  return parseCommit({ oid: 'c'.repeat(40), type: 'commit', bytes: Buffer.from(text) })
}
