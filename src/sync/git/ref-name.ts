import { BowlineError } from '../../base/index.ts'

/** True for a full object id (SHA-1 or SHA-256) in lower case. */
export function isObjectId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

/**
 * True for what `git check-ref-format` accepts as a ref name, with or without a slash (`--allow-onelevel`).
 * What passes holds no whitespace, no control character and none of Git's revision operators, and no part of it starts with a dot.
 */
export function isRefName(name: string): boolean {
  if (name === '' || name === '@' || name.length > 1024) return false
  if (/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{/.test(name) || name.endsWith('.')) return false
  return name.split('/').every(part => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
}

/** The ref of a branch. Throws `bad-input` for what Git would not take as a branch's name (`git check-ref-format --branch`). */
export function branchRef(branch: string): string {
  if (!isRefName(branch) || branch.startsWith('-') || branch === 'HEAD')
    throw new BowlineError(
      'bad-input',
      `Cannot use branch "${branch.slice(0, 100)}": it is not a branch name`,
    )
  return `refs/heads/${branch}`
}
