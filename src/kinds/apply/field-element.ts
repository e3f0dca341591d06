import { canonicalJson, isObject } from '../../base/index.ts'
import type { Schema } from '../schema/schema.ts'
import { listTypeOf, mapKeysOf, mapKeyValues } from '../schema-shape.ts'

/**
 * One step of a field's path, as `fieldsV1` writes it: `f:<name>` a member, `k:<json>` the list item with these keys,
 * `v:<json>` the set item of this value, `i:<n>` the item at an index. Equal steps have equal texts.
 */
export type FieldElement = string

export function memberElement(name: string): FieldElement {
  return `f:${name}`
}

/** The element of each item of a set or map list; undefined for an item that its list's keys cannot name. */
export function itemElements(
  schema: Schema,
  items: readonly unknown[],
): readonly (FieldElement | undefined)[] {
  if (listTypeOf(schema) === 'set') return items.map(item => `v:${canonicalJson(item)}`)
  const keys = mapKeysOf(schema)
  const order = keys.map((_, index) => index).sort((a, b) => ((keys[a] ?? '') < (keys[b] ?? '') ? -1 : 1))
  return items.map(item => {
    const values = mapKeyValues(schema, item)
    if (values === undefined) return undefined
    return `k:{${order.map(at => `${JSON.stringify(keys[at])}:${canonicalJson(values[at])}`).join(',')}}`
  })
}

/** A text from somebody's `fieldsV1` as an element; undefined when it is none. */
export function parseElement(text: string): FieldElement | undefined {
  if (text.startsWith('f:')) return text
  if (/^i:-?[0-9]+$/.test(text)) return text
  const prefix = text.slice(0, 2)
  if (prefix !== 'k:' && prefix !== 'v:') return undefined
  try {
    const value: unknown = JSON.parse(text.slice(2))
    if (prefix === 'k:' && !isObject(value)) return undefined
    return `${prefix}${canonicalJson(value)}`
  } catch {
    return undefined
  }
}

/** The step as conflicts name it: `.spec`, `[name="web"]`, `[="x/a"]`, `[0]`. */
export function formatElement(element: FieldElement): string {
  const content = element.slice(2)
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${content}`
    case 'k:': {
      const keys = Object.entries(JSON.parse(content) as Record<string, unknown>)
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
    }
    case 'v:':
      return `[=${content}]`
    default:
      return `[${content}]`
  }
}
