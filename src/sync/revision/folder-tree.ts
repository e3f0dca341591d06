import { breathe } from '../../base/index.ts'
import type { Diagnostic, Kind } from '../../kube/index.ts'
import type { TreeEntry } from '../git/object.ts'
import type { PlacedObject } from './defined-objects.ts'
import { type FileRequest, type FileResult, requestKey } from './file-checker.ts'
import type { FileObject } from './file-object.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { DesiredObject } from './revision.ts'
import { printableName, type TreeListing, type TreeListings } from './tree-listing.ts'

/** A file of an app at one path, with what it declares there. */
export interface LoadedFile {
  readonly path: string
  readonly oid: string
  readonly objects: readonly DesiredObject[]
  readonly diagnostics: readonly Diagnostic[]
  /** What only the definition of its kind can tell more of. */
  readonly pending: readonly PlacedObject[]
}

/** A folder of an app at one path. Carried over as a whole to the next revision when its tree is the same. */
export interface LoadedFolder {
  readonly path: string
  readonly oid: string
  readonly files: readonly LoadedFile[]
  readonly folders: readonly LoadedFolder[]
  /** Of the folder's own entries. */
  readonly diagnostics: readonly Diagnostic[]
}

/** A folder of which some files are still to be checked. */
export interface FolderDraft {
  /** Tells it apart from a folder that is whole, without a look at what is inside. */
  readonly draft: true
  readonly path: string
  readonly oid: string
  readonly files: readonly (LoadedFile | FileDraft)[]
  readonly folders: readonly (LoadedFolder | FolderDraft)[]
  readonly diagnostics: readonly Diagnostic[]
}

interface FileDraft {
  readonly path: string
  readonly oid: string
}

/** Folders that are asked for at once: one after the other, each would wait for git to answer. */
const READ_AHEAD = 64
/** Folders inside one another; a path is bounded as well as a count. */
const MAX_DEPTH = 50
/** Manifests, links and folders of one app. A folder that is in many places counts in each: twenty trees can make a world of them. */
const MAX_ENTRIES = 50_000

export interface DraftOptions {
  readonly listings: TreeListings
  /** Knows what it can of the folder itself already, if that may be known. */
  readonly memory: FolderMemory
  readonly namespace: string
  /** The name of a file in the first folder that is no manifest. */
  readonly except: string | undefined
  /** What has to be checked before the draft can be finished is added here. */
  readonly requests: FileRequest[]
}

/**
 * Compares a tree with what was there before: equal subtrees and equal files are taken over unread, the rest is asked for. Of one that
 * holds too much nothing is taken: half of it, taken over later, would look like all.
 */
export async function draftFolder(
  path: string,
  oid: string,
  previous: LoadedFolder | undefined,
  options: DraftOptions,
): Promise<LoadedFolder | FolderDraft> {
  const { requests } = options
  const requested = requests.length
  const count = { entries: 0 }
  const draft = await draftAt(path, oid, previous, { ...options, count, depth: 0 })
  if (count.entries <= MAX_ENTRIES) return draft
  requests.length = requested
  return { draft: true, path, oid, files: [], folders: [], diagnostics: [tooMany(path, false)] }
}

async function draftAt(
  path: string,
  oid: string,
  previous: LoadedFolder | undefined,
  options: DraftOptions & { readonly count: { entries: number }; readonly depth: number },
): Promise<LoadedFolder | FolderDraft> {
  const { listings, memory, namespace, except, requests, count, depth } = options
  // The same content at another place is told of by other paths.
  if (previous?.oid === oid && previous.path === path) {
    count.entries += contentsOf(previous).entries
    return previous
  }
  await breathe()
  const isPart = depth > 0 || except === undefined
  const known = isPart ? memory.get({ oid, namespace }) : undefined
  const content: FolderContent = known ?? listed(await listings.read(oid))
  const { refused = [] } = content
  count.entries += content.files.length + content.folders.length + refused.length
  if (count.entries > MAX_ENTRIES) return { draft: true, path, oid, files: [], folders: [], diagnostics: [] }
  const diagnostics = refused.flatMap(entry => refusal(path, entry))
  const entries = content.files.filter(({ name }) => isPart || name !== except)
  if (depth >= MAX_DEPTH) {
    diagnostics.push(tooMany(path, true))
    return { draft: true, path, oid, files: [], folders: [], diagnostics }
  }
  const before = new Map(previous?.files.map(file => [file.path, file]))
  const files = entries.map(({ name, oid, objects }) => {
    const at = joinPath(path, name)
    const same = before.get(at)
    if (same?.oid === oid) return same
    if (objects !== undefined) return loadedFile({ path: at, oid }, { objects, problems: [], pending: [] })
    requests.push({ oid, namespace })
    return { path: at, oid }
  })
  const folders: (LoadedFolder | FolderDraft)[] = []
  const foldersBefore = new Map(previous?.folders.map(folder => [folder.path, folder]))
  for (const [index, { name, oid }] of content.folders.entries()) {
    if (count.entries > MAX_ENTRIES) break
    if (index % READ_AHEAD === 0) {
      const changed = content.folders
        .slice(index, index + READ_AHEAD)
        .filter(folder => foldersBefore.get(joinPath(path, folder.name))?.oid !== folder.oid)
        .map(folder => ({ oid: folder.oid, namespace }))
      await memory.recall(changed)
      await listings.readAll(changed.filter(folder => memory.get(folder) === undefined))
    }
    const at = joinPath(path, name)
    folders.push(await draftAt(at, oid, foldersBefore.get(at), { ...options, depth: depth + 1 }))
    await breathe()
  }
  const isWhole = files.every(file => 'objects' in file) && folders.every(folder => !('draft' in folder))
  return isWhole
    ? { path, oid, diagnostics, files: files as LoadedFile[], folders: folders as LoadedFolder[] }
    : { draft: true, path, oid, files, folders, diagnostics }
}

/** What a folder holds: as Git lists it, or as it is known. */
interface FolderContent {
  readonly files: readonly {
    readonly name: string
    readonly oid: string
    readonly objects?: readonly FileObject[]
  }[]
  readonly folders: readonly { readonly name: string; readonly oid: string }[]
  readonly refused?: readonly TreeEntry[]
}

function listed({ manifests, folders, refused }: TreeListing): FolderContent {
  return { files: manifests, folders, refused }
}

/**
 * The draft with the results of its requests in place, summed up, a turn of the event loop at a time. `onFinished` is told of each
 * folder in it, the innermost first.
 */
export async function finishFolder(
  folder: LoadedFolder | FolderDraft,
  namespace: string,
  results: ReadonlyMap<string, FileResult>,
  onFinished: (folder: LoadedFolder) => void,
): Promise<LoadedFolder> {
  if (!('draft' in folder)) return folder
  const { path, oid, diagnostics } = folder
  const files: LoadedFile[] = []
  for (const file of folder.files) {
    files.push('objects' in file ? file : finishFile(file, namespace, results))
    await breathe()
  }
  const folders: LoadedFolder[] = []
  for (const inner of folder.folders) folders.push(await finishFolder(inner, namespace, results, onFinished))
  const finished = { path, oid, diagnostics, files, folders }
  contentsOf(finished)
  onFinished(finished)
  return finished
}

/** What a folder declares, in the order of its files, and every problem in it. */
export class FolderContents {
  /** How many objects. */
  readonly count: number
  /** How many files, folders and links that are not followed. */
  readonly entries: number
  /** Of the objects. */
  readonly kinds: ReadonlySet<Kind>
  readonly diagnostics: readonly Diagnostic[]
  readonly pending: readonly PlacedObject[]
  readonly #folder: LoadedFolder
  #objects: readonly DesiredObject[] | undefined

  constructor(folder: LoadedFolder) {
    const { files } = folder
    const inner = folder.folders.map(contentsOf)
    this.#folder = folder
    this.count = [...files.map(({ objects }) => objects.length), ...inner.map(({ count }) => count)].reduce(
      (sum, count) => sum + count,
      0,
    )
    this.entries = inner.reduce(
      (sum, { entries }) => sum + entries,
      files.length + inner.length + folder.diagnostics.length,
    )
    this.kinds = new Set([
      ...files.flatMap(({ objects }) => objects.map(({ kind }) => kind)),
      ...inner.flatMap(({ kinds }) => [...kinds]),
    ])
    this.diagnostics = [folder, ...files, ...inner].flatMap(({ diagnostics }) => diagnostics)
    this.pending = [...files, ...inner].flatMap(({ pending }) => pending)
  }

  /** Listed only when they are asked for: a commit that changes one of ten thousand needs no list of all. */
  get objects(): readonly DesiredObject[] {
    this.#objects ??= [...this.#folder.files, ...this.#folder.folders.map(contentsOf)].flatMap(
      ({ objects }) => objects,
    )
    return this.#objects
  }
}

/** Folders that were carried over have been summed up before. */
const knownContents = new WeakMap<LoadedFolder, FolderContents>()

export function contentsOf(folder: LoadedFolder): FolderContents {
  const known = knownContents.get(folder)
  if (known !== undefined) return known
  const contents = new FolderContents(folder)
  knownContents.set(folder, contents)
  return contents
}

/** What a folder declares that another state of it does not. */
export interface FolderChange {
  readonly added: DesiredObject[]
  readonly gone: DesiredObject[]
}

/** Compares two states of a folder by what was not carried over as it was: costs what differs, and the folders on the way to it. */
export function changeOf(before: LoadedFolder, after: LoadedFolder): FolderChange {
  const change: FolderChange = { added: [], gone: [] }
  compare(before, after, change)
  return change
}

function compare(
  before: LoadedFolder | undefined,
  after: LoadedFolder | undefined,
  change: FolderChange,
): void {
  if (before === after) return
  const files = new Set(after?.files)
  for (const file of before?.files ?? []) if (!files.delete(file)) change.gone.push(...file.objects)
  for (const { objects } of files) change.added.push(...objects)
  const folders = new Map(after?.folders.map(folder => [folder.path, folder]))
  for (const folder of before?.folders ?? []) {
    compare(folder, folders.get(folder.path), change)
    folders.delete(folder.path)
  }
  for (const folder of folders.values()) compare(undefined, folder, change)
}

export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

function finishFile(
  file: FileDraft,
  namespace: string,
  results: ReadonlyMap<string, FileResult>,
): LoadedFile {
  const result = results.get(requestKey({ oid: file.oid, namespace }))
  if (result === undefined) throw new TypeError('every requested file has a result')
  return loadedFile(file, result)
}

function loadedFile({ path, oid }: FileDraft, { objects, problems, pending }: FileResult): LoadedFile {
  return {
    path,
    oid,
    objects: objects.map(declared => desiredObject(declared, { path, oid })),
    diagnostics: problems.map(problem => ({ file: path, ...problem })),
    pending: pending.map(pending => ({ pending, file: path })),
  }
}

/** What a file's content declares, at the file's place. */
function desiredObject(declared: FileObject, { path, oid }: FileDraft): DesiredObject {
  const { ref, kind, key, line, column } = declared
  return {
    ...{ ref, kind, key, blob: oid, source: { file: path, line, column } },
    get object() {
      return declared.object
    },
  }
}

/** A link, submodule or hostile name that could stand for manifests. Others, such as a linked README.md, are no more looked at than any other file. */
function refusal(folder: string, { type, name }: TreeEntry): Diagnostic[] {
  const file = joinPath(folder, printableName(name))
  if (type === 'commit')
    return [
      {
        file,
        line: 1,
        column: 1,
        code: 'submodule',
        message: 'a submodule is not followed: its content is not in this repository',
        hint: 'copy the manifests here, or give the other repository to Bowline as a source of its own',
      },
    ]
  if (type === 'symlink' && name.includes('.') && !/\.(?:ya?ml|json)$/i.test(name)) return []
  const at = { file, line: 1, column: 1 }
  if (type === 'symlink')
    return [
      {
        ...at,
        code: 'symlink',
        message: 'a symbolic link is not followed',
        hint: 'put the file itself here',
      },
    ]
  const what = type === 'tree' ? 'folder' : 'file'
  return [{ ...at, code: 'bad-name', message: `a ${what} of this name is not read`, hint: 'rename it' }]
}

function tooMany(path: string, deep: boolean): Diagnostic {
  return {
    file: path === '' ? '.' : path,
    line: 1,
    column: 1,
    code: 'too-many-files',
    message: deep
      ? `folders are nested more than ${MAX_DEPTH} deep`
      : `an app has more than ${MAX_ENTRIES} manifests, links and folders`,
    hint: 'split it into several apps',
  }
}
