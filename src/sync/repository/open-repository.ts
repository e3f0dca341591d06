import { isAbsolute } from 'node:path'
import { BowlineError, type Clock } from '../../base/index.ts'
import type { GitBinary } from '../git/git-binary.ts'
import { LocalRepository } from './local-repository.ts'
import { RemoteRepository } from './remote-repository.ts'
import type { Repository } from './repository.ts'

/** A source as an App's spec names it. */
export interface RepositorySource {
  /** An absolute folder of this machine, or an http(s) address. */
  readonly repository: string
  readonly branch: string
  /** A `git credential-store` file of this machine; only for an address. */
  readonly credentialsFile?: string
}

export interface OpenRepositoryOptions {
  /** Where clones of remote repositories are kept. */
  readonly cacheFolder: string
  /** From `findGit`; undefined: isomorphic-git does everything. */
  readonly git: GitBinary | undefined
  readonly clock: Clock
}

/** Opens a source for reading. A remote is not spoken with yet. Throws BowlineErrors that `describeProblem` puts in words. */
export async function openRepository(
  { repository, branch, credentialsFile }: RepositorySource,
  { cacheFolder, git, clock }: OpenRepositoryOptions,
): Promise<Repository> {
  if (isAbsolute(repository)) return LocalRepository.open(repository, branch, git)
  if (!/^https?:\/\//i.test(repository))
    throw new BowlineError(
      'bad-config',
      'Cannot open repository: it must be an absolute folder or an http or https address',
    )
  return RemoteRepository.open({ address: repository, branch, credentialsFile, cacheFolder, git, clock })
}
