import { breathe } from '../../base/index.ts'
import type { Diagnostic } from '../../kube/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import { APP_CONFIG_FILE, type AppPattern, parseAppConfig } from './app-config.ts'
import { matchesSegment } from './folder-pattern.ts'
import { joinPath } from './folder-tree.ts'
import { decodeText } from './parse-blob.ts'
import { isHostileName, printableName, type TreeListings } from './tree-listing.ts'

/** An app's place in one commit. */
export interface AppPlace {
  readonly name: string
  readonly namespace: string
  readonly folder: string
  readonly treeOid: string
}

export interface FoundApps {
  readonly places: readonly AppPlace[]
  /** Not empty: what the apps are is not known for sure, so all of them are held. */
  readonly diagnostics: readonly Diagnostic[]
}

/** An app is its namespace too, so it is named by the rule of namespaces (a DNS label). */
const APP_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

const MAX_APPS = 10_000

/** Folders that all patterns together may look at: one that is in many places counts in each, and so does one that two patterns meet. */
const MAX_LOOKED_AT = 500_000

/** The apps of a folder: what its `bowline.yaml` names, or the folder itself as `whole` when it has none. */
export async function findApps(
  reader: GitReader,
  listings: TreeListings,
  root: { readonly path: string; readonly oid: string },
  whole: { readonly name: string; readonly namespace: string },
): Promise<FoundApps> {
  const listing = await listings.read(root.oid)
  const file = joinPath(root.path, APP_CONFIG_FILE)
  if (listing.refused.some(({ name }) => name === APP_CONFIG_FILE)) {
    const message = `${APP_CONFIG_FILE} is a symbolic link, which is not followed`
    return { places: [], diagnostics: [{ file, line: 1, column: 1, code: 'symlink', message }] }
  }
  const entry = listing.manifests.find(({ name }) => name === APP_CONFIG_FILE)
  if (entry === undefined)
    return { places: [{ ...whole, folder: root.path, treeOid: root.oid }], diagnostics: [] }
  const text = decodeText(await reader.readBlob(entry.oid))
  if (text === undefined) {
    const message = 'the file is not UTF-8 text'
    return { places: [], diagnostics: [{ file, line: 1, column: 1, code: 'bad-encoding', message }] }
  }
  const { patterns, diagnostics } = parseAppConfig(text, file)
  if (diagnostics.length > 0) return { places: [], diagnostics }
  return expandPatterns(listings, root, patterns, file)
}

async function expandPatterns(
  listings: TreeListings,
  root: { readonly path: string; readonly oid: string },
  patterns: readonly AppPattern[],
  file: string,
): Promise<FoundApps> {
  const diagnostics: Diagnostic[] = []
  const folders = new Map<string, { readonly oid: string; readonly pattern: AppPattern }>()
  const walk: Walk = { listings, left: MAX_LOOKED_AT }
  for (const pattern of patterns) {
    const report = (message: string, hint: string): void => {
      const { line, column } = pattern
      diagnostics.push({ file, line, column, code: 'bad-config', message, hint })
    }
    const found = await matchFolders(walk, root, pattern.segments)
    if (walk.left < 0) {
      report(`the patterns lead to more than ${MAX_LOOKED_AT} folders`, 'name fewer folders')
      return { places: [], diagnostics }
    }
    if (found.length === 0)
      report(`"${pattern.text}" fits no folder`, 'folders without any file are not in Git')
    for (const { path, oid } of found) folders.set(path, { oid, pattern })
    if (folders.size > MAX_APPS) {
      report(`the patterns fit more than ${MAX_APPS} folders`, 'name fewer folders')
      return { places: [], diagnostics }
    }
  }
  const places = [...folders].map(([folder, { oid }]) => {
    const name = folder.slice(folder.lastIndexOf('/') + 1)
    return { name, namespace: name, folder, treeOid: oid }
  })
  places.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.folder < b.folder ? -1 : 1))
  diagnostics.push(...places.flatMap((place, index) => nameProblem(place, places[index - 1])))
  return { places, diagnostics }
}

function nameProblem({ name, folder }: AppPlace, before: AppPlace | undefined): readonly Diagnostic[] {
  const file = folder.split('/').map(printableName).join('/')
  const report = (message: string, hint: string): readonly Diagnostic[] => [
    { file, line: 1, column: 1, code: 'bad-app', message, hint },
  ]
  if (!APP_NAME.test(name) || folder.split('/').some(isHostileName))
    return report(
      `a folder named "${printableName(name)}" cannot be an app`,
      'use lower case letters, digits and dashes, at most 63: the name is also that of the namespace',
    )
  if (before?.name === name)
    return report(`two folders are called "${name}": this one and ${before.folder}`, 'rename one of them')
  return []
}

interface Folder {
  readonly path: string
  readonly oid: string
}

/** What is looked through, and how many folders may still be looked at; below zero the result is not whole. */
interface Walk {
  readonly listings: TreeListings
  left: number
}

async function matchFolders(
  walk: Walk,
  root: Folder,
  segments: readonly string[],
): Promise<readonly Folder[]> {
  let level: readonly Folder[] = [root]
  for (const segment of segments) {
    const next = new Map<string, Folder>()
    for (const folder of level)
      for (const found of segment === '**'
        ? await withDescendants(walk, folder)
        : await childrenOf(walk, folder, segment))
        next.set(found.path, found)
    level = [...next.values()]
  }
  return level
}

async function childrenOf(walk: Walk, { path, oid }: Folder, segment: string): Promise<Folder[]> {
  await breathe()
  if (walk.left < 0) return []
  const { folders, refused } = await walk.listings.read(oid)
  walk.left -= 1 + folders.length + refused.length
  // A hostile name is found too, so that it is told: an app that is there and yet not taken would be deleted.
  return [...folders, ...refused.filter(({ type }) => type === 'tree')]
    .filter(({ name }) => matchesSegment(segment, name))
    .map(entry => ({ path: joinPath(path, entry.name), oid: entry.oid }))
}

/** The folder itself and all below it, hidden ones left out. */
async function withDescendants(walk: Walk, root: Folder): Promise<Folder[]> {
  const found = [root]
  for (const folder of found) found.push(...(await childrenOf(walk, folder, '*')))
  return found
}
