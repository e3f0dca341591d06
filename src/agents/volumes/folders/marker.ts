import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError } from '../../../base/index.ts'

/** Whose data a folder holds. */
export interface FolderClaim {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** What a volume's folder says of itself: nothing is mounted or put aside that does not say the right thing. */
export interface Marker {
  readonly volume: string
  readonly claim: FolderClaim
  /** The node whose agent made it; another's folder is never touched. */
  readonly node: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** The move that brought it here. */
  readonly move?: string
}

const FILE = 'volume.json'

/** Durable when it resolves. */
export async function writeMarker(folder: string, marker: Marker): Promise<void> {
  const path = join(folder, FILE)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(marker, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

/** Throws `corrupt` for a folder without a marker that can be read: it is left as it is, for a person to look at. */
export async function readMarker(folder: string): Promise<Marker> {
  const marker = asMarker(await readJson(join(folder, FILE)))
  if (marker === undefined)
    throw new BowlineError(
      'corrupt',
      `Cannot use ${folder}: it has no readable ${FILE} that says whose it is`,
    )
  return marker
}

function asMarker(value: unknown): Marker | undefined {
  const { volume, claim, node } = (value ?? {}) as Partial<Marker>
  const isWhole = typeof volume === 'string' && typeof claim?.uid === 'string' && typeof node === 'string'
  return isWhole ? (value as Marker) : undefined
}

/** What a JSON file of the store holds; undefined when it is not there or cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}
