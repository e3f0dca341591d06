/** Members of a strategic merge patch that say how to merge, and never become part of the object. */
export const PATCH = '$patch'
export const RETAIN_KEYS = '$retainKeys'
export const SET_ELEMENT_ORDER = '$setElementOrder'
export const DELETE_FROM_PRIMITIVE_LIST = '$deleteFromPrimitiveList'

/** The directive that a member of a patch is, and the list that it is about (empty for those about the whole object); no name for plain members. */
export function directiveOf(key: string): { readonly name: string | undefined; readonly field: string } {
  if (key === PATCH || key === RETAIN_KEYS) return { name: key, field: '' }
  for (const name of [SET_ELEMENT_ORDER, DELETE_FROM_PRIMITIVE_LIST])
    if (key.startsWith(`${name}/`)) return { name, field: key.slice(name.length + 1) }
  return { name: undefined, field: '' }
}
