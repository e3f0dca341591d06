import { BowlineError, breathe, deepEqual, type LayeredMap } from '../../base/index.ts'
import { builtInKinds, type FieldProblem, type KindView, withDefinitions } from '../../kinds/index.ts'
import {
  type CustomResourceDefinition,
  compareDiagnostics,
  type Diagnostic,
  Kinds,
} from '../../kube/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import type { Commit } from '../git/object.ts'
import { APP_CONFIG_FILE } from './app-config.ts'
import { DefinedObjects } from './defined-objects.ts'
import { byKey, findRepeats, findSharedObjects, type SharedObjects } from './duplicates.ts'
import { FileChecker, type FileRequest } from './file-checker.ts'
import { type AppPlace, findApps } from './find-apps.ts'
import { FolderMemory } from './folder-memory.ts'
import {
  changeOf,
  contentsOf,
  draftFolder,
  type FolderContents,
  type FolderDraft,
  finishFolder,
  type LoadedFolder,
} from './folder-tree.ts'
import type { ParseCache } from './parse-cache.ts'
import type { ParsePool } from './parse-pool.ts'
import { placeProblems } from './place-problems.ts'
import type { AppRevision, DesiredObject, Revision } from './revision.ts'
import { parseDeleteAllowance } from './trailers.ts'
import { TreeListings } from './tree-listing.ts'

export interface RevisionLoaderOptions {
  readonly reader: GitReader
  readonly pool: ParsePool
  readonly cache: ParseCache
  /** The folder that is read, from the repository's root; `` for the root. */
  readonly folder: string
  /** The one app of a folder without `bowline.yaml`, and where its objects go that name no namespace. */
  readonly whole: { readonly name: string; readonly namespace: string }
  /** The kinds that are defined outside of the repository, at the time of the call. Absent: none. */
  readonly kinds?: () => Promise<KindView>
}

export interface LoadOptions {
  /** A revision of this loader's to compare with: what is equal is taken over unread. */
  readonly previous?: Revision | undefined
  readonly signal: AbortSignal
}

/** What a loaded app was made of, for the next comparison. */
interface Loaded {
  /** Without what other apps have to do with it. */
  readonly own: AppRevision
  /** The same without the objects whose kinds are defined, in this app or elsewhere. */
  readonly bare: AppRevision
  readonly root: LoadedFolder
}

/** Turns commits of one repository's folder into revisions. The cost follows what differs from the previous one. */
export class RevisionLoader {
  readonly #options: RevisionLoaderOptions
  readonly #listings: TreeListings
  readonly #checker: FileChecker
  readonly #defined: DefinedObjects
  readonly #folder: readonly string[]
  readonly #loaded = new WeakMap<AppRevision, Loaded>()
  /** What the apps of a revision have to do with one another. */
  readonly #shared = new WeakMap<readonly AppRevision[], SharedObjects>()

  /** Throws `bad-config` for a folder that leads out of the repository. */
  constructor(options: RevisionLoaderOptions) {
    this.#options = options
    this.#listings = new TreeListings(options.reader)
    this.#checker = new FileChecker(options)
    this.#defined = new DefinedObjects(options.reader)
    this.#folder = parseFolder(options.folder)
  }

  /**
   * Reads what a commit declares. Problems of files are diagnostics of their app; throws only when the repository itself cannot be
   * read (then nothing is known, and nothing may be deleted), or the signal's reason.
   */
  async load(commitId: string, { previous, signal }: LoadOptions): Promise<Revision> {
    signal.throwIfAborted()
    const { reader, whole } = this.#options
    const commit = await reader.readCommit(commitId)
    const folder = this.#folder.join('/')
    const root = await this.#findFolder(commit)
    if (root === undefined) return revisionOf(commit, folder, [], [missingFolder(folder)])
    const { places, diagnostics } = await findApps(reader, this.#listings, { path: folder, oid: root }, whole)
    const apps = diagnostics.length > 0 ? [] : await this.#loadApps(places, previous, signal)
    return revisionOf(commit, folder, apps, diagnostics, apps.some(this.#dependsOnDefinitions))
  }

  /** Tells what is wrong with changing a declared object at the fields of its file; `hint` says what to do about it. */
  placeProblems(
    desired: Pick<DesiredObject, 'kind' | 'ref' | 'blob' | 'source'>,
    problems: readonly FieldProblem[],
    hint: string,
  ): Promise<readonly Diagnostic[]> {
    return placeProblems(this.#options.reader, desired, problems, hint)
  }

  readonly #dependsOnDefinitions = (app: AppRevision): boolean => {
    const loaded = this.#loaded.get(app)
    return loaded !== undefined && contentsOf(loaded.root).pending.length > 0
  }

  async #findFolder({ tree }: Commit): Promise<string | undefined> {
    let oid = tree
    for (const name of this.#folder) {
      const entry = (await this.#listings.read(oid)).folders.find(candidate => candidate.name === name)
      if (entry === undefined) return undefined
      oid = entry.oid
    }
    return oid
  }

  async #loadApps(
    places: readonly AppPlace[],
    previous: Revision | undefined,
    signal: AbortSignal,
  ): Promise<readonly AppRevision[]> {
    const before = new Map(previous?.apps.map(app => [app.name, app]))
    const requests: FileRequest[] = []
    const memory = new FolderMemory(this.#options.cache)
    await memory.recall(
      places
        .filter(({ name, treeOid }) => before.get(name)?.treeOid !== treeOid)
        .map(({ treeOid, namespace }) => ({ oid: treeOid, namespace })),
    )
    const drafts: {
      readonly place: AppPlace
      readonly known?: Loaded
      readonly before?: Loaded
      readonly draft?: LoadedFolder | FolderDraft
    }[] = []
    for (const place of places) {
      const old = before.get(place.name)
      const known = old === undefined ? undefined : this.#loaded.get(old)
      const comparable = known !== undefined && known.own.namespace === place.namespace ? known : undefined
      if (comparable?.own.treeOid === place.treeOid && comparable.own.folder === place.folder)
        drafts.push({ place, known: comparable })
      else
        drafts.push({
          place,
          ...(comparable && { before: comparable }),
          draft: await draftFolder(place.folder, place.treeOid, comparable?.root, {
            listings: this.#listings,
            ...{ memory, namespace: place.namespace, except: this.#exceptIn(place), requests },
          }),
        })
      signal.throwIfAborted()
    }
    const results = await this.#checker.check(requests, signal)
    const loaded: Loaded[] = []
    for (const { place, known, before, draft } of drafts) {
      if (draft === undefined) loaded.push(known as Loaded)
      else {
        const { namespace } = place
        const root = await finishFolder(draft, namespace, results, folder => {
          // A folder without its configuration is not all that its tree says.
          const isWhole = folder.oid !== place.treeOid || this.#exceptIn(place) === undefined
          if (isWhole) memory.remember(folder, namespace)
        })
        loaded.push(loadedApp(place, root, before))
      }
      await breathe()
      signal.throwIfAborted()
    }
    this.#options.cache.flush().catch(() => {})
    return this.#joinApps(await this.#complete(loaded), previous?.apps ?? [])
  }

  /** The file in an app's own folder that is no manifest. */
  #exceptIn({ folder }: AppPlace): string | undefined {
    return folder === this.#folder.join('/') ? APP_CONFIG_FILE : undefined
  }

  /** Adds the objects of defined kinds: by the definitions of the revision, then by those of the cluster. */
  async #complete(loaded: readonly Loaded[]): Promise<readonly Loaded[]> {
    if (loaded.every(({ root }) => contentsOf(root).pending.length === 0)) return loaded
    const definitions = loaded.flatMap(({ bare }) =>
      bare.objects.flatMap(({ kind, object }) =>
        kind === Kinds.CustomResourceDefinition ? [object as CustomResourceDefinition] : [],
      ),
    )
    const defined = (await this.#options.kinds?.()) ?? builtInKinds
    const kinds = withDefinitions(definitions, defined)
    return Promise.all(loaded.map(item => this.#withDefined(item, kinds)))
  }

  async #withDefined(item: Loaded, kinds: KindView): Promise<Loaded> {
    const { own, bare, root } = item
    const { pending } = contentsOf(root)
    if (pending.length === 0) return item
    const { objects, diagnostics: found } = await this.#defined.judge(pending, kinds)
    const diagnostics = sorted([...bare.diagnostics, ...found, ...findRepeats(objects)])
    const all = [...bare.objects, ...objects]
    const isSame =
      all.length === own.objects.length &&
      all.every((object, index) => object === own.objects[index]) &&
      deepEqual(diagnostics, own.diagnostics)
    if (isSame) return item
    const more = {
      objects: all,
      declared: byKey(all),
      kinds: new Set([...bare.kinds, ...objects.map(({ kind }) => kind)]),
      diagnostics,
    }
    return { own: Object.freeze({ ...bare, ...more }), bare, root }
  }

  /** Adds what apps have to do with one another; an app that is as it was stays the same object. */
  #joinApps(loaded: readonly Loaded[], previous: readonly AppRevision[]): readonly AppRevision[] {
    const shared = findSharedObjects(
      loaded.map(({ own }) => own),
      this.#shared.get(previous),
    )
    const before = new Map(previous.map(app => [app.name, app]))
    const joined = loaded.map(item => {
      const { own } = item
      const more = shared.diagnostics.get(own.name) ?? []
      const old = before.get(own.name)
      if (
        more.length === 0 &&
        old !== undefined &&
        this.#loaded.get(old)?.own === own &&
        old.diagnostics === own.diagnostics
      )
        return old
      const app = more.length === 0 ? own : { ...own, diagnostics: sorted([...own.diagnostics, ...more]) }
      this.#loaded.set(app, item)
      return app
    })
    this.#shared.set(joined, shared)
    return joined
  }
}

function loadedApp(
  { name, namespace, folder, treeOid }: AppPlace,
  root: LoadedFolder,
  before: Loaded | undefined,
): Loaded {
  const contents = contentsOf(root)
  const declared = declaredBy(root, contents, before)
  // Nearly always none is there twice, and then counting is all that it costs.
  const repeats = declared.size === contents.count ? [] : findRepeats(contents.objects)
  const bare = Object.freeze({
    ...{ name, namespace, folder, treeOid, declared },
    get objects() {
      return contents.objects
    },
    kinds: contents.kinds,
    diagnostics: sorted([...contents.diagnostics, ...repeats]),
  })
  return { own: bare, bare, root }
}

/** Made of what was declared before, where nothing was declared twice before or is now: then order does not matter. */
function declaredBy(
  root: LoadedFolder,
  contents: FolderContents,
  before: Loaded | undefined,
): LayeredMap<string, DesiredObject> {
  if (before === undefined || before.bare.declared.size !== contentsOf(before.root).count)
    return byKey(contents.objects)
  const { added, gone } = changeOf(before.root, root)
  const declared = before.bare.declared.with(
    added.map(object => [object.key, object]),
    gone.map(({ key }) => key),
  )
  return declared.size === contents.count ? declared : byKey(contents.objects)
}

function revisionOf(
  commit: Commit,
  folder: string,
  apps: readonly AppRevision[],
  diagnostics: readonly Diagnostic[],
  dependsOnDefinitions = false,
): Revision {
  const allowDelete = parseDeleteAllowance(commit.message)
  return Object.freeze({
    ...{ commit, folder, apps, diagnostics: sorted(diagnostics), dependsOnDefinitions, allowDelete },
  })
}

function sorted(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return Object.freeze([...diagnostics].sort(compareDiagnostics))
}

function missingFolder(folder: string): Diagnostic {
  return {
    file: folder,
    line: 1,
    column: 1,
    code: 'missing-folder',
    message: 'the repository has no such folder at this commit',
    hint: 'check the path of the source; links and submodules are not followed',
  }
}

function parseFolder(folder: string): readonly string[] {
  const parts = folder.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..') || folder.startsWith('/'))
    throw new BowlineError('bad-config', `Cannot read folder "${folder}": it leads out of the repository`)
  return parts
}
