import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BowlineError, systemClock } from './base/index.ts'
import { readConfig } from './config.ts'
import type { App } from './kube/index.ts'
import {
  createRevert,
  findGit,
  locateRepository,
  openRepository,
  parseAddress,
  type Repository,
  readAuthor,
} from './sync/index.ts'

/** `https://…`, `ssh://…`, and `git@host:path` as Git knows it: no folder. */
const ADDRESS = /^(?:[a-z][a-z0-9+.-]*:\/\/|[^/:]+@[^/:]+:)/i

/**
 * What the words of a command line say about a source: a URL, or a folder in a repository of this machine. Throws `bad-config` for an
 * address that cannot be followed, before an App shows it to everybody who may read Apps: it may hold a password.
 */
export async function locateSource(
  repo: string,
  branch: string | undefined,
  path: string | undefined,
): Promise<App['spec']['source']> {
  if (ADDRESS.test(repo)) {
    parseAddress(repo)
    return { repository: repo, branch: branch ?? 'main', path: path ?? '' }
  }
  const located = await locateRepository(repo)
  const chosen = branch ?? located.branch
  if (chosen === undefined)
    throw new BowlineError('bad-config', `Cannot follow ${located.root}: its HEAD names no branch`, {
      data: { next: 'name the branch with --branch' },
    })
  return { repository: located.root, branch: chosen, path: joinPath(located.path, path) }
}

/** The full id of a commit of the repository around the current folder. A full id is taken as it is anywhere. */
export async function localCommit(revision: string, folder = '.'): Promise<string> {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision
  const { root, branch = 'HEAD' } = await locateRepository(folder)
  return withRepository({ repository: root, branch, path: '' }, repository =>
    repository.reader.resolve(revision),
  )
}

/** Whether the repository around the current folder knows that `newer` has `commit` in its history; false when it cannot tell. */
export async function isPartOfLocally(commit: string, newer: string, folder = '.'): Promise<boolean> {
  try {
    const { root, branch = 'HEAD' } = await locateRepository(folder)
    return await withRepository({ repository: root, branch, path: '' }, ({ reader }) =>
      reader.isAncestor(commit, newer),
    )
  } catch {
    return false
  }
}

export interface RollBackOptions {
  /** What the server follows: the revert is made and published there. */
  readonly source: App['spec']['source']
  /** A commit, branch or tag; `HEAD` is the newest commit of the followed branch. */
  readonly revision: string
  readonly signal: AbortSignal
}

export interface RolledBack {
  /** The new commit. */
  readonly commit: string
  readonly reverted: { readonly id: string; readonly subject: string }
  /** True when the branch is checked out in a work tree, which still shows the files as they were. */
  readonly isCheckedOut: boolean
}

/** Makes the commit that `git revert` would, in the object database of the followed repository, and publishes it. */
export async function rollBack({ source, revision, signal }: RollBackOptions): Promise<RolledBack> {
  const author = await findAuthor(source)
  return withRepository(source, async repository => {
    const head = await repository.head(signal)
    const wanted =
      revision === 'HEAD' ? head : await repository.reader.resolve(revision.replace(/^HEAD(?=[~^])/, head))
    const { commit, parent, reverted } = await createRevert(repository, {
      commit: wanted,
      author,
      nowMs: systemClock.now(),
      signal,
    })
    await repository.publish(commit, parent, signal)
    const { id, subject } = reverted
    return { commit, reverted: { id, subject }, isCheckedOut: await repository.isCheckedOut() }
  })
}

/** By the repository around the current folder, or the followed one. */
async function findAuthor({
  repository,
}: App['spec']['source']): Promise<{ readonly name: string; readonly email: string }> {
  const { environment } = readConfig()
  for (const folder of ['.', repository]) {
    const located = await locateRepository(folder).catch(() => undefined)
    const author = located === undefined ? undefined : await readAuthor(located.directory, environment)
    if (author !== undefined) return author
  }
  throw new BowlineError('bad-config', 'Cannot make a commit: Git does not know your name', {
    data: { next: 'git config --global user.name "…" && git config --global user.email "…"' },
  })
}

async function withRepository<T>(
  source: App['spec']['source'],
  use: (repository: Repository) => Promise<T>,
): Promise<T> {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'bowline-'))
  try {
    const git = await findGit(readConfig().environment)
    const repository = await openRepository(source, { cacheFolder, git, clock: systemClock })
    try {
      return await use(repository)
    } finally {
      await repository.close()
    }
  } finally {
    await rm(cacheFolder, { recursive: true, force: true })
  }
}

function joinPath(...parts: readonly (string | undefined)[]): string {
  return parts
    .flatMap(part => (part ?? '').split('/'))
    .filter(part => part !== '' && part !== '.')
    .join('/')
}
