import { findKind } from '../../kube/index.ts'
import { type FileRequest, requestKey } from './file-checker.ts'
import { type FileObject, recallObjects } from './file-object.ts'
import type { LoadedFolder } from './folder-tree.ts'
import type { ParseCache } from './parse-cache.ts'

/** What a tree without any problem declares in one namespace, as it is kept: enough to know its objects by. */
interface FolderRecord {
  readonly files: readonly (readonly [name: string, oid: string, declared: readonly DeclaredObject[]])[]
  readonly folders: readonly (readonly [name: string, oid: string])[]
}

type DeclaredObject = readonly [
  apiVersion: string,
  kind: string,
  namespace: string | null,
  name: string,
  line: number,
  column: number,
]

/** A folder that was in order before, free of its path. */
export interface KnownFolder {
  readonly files: readonly {
    readonly name: string
    readonly oid: string
    readonly objects: readonly FileObject[]
  }[]
  readonly folders: readonly { readonly name: string; readonly oid: string }[]
}

/** A commit that changes one file makes the records of its folders anew: they must not be long. */
const MAX_FILES = 100

/** A tree, and the namespace of objects in it that name none. */
type FolderRequest = FileRequest

/** What folders declare that were in order before, by their trees: of one, neither Git nor any of its files is asked. */
export class FolderMemory {
  readonly #cache: ParseCache
  readonly #known = new Map<string, KnownFolder>()

  constructor(cache: ParseCache) {
    this.#cache = cache
  }

  /** Looks these trees up, so that {@link get} knows them. */
  async recall(requests: readonly FolderRequest[]): Promise<void> {
    const wanted = new Map(requests.map(request => [requestKey(request), request]))
    for await (const found of this.#cache.read([...wanted.keys()]))
      for (const [name, json] of found) {
        const { namespace } = wanted.get(name) as FolderRequest
        const folder = this.#folderOf(JSON.parse(json.toString()) as FolderRecord, namespace)
        if (folder !== undefined) this.#known.set(name, folder)
      }
  }

  get(request: FolderRequest): KnownFolder | undefined {
    return this.#known.get(requestKey(request))
  }

  /** Keeps what a folder declares, if nothing of it is in question. */
  remember({ oid, files, folders, diagnostics }: LoadedFolder, namespace: string): void {
    const name = requestKey({ oid, namespace })
    if (files.length > MAX_FILES || folders.length > MAX_FILES || this.#cache.has(name)) return
    if (diagnostics.length > 0 || files.some(file => file.diagnostics.length + file.pending.length > 0))
      return
    const record: FolderRecord = {
      files: files.map(({ path, oid, objects }) => [
        lastName(path),
        oid,
        objects.map(({ ref, source }) => [
          ref.apiVersion,
          ref.kind,
          ref.namespace ?? null,
          ref.name,
          source.line,
          source.column,
        ]),
      ]),
      folders: folders.map(({ path, oid }) => [lastName(path), oid]),
    }
    this.#cache.add(name, Buffer.from(JSON.stringify(record)))
  }

  /** Undefined when a kind is not known any more, or a file would have to be parsed again. */
  #folderOf({ files, folders }: FolderRecord, namespace: string): KnownFolder | undefined {
    const known: KnownFolder['files'][number][] = []
    for (const [name, oid, declared] of files) {
      const verdict = declared.map(([apiVersion, kind, within, name, line, column]) => ({
        ref: { apiVersion, kind, ...(within === null ? {} : { namespace: within }), name },
        ...{ line, column },
      }))
      const isKnown = this.#cache.has(oid) && verdict.every(({ ref }) => findKind(ref.apiVersion, ref.kind))
      const objects = isKnown && recallObjects(verdict, () => this.#cache.readNow(oid), namespace)
      if (!objects) return undefined
      known.push({ name, oid, objects })
    }
    return { files: known, folders: folders.map(([name, oid]) => ({ name, oid })) }
  }
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
