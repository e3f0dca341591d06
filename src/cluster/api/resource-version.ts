import { badRequest } from './refusals.ts'

/** The revision that a resourceVersion stands for; undefined for an empty one. A BadRequest for anything but a number. */
export function parseResourceVersion(text: string): number | undefined {
  if (text === '') return undefined
  const revision = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(revision))
    throw badRequest(`Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`)
  return revision
}
