import { isObject, withMembers } from '../../../base/index.ts'
import { leavesAlone, readsApart } from '../../../kinds/index.ts'
import { isCustomKind, type Kind, type KubeObject } from '../../../kube/index.ts'
import type { MutationOptions } from '../contract.ts'
import { readBody } from './read-body.ts'

/**
 * What a body makes of an object that is stored, read as by {@link readBody}. Of what it brings unchanged, as the very values of `stored`,
 * two things are not read again: fields that a write to this resource leaves alone, and the account of managed fields.
 */
export function readChange(
  kind: Kind,
  body: unknown,
  stored: KubeObject | undefined,
  { subresource, fieldValidation }: Pick<MutationOptions, 'fieldValidation' | 'subresource'>,
  warnings: string[],
): KubeObject {
  // What is shown in another form than it is stored in is judged as a whole, and so is what a definition of the cluster describes.
  const isPlain = kind.storedAs === undefined && !isCustomKind(kind) && readsApart(kind)
  if (stored === undefined || !isPlain || !isObject(body) || !isObject(body.metadata))
    return readBody(kind, body, fieldValidation, warnings)
  const part: Record<string, unknown> = { ...body }
  const kept = new Map<string, unknown>()
  for (const [field, value] of Object.entries(stored)) {
    if (!isObject(value) || body[field] !== value || !leavesAlone(kind, subresource, field)) continue
    delete part[field]
    kept.set(field, value)
  }
  const { managedFields } = stored.metadata
  const keepsAccount = managedFields !== undefined && body.metadata.managedFields === managedFields
  if (keepsAccount) {
    const { managedFields: _, ...metadata } = body.metadata
    part.metadata = metadata
  }
  const read = readBody(kind, part, fieldValidation, warnings)
  const metadata = keepsAccount ? withMembers(read.metadata, { managedFields }) : read.metadata
  const whole = withMembers(read, { metadata })
  return kept.size === 0 ? whole : inOrder(body, whole, kept)
}

/** The fields of both, in the order of the body. */
function inOrder(
  body: { readonly [field: string]: unknown },
  read: KubeObject,
  kept: ReadonlyMap<string, unknown>,
): KubeObject {
  const values = new Map<string, unknown>([...Object.entries(read), ...kept])
  const order = new Set([...Object.keys(body), ...values.keys()])
  return Object.fromEntries(
    [...order].filter(field => values.has(field)).map(field => [field, values.get(field)]),
  ) as unknown as KubeObject
}
