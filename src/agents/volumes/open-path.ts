import { constants, type FileHandle, mkdir, open } from 'node:fs/promises'
import { BowlineError } from '../../base/index.ts'

/** Linux' O_PATH: what is there is found and not opened, so that no device wakes and nobody waits at a pipe. */
const O_PATH = 0o10000000
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants

/** Something on the host, found. It stays what it is, whatever is put under its path afterwards. */
export interface FoundPath {
  readonly path: string
  /** For {@link pathOf}; nothing can be read through it. Who asked for it closes it. */
  readonly handle: FileHandle
}

/** A path that leads to what a handle holds, or to what has a name in that folder, and nowhere else. Of this process only. */
export function pathOf(handle: FileHandle, name?: string): string {
  const held = `/proc/self/fd/${handle.fd}`
  return name === undefined ? held : `${held}/${name}`
}

/**
 * Goes from `start` part by part and follows no link on the way, as links were followed before, when it was decided that this is
 * where to go: whoever may write there can put a link in place of a folder at any time. Throws `conflict` when somebody did. With
 * `make`, what is missing is made: folders, or as the last part an empty file.
 */
export async function openInside(
  start: string,
  parts: readonly string[],
  make?: 'folders' | 'file',
): Promise<FileHandle> {
  let at = await open(start, O_PATH)
  try {
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1
      const name = pathOf(at, part)
      if (make === 'folders') await mkdir(name, { mode: 0o755 }).catch(unlessThere)
      if (make === 'file' && isLast) await makeFile(name).catch(unlessThere)
      const next = await open(name, O_PATH | O_NOFOLLOW | (isLast ? 0 : O_DIRECTORY))
      await at.close()
      at = next
    }
    if ((await at.stat()).isSymbolicLink()) throw Object.assign(new Error('it is a link'), { code: 'ELOOP' })
    return at
  } catch (cause) {
    await at.close()
    const { code } = cause as NodeJS.ErrnoException
    throw new BowlineError(
      'conflict',
      `"${parts.join('/')}" cannot be opened, or is not what it was a moment ago (${code})`,
      { cause, retryable: true },
    )
  }
}

/** The parts of a path, without those that say nothing. */
export function partsOf(path: string): readonly string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

async function makeFile(name: string): Promise<void> {
  await (await open(name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o644)).close()
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
