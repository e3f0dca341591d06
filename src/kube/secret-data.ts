import { setOwn } from '../base/index.ts'
import { encodeBase64 } from './base64.ts'

/**
 * A Secret's `data` with what its `stringData` says, which wins. `stringData` is only a way to write `data`; values of it that are
 * no text are passed over, for validation to name.
 */
export function foldStringData(
  data: { readonly [key: string]: unknown } | undefined,
  stringData: { readonly [key: string]: unknown },
): { [key: string]: unknown } {
  const folded: { [key: string]: unknown } = {}
  for (const [key, value] of Object.entries(data ?? {})) setOwn(folded, key, value)
  for (const [key, text] of Object.entries(stringData))
    if (typeof text === 'string') setOwn(folded, key, encodeBase64(text))
  return folded
}
