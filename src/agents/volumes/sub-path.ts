import { lstat, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { BowlineError } from '../../base/index.ts'
import { type FoundPath, openInside, partsOf, pathOf } from './open-path.ts'

/**
 * What `subPath` leads to in a volume, made as a folder when it is not there. Links in it are followed, for the files of ConfigMaps
 * are links, but nothing outside the volume is ever the answer: that throws `unauthorized`.
 */
export async function openSubPath(volume: FoundPath, subPath: string): Promise<FoundPath> {
  if (subPath.startsWith('/') || partsOf(subPath).includes('..'))
    throw new BowlineError('unauthorized', `subPath "${subPath}" must be relative and not contain ".."`)
  const root = await realpath(volume.path)
  const path = await resolveInside(root, subPath)
  const handle = await openInside(pathOf(volume.handle), partsOf(path.slice(root.length)), 'folders')
  return { path, handle }
}

/** The real path, of which the end may be missing. */
async function resolveInside(root: string, subPath: string): Promise<string> {
  let at = root
  for (const part of partsOf(subPath)) {
    const next = join(at, part)
    const isMissing = (await lstat(next).catch(() => undefined)) === undefined
    at = isMissing
      ? next
      : await realpath(next).catch(() => {
          throw new BowlineError(
            'unauthorized',
            `subPath "${subPath}" goes through a link that leads nowhere`,
          )
        })
    if (at !== root && !at.startsWith(root + sep))
      throw new BowlineError('unauthorized', `subPath "${subPath}" leads out of its volume`)
  }
  return at
}
