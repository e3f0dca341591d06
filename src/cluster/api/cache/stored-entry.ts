import { deepFreeze, withMembers } from '../../../base/index.ts'
import type { KubeObject, ObjectMeta } from '../../../kube/index.ts'
import type { Entry } from '../contract.ts'
import { writtenObjects } from './written-objects.ts'

/** The usual beginning of a stored object; no value in it can hold a quote, so the match is exact. */
const METADATA_START = /^\{"apiVersion":"[^"\\]*","kind":"[^"\\]*","metadata":\{/
/** Longest beginning that is looked at. */
const HEAD = 512

/** The stored bytes, or how to read them from the store. */
type Stored = Uint8Array | (() => Uint8Array)

/**
 * Stored bytes and the version that belongs to them; object and bytes are made when first asked for, and once. Bytes that are in the store
 * anyway are read when somebody asks, and kept only for who is sent them.
 */
export class StoredEntry implements Entry {
  readonly key: string
  /** The store's revision that wrote it. */
  readonly revision: number
  readonly resourceVersion: string
  /** Stored in a version that is no longer the one to store in: a write without effect stores it anew. */
  readonly isOutdated: boolean
  /** Until `bytes` are made of it. */
  #stored: Stored | undefined
  #size: number | undefined
  #bytes: Buffer | undefined
  #object: KubeObject | undefined

  /** `revision` is shown as the resourceVersion; a deleted object shows the revision of its deletion. */
  constructor(
    { key, value }: { readonly key: string; readonly value: Stored },
    revision: number,
    isOutdated = false,
  ) {
    this.isOutdated = isOutdated
    this.key = key
    this.revision = revision
    this.resourceVersion = String(revision)
    this.#stored = value
  }

  /** Stored bytes: about what keeping it costs. */
  get size(): number {
    this.#size ??= this.#load().byteLength
    return this.#size
  }

  get bytes(): Buffer {
    if (this.#bytes === undefined) {
      const stored = this.#load()
      this.#size = stored.byteLength
      this.#bytes = withResourceVersion(stored, this.resourceVersion)
      this.#stored = undefined
      writtenObjects.alias(stored, this.#bytes)
    }
    return this.#bytes
  }

  get object(): KubeObject {
    this.#object ??= this.#written() ?? this.#parsed()
    return this.#object
  }

  /** Whether one of these words is in the JSON; true once the object is made, which can be asked itself. */
  mayMention(words: readonly string[]): boolean {
    if (this.#object !== undefined) return true
    const { buffer, byteOffset, byteLength } = this.#bytes ?? this.#load()
    const json = Buffer.from(buffer, byteOffset, byteLength)
    return words.some(word => json.includes(word))
  }

  /** Takes the bytes out of the store, which will soon forget them. */
  detach(): void {
    if (typeof this.#stored === 'function') this.#stored = this.#stored()
  }

  #load(): Uint8Array {
    return typeof this.#stored === 'function' ? this.#stored() : (this.#stored ?? this.bytes)
  }

  #parsed(): KubeObject {
    if (this.#bytes !== undefined) return deepFreeze(JSON.parse(this.#bytes.toString()) as KubeObject)
    const { buffer, byteOffset, byteLength } = this.#load()
    const object = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString()) as KubeObject
    const { resourceVersion } = this
    const metadata = { resourceVersion, ...object.metadata }
    // Written by another hand, it may hold one of its own.
    metadata.resourceVersion = resourceVersion
    return deepFreeze(withMembers(object, { metadata }))
  }

  /** The object without parsing, when it was written a moment ago. */
  #written(): KubeObject | undefined {
    const written = this.#bytes ?? this.#stored
    const object = typeof written === 'object' ? writtenObjects.recall(written) : undefined
    if (object === undefined) return undefined
    const metadata = Object.freeze({ resourceVersion: this.resourceVersion, ...object.metadata })
    return Object.freeze(withMembers(object, { metadata }))
  }

  /** The same entry with an object that says the same otherwise. */
  showing(object: KubeObject, isOutdated: boolean): StoredEntry {
    const item = { key: this.key, value: encodeObject(object) }
    return new StoredEntry(item, this.revision, isOutdated)
  }

  /** The same object as of another revision. */
  at(revision: number): StoredEntry {
    return new StoredEntry({ key: this.key, value: encodeObject(this.object) }, revision)
  }
}

/** An entry that is not in the store as such: a Scale, a bookmark, what a dry run would have stored. */
export function entryOf(object: KubeObject): Entry {
  let bytes: Buffer | undefined
  return {
    object: deepFreeze(object),
    resourceVersion: object.metadata.resourceVersion ?? '',
    get bytes() {
      bytes ??= Buffer.from(JSON.stringify(object))
      return bytes
    },
  }
}

/**
 * The bytes to store: JSON in the usual order and without a resourceVersion, which the store's revision stands for. Nobody may change
 * the object from here on: it stands for the bytes that were made of it.
 */
export function encodeObject(object: KubeObject): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object
  const { resourceVersion: _, ...kept } = metadata as ObjectMeta
  const stored = { apiVersion, kind, metadata: kept, ...rest }
  const bytes = Buffer.from(JSON.stringify(stored))
  writtenObjects.remember(bytes, stored)
  return bytes
}

function withResourceVersion(stored: Uint8Array, resourceVersion: string): Buffer {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  const start = METADATA_START.exec(bytes.toString('latin1', 0, HEAD))?.[0].length
  const field = `"resourceVersion":"${resourceVersion}"`
  if (start === undefined || bytes.includes('"resourceVersion":')) {
    // Written by another hand, or with a field of that name somewhere: take the long way.
    const object = JSON.parse(bytes.toString()) as KubeObject
    const { apiVersion, kind, metadata, ...rest } = object
    return Buffer.from(
      JSON.stringify({ apiVersion, kind, metadata: { ...metadata, resourceVersion }, ...rest }),
    )
  }
  const separator = bytes[start] === CLOSING_BRACE ? '' : ','
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(field + separator), bytes.subarray(start)])
}

const CLOSING_BRACE = 0x7d
