import { deepFreeze } from '../../base/index.ts'
import { toStored } from '../../kinds/index.ts'
import {
  findKind,
  type Kind,
  type KubeObject,
  type ObjectRef,
  type ParsedManifests,
  refKey,
} from '../../kube/index.ts'
import { declaredObject } from './check-object.ts'

/** One object of a file, free of the file's path. */
export interface FileObject {
  /** Frozen. Of a file that was checked before, made when it is first asked for. */
  readonly object: KubeObject
  readonly ref: ObjectRef
  readonly kind: Kind
  readonly key: string
  readonly line: number
  readonly column: number
}

/** What a blob without any problem declares in one namespace: enough to know its objects by, and not the objects. */
export type Verdict = readonly {
  readonly ref: ObjectRef
  readonly line: number
  readonly column: number
}[]

export function verdictOf(objects: readonly FileObject[]): Verdict {
  return objects.map(({ ref, line, column }) => ({ ref, line, column }))
}

/**
 * The objects of a blob that was found in order before: nothing is checked again, and nothing read or parsed before somebody asks.
 * `read` gives the JSON of the blob's `ParsedManifests`. Undefined when there is a kind that this program does not know.
 */
export function recallObjects(
  verdict: Verdict,
  read: () => Buffer,
  namespace: string,
): readonly FileObject[] | undefined {
  let parsed: ParsedManifests | undefined
  const manifestAt = (index: number): unknown => {
    parsed ??= JSON.parse(read().toString('utf8')) as ParsedManifests
    return parsed.manifests[index]?.value
  }
  const objects: FileObject[] = []
  for (const [index, { ref, line, column }] of verdict.entries()) {
    const kind = findKind(ref.apiVersion, ref.kind)
    if (kind === undefined) return undefined
    let object: KubeObject | undefined
    objects.push({
      ...{ ref, kind, key: refKey(ref), line, column },
      get object() {
        object ??= deepFreeze(
          storedObject(manifestAt(index) as Readonly<Record<string, unknown>>, kind, namespace),
        )
        return object
      },
    })
  }
  return objects
}

/** What a manifest declares, in the version in which it is stored, which may be another than the one that it is declared in. */
function storedObject(value: { readonly [key: string]: unknown }, kind: Kind, namespace: string): KubeObject {
  const declared = findKind(String(value.apiVersion), String(value.kind)) ?? kind
  return toStored(declared, declaredObject(declared, value, namespace))
}
