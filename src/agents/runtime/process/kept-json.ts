import { readFile } from 'node:fs/promises'

/** The value that a file holds; undefined when there is none, or only part of one: a host that lost power leaves empty files. */
export async function readKeptJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => '')
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
