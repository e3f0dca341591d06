import { deepEqual, isObject } from '../../base/index.ts'
import type { KindView } from '../../kinds/index.ts'
import {
  allKinds,
  type Diagnostic,
  findKind,
  groupOf,
  type Kind,
  type ParsedManifests,
  refKey,
  refOf,
} from '../../kube/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import { type CheckedObject, checkObject } from './check-object.ts'
import { decodeText } from './parse-blob.ts'
import { placeIssues } from './place-issues.ts'
import type { DesiredObject } from './revision.ts'

type Manifest = ParsedManifests['manifests'][number]

/** An object of a kind that a definition may define: it can be judged only once all definitions are known. */
export interface PendingObject {
  readonly manifest: Manifest
  readonly namespace: string
  readonly oid: string
}

/** At the place of its file. */
export interface PlacedObject {
  readonly pending: PendingObject
  readonly file: string
}

interface Judgement {
  readonly kind: Kind | undefined
  readonly desired: DesiredObject | undefined
  readonly diagnostics: readonly Diagnostic[]
}

/** Whether the kind of a manifest is none that this program knows, in a group that definitions may have. */
export function mayBeDefined(value: unknown): boolean {
  if (!isObject(value)) return false
  const { apiVersion, kind } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || kind === '') return false
  const group = groupOf(apiVersion)
  return (
    group.includes('.') &&
    findKind(apiVersion, kind) === undefined &&
    !allKinds.some(one => one.group === group)
  )
}

/** Judges objects by the definitions of their kinds; what it judged is judged anew only when the definition is another. */
export class DefinedObjects {
  readonly #reader: GitReader
  readonly #judged = new WeakMap<PlacedObject, Judgement>()

  constructor(reader: GitReader) {
    this.#reader = reader
  }

  /** What the manifests declare by these kinds, and what is wrong with them. */
  async judge(
    placed: readonly PlacedObject[],
    kinds: KindView,
  ): Promise<{ readonly objects: readonly DesiredObject[]; readonly diagnostics: readonly Diagnostic[] }> {
    const objects: DesiredObject[] = []
    const diagnostics: Diagnostic[] = []
    for (const item of placed) {
      const { desired, diagnostics: found } = await this.#judge(item, kinds)
      if (desired !== undefined) objects.push(desired)
      diagnostics.push(...found)
    }
    return { objects, diagnostics }
  }

  async #judge(item: PlacedObject, kinds: KindView): Promise<Judgement> {
    const { manifest, namespace } = item.pending
    const { apiVersion, kind: name } = manifest.value as { apiVersion: string; kind: string }
    const kind = kinds.find(apiVersion, name)
    const before = this.#judged.get(item)
    if (before !== undefined && before.kind === kind) return before
    const checked = checkObject(manifest.value, namespace, kinds)
    const judgement: Judgement = {
      kind,
      desired: 'object' in checked ? desiredOf(item, checked, before?.desired) : undefined,
      diagnostics: 'object' in checked ? [] : await this.#diagnose(item, checked.issues),
    }
    this.#judged.set(item, judgement)
    return judgement
  }

  async #diagnose(
    { pending: { manifest, oid }, file }: PlacedObject,
    issues: CheckedObject['issues'],
  ): Promise<readonly Diagnostic[]> {
    const text = decodeText(await this.#reader.readBlob(oid)) ?? ''
    return placeIssues(text, [{ manifest, issues }]).map(problem => ({ file, ...problem }))
  }
}

/** The same declaration stays the same object, by which it is seen that nothing has changed. */
function desiredOf(
  { pending: { manifest, oid }, file }: PlacedObject,
  { object, kind }: Extract<CheckedObject, { readonly object: unknown }>,
  before: DesiredObject | undefined,
): DesiredObject {
  if (before !== undefined && before.kind === kind && deepEqual(before.object, object)) return before
  const { line, column } = manifest
  const ref = refOf(object)
  return { object, ref, kind, key: refKey(ref), blob: oid, source: { file, line, column } }
}
