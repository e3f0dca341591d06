/**
 * Turns a Git repository into revisions: a commit, per app its objects with the place where each is declared, and every
 * problem that its author should hear of. Reads blobs from the object database, never a work tree; runs no shell.
 *
 * Not for: what the cluster holds, plans, and anything that writes to the cluster.
 *
 *     const repository = await openRepository({ repository: '/srv/app', branch: 'main' }, { cacheFolder, git, clock })
 *     const loader = new RevisionLoader({ reader: repository.reader, pool, cache, folder: '', whole })
 *     for await (const event of watchRepository(repository, { clock, ids, signal }))
 *       if (event.type === 'head') revision = await loader.load(event.commit, { previous: revision, signal })
 */
export { type Author, readAuthor } from './git/git-author.ts'
export { findGit, type GitBinary } from './git/git-binary.ts'
export type { GitReader } from './git/git-reader.ts'
export type { Commit, Signature } from './git/object.ts'
export { parseAddress, scrub } from './repository/credentials.ts'
export { type LocatedRepository, locateRepository } from './repository/locate-repository.ts'
export {
  type OpenRepositoryOptions,
  openRepository,
  type RepositorySource,
} from './repository/open-repository.ts'
export { describeProblem, type Repository, type SourceProblem } from './repository/repository.ts'
export {
  type RepositoryEvent,
  type WatchControl,
  type WatchOptions,
  watchRepository,
} from './repository/watch-repository.ts'
export { createRevert, type Revert, type RevertOptions } from './revert.ts'
export { ParseCache } from './revision/parse-cache.ts'
export { ParsePool, type ParsePoolOptions } from './revision/parse-pool.ts'
export type {
  AppRevision,
  DesiredObject,
  Revision,
} from './revision/revision.ts'
export { type LoadOptions, RevisionLoader, type RevisionLoaderOptions } from './revision/revision-loader.ts'
export type { DeleteAllowance } from './revision/trailers.ts'
