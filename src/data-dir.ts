import { createHash } from 'node:crypto'
import { chmod, realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { platform } from 'node:os'
import { join } from 'node:path'
import { BowlineError, makeFolder, messageOf } from './base/index.ts'

/** A folder that only its owner may read, held by one process at a time. */
export interface DataDir {
  readonly path: string
  /** Lets another process have it. */
  release(): Promise<void>
}

/**
 * Makes the folder (0700) and takes it for this process; `unavailable` when another one of this machine has it. The lock is a
 * listening socket, which the kernel takes back however the process ends, so none is ever left behind by a crash.
 */
export async function openDataDir(path: string): Promise<DataDir> {
  try {
    await makeFolder(path, 0o700)
    await chmod(path, 0o700)
  } catch (error) {
    throw new BowlineError('bad-config', `Cannot use the data directory ${path}: ${messageOf(error)}`, {
      data: { next: 'choose one that this user can write with --data-dir' },
    })
  }
  const real = await realpath(path)
  const server = createServer(socket => socket.destroy())
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new BowlineError(
              'unavailable',
              `Cannot use the data directory ${path}: another bowline process has it`,
              {
                data: { next: 'stop that one, or choose another folder with --data-dir' },
              },
            )
          : cause,
      ),
    )
    server.listen(lockAddress(real), resolve)
  })
  return { path: real, release: () => new Promise(resolve => server.close(() => resolve())) }
}

/** Linux: an abstract socket, which needs no file. Elsewhere a socket in the folder. */
function lockAddress(path: string): string {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32)
  return platform() === 'linux' ? `\0bowline-${name}` : join(path, 'lock')
}
