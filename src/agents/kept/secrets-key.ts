import { readFile, stat } from 'node:fs/promises'
import { BowlineError } from '../../base/index.ts'

/** A passphrase that a person made up is no key; 32 bytes at random are. */
const MIN_BYTES = 32
const NEXT = 'make one with `(umask 077; head -c 32 /dev/urandom > FILE)`'

/** Reads the key of `--secrets-key-file`. Throws `bad-config` for one that is too short, or that others than its owner may read. */
export async function readSecretsKey(path: string): Promise<Buffer> {
  const refuse = (state: string) =>
    new BowlineError('bad-config', `Cannot use the secrets key in ${path}: ${state}`, {
      data: { next: NEXT },
    })
  const { mode } = await stat(path).catch(() => {
    throw refuse('the file cannot be found')
  })
  if ((mode & 0o077) !== 0) throw refuse('others than its owner may read the file')
  const key = await readFile(path)
  if (key.length < MIN_BYTES) throw refuse(`it has ${key.length} bytes, and ${MIN_BYTES} are needed`)
  return key
}
