import { realpath } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { BowlineError, messageOf } from '../../base/index.ts'
import { findGitDirectory, type GitDirectory } from '../git/git-directory.ts'
import { readSymbolicRef } from '../git/ref-store.ts'

/** The repository around a folder. */
export interface LocatedRepository {
  /** The absolute folder of the repository. */
  readonly root: string
  readonly directory: GitDirectory
  /** The way from the root to the folder that was asked about, with `/`; `` for the root itself. */
  readonly path: string
  /** The branch that HEAD names; undefined when it names a commit. */
  readonly branch: string | undefined
}

/** Finds the repository that a folder belongs to, as `git` does: here, or in a folder above. Throws `bad-repository`. */
export async function locateRepository(folder: string): Promise<LocatedRepository> {
  const start = await realpath(folder).catch((error: NodeJS.ErrnoException) => {
    const state = error.code === 'ENOENT' ? 'there is no such folder' : messageOf(error)
    throw new BowlineError('bad-repository', `Cannot open ${folder}: ${state}`)
  })
  for (let root = start; ; root = dirname(root)) {
    const directory = await findGitDirectory(root).catch(() => undefined)
    if (directory !== undefined) {
      const ref = await readSymbolicRef(directory, 'HEAD')
      const branch = ref?.startsWith('refs/heads/') ? ref.slice('refs/heads/'.length) : undefined
      return { root, directory, path: relative(root, start).split(sep).join('/'), branch }
    }
    if (root === dirname(root))
      throw new BowlineError(
        'bad-repository',
        `Cannot open ${folder}: neither it nor a folder above it is a Git repository`,
        {
          data: { next: 'make one with `git init`, commit the manifests, and try again' },
        },
      )
  }
}
