import { deepCopy, isObject, setOwn } from '../../base/index.ts'
import { malformedPatch } from './patch-error.ts'

/**
 * RFC 7386: objects merge member by member, null removes a member, everything else replaces. A patch that is no object is
 * refused with 400: an API object cannot become something else. Parts that do not change are shared with the input.
 */
export function applyMergePatch(object: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw malformedPatch('a JSON merge patch must be an object')
  return merge(object, patch)
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return deepCopy(patch)
  const merged: Record<string, unknown> = {}
  if (isObject(target)) for (const [key, value] of Object.entries(target)) setOwn(merged, key, value)
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else setOwn(merged, key, merge(Object.hasOwn(merged, key) ? merged[key] : undefined, value))
  }
  return merged
}
