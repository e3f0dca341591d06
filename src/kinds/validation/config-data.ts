import { deepEqual } from '../../base/index.ts'
import { configKeyProblems, type KubeObject } from '../../kube/index.ts'
import type { Problems } from './problems.ts'

/** The data of one ConfigMap or Secret may take this many bytes, so that it fits where nodes and stores put it. */
const MAX_DATA_BYTES = 1024 * 1024

interface ConfigObject {
  readonly immutable?: boolean | undefined
}

/**
 * The rules that ConfigMaps and Secrets share: keys that can be file names, at most 1 MiB, and once `immutable` always immutable.
 * Values are never shown.
 */
export function validateConfigData<T extends KubeObject & ConfigObject>(
  object: ConfigObject,
  fields: { readonly [field: string]: 'base64' | 'text' },
  problems: Problems,
  old: T | undefined,
): void {
  const values = object as { readonly [field: string]: unknown }
  let size = 0
  for (const [field, encoding] of Object.entries(fields)) {
    for (const [key, value] of Object.entries((values[field] ?? {}) as Record<string, string>)) {
      problems.invalidEach(`${field}[${key}]`, key, configKeyProblems(key))
      size += encoding === 'base64' ? decodedLength(value) : utf8Length(value)
    }
  }
  const names = Object.keys(fields)
  if (size > MAX_DATA_BYTES) problems.tooLong(names.length === 1 ? (names[0] as string) : '', MAX_DATA_BYTES)

  if (old?.immutable !== true) return
  if (object.immutable !== true) problems.forbidden('immutable', 'field is immutable when `immutable` is set')
  const before = old as unknown as { readonly [field: string]: unknown }
  for (const field of names) {
    if (!deepEqual(values[field] ?? {}, before[field] ?? {}))
      problems.forbidden(field, 'field is immutable when `immutable` is set')
  }
}

function decodedLength(base64: string): number {
  return Math.floor((base64.replaceAll('=', '').length * 3) / 4)
}

/** By code unit: walking a text by its characters takes ten times as long. */
function utf8Length(text: string): number {
  let length = 0
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
    // A character of two units has four bytes.
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(at + 1))) {
      length += 1
      at += 1
    }
  }
  return length
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}
