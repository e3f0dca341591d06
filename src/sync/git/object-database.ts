import type { GitObject, ObjectType } from './object.ts'

/** The largest object that is read; a larger one is reported as a problem of its own code. */
export const MAX_OBJECT_BYTES: number = 32 * 1024 * 1024

/**
 * What Bowline needs of one repository's storage: objects by id and refs by full name. Two implementations, one over its files and a
 * kept `git cat-file`'s, pass one suite (`test/sync/git/git-reader-conformance.ts`).
 * Errors: `not-found` for an absent object or ref, `bad-repository` when the repository cannot be read at all.
 */
export interface ObjectDatabase {
  /** Reads one object. Throws `not-found`, `corrupt`, or `unsupported` when it is larger than {@link MAX_OBJECT_BYTES}. */
  read(oid: string): Promise<GitObject>
  /** Reads many, in the order of the ids, as they come; an id that cannot be read gives its error in its place. */
  readMany(oids: readonly string[]): AsyncIterable<GitObject | Error>
  /** The id that a full ref name (`refs/…` or `HEAD`) points at, through symbolic refs; undefined when there is none. */
  resolveRef(ref: string): Promise<string | undefined>
  /** The one object whose id starts with `prefix` (4 digits or more); undefined for none, `bad-input` for several. */
  expand(prefix: string): Promise<string | undefined>
  /** Stores an object durably; its id. */
  write(type: ObjectType, bytes: Buffer): Promise<string>
  /** Moves a ref from `before` (undefined: it must not exist) to `after`; false when it was elsewhere. */
  moveRef(ref: string, after: string, before: string | undefined): Promise<boolean>
  close(): Promise<void>
}
