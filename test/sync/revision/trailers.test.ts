import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDeleteAllowance, parseTrailers } from '../../../src/sync/revision/trailers.ts'

function parsedByGit(message: string): string[] {
  const output = execFileSync('git', ['interpret-trailers', '--parse', '--no-divider'], {
    input: message,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', HOME: '/nonexistent' },
  })
  return output.split('\n').filter(line => line !== '')
}

function parsedHere(message: string): string[] {
  return parseTrailers(message).map(({ key, value }) => `${key}: ${value}`)
}

const MESSAGES = [
  'subject\n\nbody\n\nA: 1\nB-c: two words\n',
  'subject\n\nA: 1\n',
  'A: 1\n',
  'subject\nA: 1\n',
  'subject\n\nbody\nA: 1\n',
  'subject\n\nbody\n\nA: 1\nno trailer\n',
  'subject\n\nbody\n\nA: 1\nno trailer\nSigned-off-by: Ada <a@b>\n',
  'subject\n\nSigned-off-by: Ada <a@b>\n1\n2\n3\n',
  'subject\n\nSigned-off-by: Ada <a@b>\n1\n2\n3\n4\n',
  'subject\n\nbody\n\nA: 1\n  continued\n here\nB: 2\n',
  'subject\n\nbody\n\nA: 1\n\nlast words\n',
  'subject\n\nbody\n\nA: 1\n\n\n\n',
  'subject\n\n\n\nA : spaced\n',
  'subject\n\nA:none\nB:\n',
  'subject\n\nhttp://x.example\n',
  'subject\n\n(cherry picked from commit abc)\n',
  'subject\n\nx: y: z\n',
  'subject\n\n# comment\nA: 1\n',
  '',
  '\n\nA: 1\n',
]

describe('parseTrailers()', () => {
  it.each(MESSAGES)('reads %j as git interpret-trailers does', message => {
    expect(parsedHere(message)).toEqual(parsedByGit(message))
  })

  it('agrees with git on random messages', () => {
    const line = fc.constantFrom(
      'A: 1',
      'Signed-off-by: x',
      'words',
      ' more',
      '',
      '',
      'B:',
      'a b: c',
      '(cherry picked from commit 1)',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), lines => {
        const message = `subject\n${lines.join('\n')}\n`
        expect(parsedHere(message)).toEqual(parsedByGit(message))
      }),
      { numRuns: 100 },
    )
  })
})

describe('parseDeleteAllowance()', () => {
  it.each([
    ['remove it\n\nBowline-Allow-Delete: 7\n', 7],
    ['remove it\n\nbowline-allow-delete: ALL\n', 'all'],
    ['remove it\n\nBowline-Allow-Delete: 3\nBowline-Allow-Delete: 5\n', 5],
    ['remove it\n\nBowline-Allow-Delete: 0\n', 0],
    ['remove it\n\nBowline-Allow-Delete: many\n', undefined],
    ['remove it\n\nBowline-Allow-Delete: -1\n', undefined],
    ['remove it\n\nBowline-Allow-Delete:\n', undefined],
    ['Bowline-Allow-Delete: all\n', undefined],
    ['remove it\n\nAs in Bowline-Allow-Delete: all\nor so\n', undefined],
    ['remove it\n\nBowline-Allow-Delete: all\n\nbut that is not at the end\n', undefined],
  ])('reads %j as %j', (message, allowance) => {
    expect(parseDeleteAllowance(message)).toBe(allowance)
  })
})
