import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError } from '../../../base/index.ts'
import { packFolder, unpackFolder } from './archive.ts'
import { type FolderClaim, readJson } from './marker.ts'
import { digestTree, type TreeDigest } from './tree-digest.ts'

/** Which copy of which volume it is. */
interface SnapshotTitle {
  readonly id: string
  readonly volume: string
  readonly claim: FolderClaim
  readonly createdAt: number
}

/** A copy of a volume's folder at one moment. */
export type StoredSnapshot = SnapshotTitle & TreeDigest

const ARCHIVE = 'archive.tar'
const FILE = 'snapshot.json'
/** A volume whose files change all the time has no moment to copy. */
const ATTEMPTS = 3

/**
 * Archives a volume's folder into `place`. The folder is read before and after: when both say the same nothing changed meanwhile,
 * and the copy is of one moment; else it tries again, and at last says so.
 */
export async function writeSnapshot(
  folder: string,
  place: string,
  title: SnapshotTitle,
  signal: AbortSignal,
): Promise<StoredSnapshot> {
  const data = join(folder, 'data')
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = await digestTree(data, signal)
    // tar fails, too, for a file that changes while it is read: the digests tell.
    const failure = await writeFile(join(place, ARCHIVE), packFolder(folder, signal), { mode: 0o600 }).catch(
      (error: unknown) => error,
    )
    const after = await digestTree(data, signal)
    if (before.digest !== after.digest) continue
    if (failure !== undefined) throw failure
    const snapshot = { ...title, ...after }
    await writeFile(join(place, FILE), `${JSON.stringify(snapshot, null, 2)}\n`, { mode: 0o600 })
    return snapshot
  }
  throw new BowlineError(
    'conflict',
    `Cannot take a snapshot of volume ${title.volume}: its files change all the time; stop its pods for it`,
  )
}

/** What a snapshot says of itself; undefined when there is none. */
export async function readSnapshot(place: string): Promise<StoredSnapshot | undefined> {
  return (await readJson(join(place, FILE))) as StoredSnapshot | undefined
}

/**
 * Unpacks a snapshot into an empty folder, and reads back that it is what was copied. Any claim can name any snapshot: one that a claim of
 * another namespace left is none for it.
 */
export async function unpackSnapshot(
  place: string,
  { folder, namespace }: { readonly folder: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<void> {
  const known = await readSnapshot(place)
  if (known?.claim.namespace !== namespace)
    throw new BowlineError('not-found', `Cannot restore the snapshot ${place}: this host does not have it`)
  const archive = await open(join(place, ARCHIVE))
  try {
    await unpackFolder(folder, archive.createReadStream({ autoClose: false }), signal)
  } finally {
    await archive.close()
  }
  const { digest } = await digestTree(join(folder, 'data'), signal)
  if (digest !== known.digest)
    throw new BowlineError(
      'corrupt',
      `Cannot restore the snapshot ${place}: it does not hold what was copied`,
    )
}
