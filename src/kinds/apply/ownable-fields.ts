import { isObject, setOwn } from '../../base/index.ts'
import { foldStringData, type KubeObject, SERVER_SET_METADATA } from '../../kube/index.ts'
import { memberElement } from './field-element.ts'
import { differenceOf, type FieldSet, fieldNode, LEAF } from './field-set.ts'

/**
 * What nobody owns: an object's identity and what the server writes (apiserver's `stripMeta`). `name` and `namespace` are part of
 * what an applier sends and say nothing of who wants what.
 */
const UNOWNABLE: FieldSet = fieldNode(
  false,
  new Map([
    ['f:apiVersion', LEAF],
    ['f:kind', LEAF],
    [
      'f:metadata',
      fieldNode(
        true,
        new Map(
          ['name', 'namespace', 'clusterName', ...SERVER_SET_METADATA].map(name => [
            memberElement(name),
            LEAF,
          ]),
        ),
      ),
    ],
  ]),
)

/** A set without what nobody owns. */
export function ownableFields(fields: FieldSet): FieldSet {
  return differenceOf(fields, UNOWNABLE)
}

/**
 * The part of an applied object that an apply may set: no metadata of the server's; of a kind with a status the status alone
 * through its subresource, and everything else at the object itself (apiserver's reset fields).
 */
export function applicablePart(applied: KubeObject, subresource: string, hasStatus: boolean): KubeObject {
  const isStatus = subresource === 'status'
  const part: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(applied)) {
    if (key === 'metadata') setOwn(part, key, applicableMetadata(applied.metadata, isStatus))
    else if (key === 'apiVersion' || key === 'kind') setOwn(part, key, value)
    else if (!hasStatus || (key === 'status') === isStatus) setOwn(part, key, value)
  }
  return withStoredData(part as unknown as KubeObject)
}

/**
 * A Secret with its `stringData` as the `data` that it becomes. Unlike upstream, which owns a `stringData` that is never stored:
 * there a key that its manager stops declaring stays in `data` for ever.
 */
function withStoredData(applied: KubeObject): KubeObject {
  if (applied.apiVersion !== 'v1' || applied.kind !== 'Secret') return applied
  const { stringData, ...rest } = applied as KubeObject & { data?: unknown; stringData?: unknown }
  if (!isObject(stringData)) return applied
  const data = foldStringData(isObject(rest.data) ? rest.data : undefined, stringData)
  return { ...rest, data } as KubeObject
}

function applicableMetadata(metadata: KubeObject['metadata'], isStatus: boolean): Record<string, unknown> {
  const part: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(metadata))
    if (isStatus ? key === 'name' || key === 'namespace' : !SERVER_SET_METADATA.has(key))
      setOwn(part, key, value)
  return part
}
