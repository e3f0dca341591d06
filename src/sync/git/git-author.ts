import { execFile } from 'node:child_process'
import fs from 'node:fs'
import type { GitDirectory } from './git-directory.ts'
import { isomorphicGit } from './isomorphic-git.ts'

/** Who makes a commit. */
export interface Author {
  readonly name: string
  readonly email: string
}

/**
 * Who the person at this machine is to Git: what `git` itself would write into a commit made in this repository, their own
 * configuration included; without a git command, what the repository's configuration says. Undefined when nobody said.
 */
export async function readAuthor(
  { gitDir }: GitDirectory,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Author | undefined> {
  return (await askGit(gitDir, environment)) ?? (await readConfiguration(gitDir))
}

function askGit(
  gitDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Author | undefined> {
  return new Promise(resolve => {
    const env = { ...environment, GIT_DIR: gitDir, LC_ALL: 'C' }
    execFile('git', ['var', 'GIT_AUTHOR_IDENT'], { env, timeout: 10_000 }, (error, stdout) => {
      const match = error === null ? /^(.*) <(.*)> \d+ [+-]\d{4}\s*$/.exec(stdout) : null
      resolve(match === null ? undefined : { name: match[1] ?? '', email: match[2] ?? '' })
    })
  })
}

async function readConfiguration(gitdir: string): Promise<Author | undefined> {
  const read = async (path: string): Promise<string | undefined> => {
    const { getConfig } = await isomorphicGit()
    const value: unknown = await getConfig({ fs, gitdir, path }).catch(() => undefined)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const [name, email] = [await read('user.name'), await read('user.email')]
  return name === undefined || email === undefined ? undefined : { name, email }
}
