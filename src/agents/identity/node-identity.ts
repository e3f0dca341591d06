import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, isObject } from '../../base/index.ts'

/** Who an agent is to its cluster, and whom it believes. All but the names are PEM texts. */
export interface NodeIdentity {
  readonly server: string
  readonly nodeName: string
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** In the data folder; without it an agent joins anew. */
export const IDENTITY_FILE = 'node-identity.json'

/** What {@link saveIdentity} kept; undefined in a folder of an agent that never joined. Throws `corrupt` for a damaged file. */
export async function loadIdentity(dataDir: string): Promise<NodeIdentity | undefined> {
  const path = join(dataDir, IDENTITY_FILE)
  const text = await readFile(path, 'utf8').catch(error => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const value: unknown = parse(text)
  const fields = ['server', 'nodeName', 'ca', 'certificate', 'key'] as const
  if (!isObject(value) || fields.some(field => typeof value[field] !== 'string'))
    throw new BowlineError(
      'corrupt',
      `Cannot read the node's identity in ${path}: remove the file and join again with a new token`,
    )
  return value as unknown as NodeIdentity
}

/** Keeps key and certificate together, readable by the agent alone, so that a crash leaves either the old pair or the new one. */
export async function saveIdentity(dataDir: string, identity: NodeIdentity): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, IDENTITY_FILE)
  const draft = `${path}.new`
  await writeFile(draft, JSON.stringify(identity), { mode: 0o600, flush: true })
  await chmod(draft, 0o600)
  await rename(draft, path)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
