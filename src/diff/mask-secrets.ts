import { canonicalJson, isObject, setOwn } from '../base/index.ts'
import { LAST_APPLIED_ANNOTATION } from '../kinds/index.ts'
import { groupOf, type KubeObject } from '../kube/index.ts'

/** What stands for a Secret's value. Where the two states differ it says which one it is, so that the difference shows. */
const MASK = '***'

/** The members of a Secret that hold what nobody may read. */
const SECRET_MEMBERS = ['data', 'stringData'] as const

/**
 * Two states of an object as anybody may see them: every value of a Secret's `data` and `stringData`, also within the annotation
 * in which client-side apply repeats them, is `***`, or `*** (before)` and `*** (after)` where it differs. Other kinds pass as they are.
 */
export function maskSecrets(
  before: KubeObject,
  after: KubeObject,
): readonly [before: KubeObject, after: KubeObject] {
  if (!isSecret(before) && !isSecret(after)) return [before, after]
  const [left, right] = maskMembers(before as unknown as Members, after as unknown as Members)
  return [
    maskAnnotation(left as unknown as KubeObject, after),
    maskAnnotation(right as unknown as KubeObject, before, true),
  ]
}

type Members = { readonly [key: string]: unknown }

function isSecret({ apiVersion, kind }: KubeObject): boolean {
  return kind === 'Secret' && groupOf(apiVersion) === ''
}

/** Both objects with the secret members masked against each other. */
function maskMembers(before: Members, after: Members): readonly [Members, Members] {
  const left: Record<string, unknown> = { ...before }
  const right: Record<string, unknown> = { ...after }
  for (const member of SECRET_MEMBERS) {
    if (before[member] !== undefined) left[member] = maskValues(before[member], after[member], 'before')
    if (after[member] !== undefined) right[member] = maskValues(after[member], before[member], 'after')
  }
  return [left, right]
}

function maskValues(values: unknown, others: unknown, side: Side): unknown {
  if (!isObject(values)) return maskOf(values, others, side)
  const masked: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(values)) {
    const other = isObject(others) && Object.hasOwn(others, key) ? others[key] : undefined
    setOwn(masked, key, maskOf(value, other, side))
  }
  return masked
}

type Side = 'before' | 'after'

function maskOf(value: unknown, other: unknown, side: Side): string {
  return other === undefined || canonicalJson(value) === canonicalJson(other) ? MASK : `${MASK} (${side})`
}

/** The object with its last-applied annotation masked against the one of `other`, the state on the other side. */
function maskAnnotation(object: KubeObject, other: KubeObject, isAfter = false): KubeObject {
  const text = object.metadata.annotations?.[LAST_APPLIED_ANNOTATION]
  if (text === undefined) return object
  const masked = maskText(
    text,
    other.metadata.annotations?.[LAST_APPLIED_ANNOTATION],
    isAfter ? 'after' : 'before',
  )
  const annotations = { ...object.metadata.annotations, [LAST_APPLIED_ANNOTATION]: masked }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

function maskText(text: string, otherText: string | undefined, side: Side): string {
  const applied = parseObject(text)
  // A text that is no object may hold a secret anywhere.
  if (applied === undefined) return maskOf(text, otherText, side)
  const other = (otherText === undefined ? undefined : parseObject(otherText)) ?? {}
  const [left, right] = side === 'before' ? maskMembers(applied, other) : maskMembers(other, applied)
  return canonicalJson(side === 'before' ? left : right)
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
