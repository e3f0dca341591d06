import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { packTar } from '../../../../src/agents/runtime/docker/images/tar.ts'

it('packTar() makes an archive that tar reads, the same bytes each time', () => {
  const entries = [
    { path: 'bin/', mode: 0o700 },
    { path: 'bin/tool', content: Buffer.from('x'.repeat(1_000)) },
    { path: 'bin/alias', linkTo: 'tool' },
    { path: 'empty', content: Buffer.alloc(0), mode: 0o644 },
  ]
  const archive = packTar(entries)
  expect(archive.length % 512).toBe(0)
  expect(packTar(entries)).toEqual(archive)
  const listed = execFileSync('tar', ['-tv', '--full-time', '--utc'], { input: archive, encoding: 'utf8' })
  expect(
    listed
      .trim()
      .split('\n')
      .map(line => line.replace(/\s+/g, ' ')),
  ).toEqual([
    'drwx------ 0/0 0 1970-01-01 00:00:00 bin/',
    '-rwxr-xr-x 0/0 1000 1970-01-01 00:00:00 bin/tool',
    'lrwxr-xr-x 0/0 0 1970-01-01 00:00:00 bin/alias -> tool',
    '-rw-r--r-- 0/0 0 1970-01-01 00:00:00 empty',
  ])
  const content = execFileSync('tar', ['-xO', 'bin/tool'], { input: archive, encoding: 'utf8' })
  expect(content).toBe('x'.repeat(1_000))
})

it('packTar() refuses a path that its format cannot hold', () => {
  expect(() => packTar([{ path: 'x'.repeat(101) }])).toThrow(RangeError)
})
