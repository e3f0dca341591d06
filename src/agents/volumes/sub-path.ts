import { lstat, mkdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { BowlineError } from '../../base/index.ts'

/**
 * The real path of `subPath` in a volume, made as a folder when it is not there. Links in it are followed, for the files of
 * ConfigMaps are links, but nothing outside the volume is ever the answer: that throws `unauthorized`.
 */
export async function openSubPath(volume: string, subPath: string): Promise<string> {
  const root = await realpath(volume)
  const parts = subPath.split('/').filter(part => part !== '' && part !== '.')
  if (subPath.startsWith('/') || parts.includes('..'))
    throw new BowlineError('unauthorized', `subPath "${subPath}" must be relative and not contain ".."`)
  let at = root
  for (const part of parts) {
    const next = join(at, part)
    // Made one by one from a real path, so that a dangling link cannot make a folder elsewhere.
    if ((await lstat(next).catch(() => undefined)) === undefined) await mkdir(next, { mode: 0o755 })
    at = await realpath(next).catch(() => {
      throw new BowlineError('unauthorized', `subPath "${subPath}" goes through a link that leads nowhere`)
    })
    if (at !== root && !at.startsWith(root + sep))
      throw new BowlineError('unauthorized', `subPath "${subPath}" leads out of its volume`)
  }
  return at
}
