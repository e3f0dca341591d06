import { withoutTrailing } from '../../base/index.ts'

/** A pattern of folders such as `apps/*` or `teams/**`/`prod`, cut at its slashes. */
export interface FolderPattern {
  readonly text: string
  readonly segments: readonly string[]
}

/** The longest pattern and the most segments; a repository is not deeper. */
const MAX_LENGTH = 256

/** The pattern that a text stands for, or why it stands for none. It cannot lead out of the folder that it starts from. */
export function parseFolderPattern(text: string): FolderPattern | { readonly refusal: string } {
  if (text.length > MAX_LENGTH) return { refusal: `the pattern is longer than ${MAX_LENGTH} characters` }
  const trimmed = withoutTrailing(text.replace(/^(?:\.\/)+/, ''), '/')
  if (trimmed === '' || trimmed === '.') return { refusal: 'the pattern names no folder' }
  if (trimmed.startsWith('/'))
    return { refusal: 'the pattern starts with a slash; write it from this folder on' }
  const segments = trimmed.split('/')
  for (const segment of segments) {
    if (segment === '..') return { refusal: 'the pattern leaves the folder with ".."' }
    if (segment === '' || segment === '.') return { refusal: 'the pattern has an empty part' }
    if (segment.includes('**') && segment !== '**')
      return { refusal: '"**" must stand alone between slashes' }
    if (/[[\]{}!\\]/.test(segment)) return { refusal: 'only "*", "?" and "**" are understood as wildcards' }
  }
  if (segments.at(-1) === '**')
    return { refusal: 'the pattern must not end in "**"; end it in a name or "*"' }
  return { text, segments }
}

/** True when `name` fits a segment with `*` (any characters) and `?` (one); takes time in proportion to their lengths' product at most. */
export function matchesSegment(segment: string, name: string): boolean {
  // As in a shell a wildcard does not match a hidden folder.
  if (name.startsWith('.') && !segment.startsWith('.')) return false
  let at = 0
  let position = 0
  let star = -1
  let retry = 0
  while (position < name.length) {
    if (segment[at] === '*') {
      star = at
      retry = position
      at += 1
    } else if (at < segment.length && (segment[at] === '?' || segment[at] === name[position])) {
      at += 1
      position += 1
    } else if (star !== -1) {
      at = star + 1
      retry += 1
      position = retry
    } else return false
  }
  while (segment[at] === '*') at += 1
  return at === segment.length
}
