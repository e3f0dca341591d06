import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

/** Where tools keep what can be made again. tsx puts its cache into the folder of temporary files, and would leave it there. */
export function cacheFolder() {
  const path = resolve(import.meta.dirname, '../node_modules/.cache')
  mkdirSync(path, { recursive: true })
  return path
}
