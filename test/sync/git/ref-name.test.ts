import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { branchRef, isRefName } from '../../../src/sync/git/ref-name.ts'

function acceptedByGit(name: string): boolean {
  // A name that starts with a dash would be read as an option; Git judges the rest of it alike.
  return spawnSync('git', ['check-ref-format', '--allow-onelevel', name.replace(/^-/, 'x')]).status === 0
}

describe('isRefName()', () => {
  it.each([
    'main',
    'feature/x',
    'a.b',
    '@',
    'a@b',
    'a@{b',
    '.a',
    'a/.b',
    'a..b',
    'a.',
    'a.lock',
    'a.lock/b',
    'a//b',
    '/a',
    'a/',
    'a b',
    'a~b',
    'a^b',
    'a:b',
    'a?b',
    'a*b',
    'a[b',
    'a\\b',
    'a\tb',
    'a\x7fb',
    'ü',
    'a/-b',
    'refs/heads/x',
    'HEAD',
    '$(x)',
    ';rm',
    'a{b}',
    "a'b",
  ])('judges %j as git check-ref-format does', name => {
    expect(isRefName(name)).toBe(acceptedByGit(name))
  })

  it('agrees with git check-ref-format on random names', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '.',
      '/',
      '@',
      '{',
      '}',
      '.lock',
      '-',
      '~',
      ' ',
      '*',
      'ü',
      '..',
      '\\',
      '@{',
    )
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), pieces => {
        const name = pieces.join('')
        expect(isRefName(name), name).toBe(acceptedByGit(name))
      }),
      { numRuns: 150 },
    )
  })
})

describe('branchRef()', () => {
  it('refuses what could be taken for an option or is no branch', () => {
    expect(branchRef('feature/x')).toBe('refs/heads/feature/x')
    for (const name of ['-x', '--upload-pack=touch', '', 'HEAD', 'a b', 'a..b', 'a\nb'])
      expect(() => branchRef(name), name).toThrow('it is not a branch name')
  })
})
