import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { BowlineError } from '../../../base/index.ts'

/** What is archived of a volume's folder. */
const PARTS: readonly string[] = ['volume.json', 'data']
/** Everything that a file is: owners as numbers, times to the nanosecond, attributes, holes. */
const FAITHFUL: readonly string[] = ['--numeric-owner', '--xattrs', '--xattrs-include=*']

/** A volume's folder as a tar. Throws when tar says that it is not all of it, such as for a file that changed meanwhile. */
export async function* packFolder(folder: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const args = ['--create', '--format=posix', '--sparse', ...FAITHFUL, '--directory', folder, ...PARTS]
  const tar = spawn('tar', args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
  const ended = endOf(tar, `pack ${folder}`)
  ended.catch(() => undefined)
  for await (const chunk of tar.stdout) yield chunk as Buffer
  await ended
}

/** Unpacks what `packFolder` made into an empty folder, and has it on the disk when it resolves. */
export async function unpackFolder(
  folder: string,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const args = ['--extract', '--preserve-permissions', '--same-owner', ...FAITHFUL, '--directory', folder]
  const tar = spawn('tar', args, { stdio: ['pipe', 'ignore', 'pipe'], signal })
  const ended = endOf(tar, `unpack into ${folder}`)
  ended.catch(() => undefined)
  let failure: unknown
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* archive
    } catch (error) {
      failure = error
      throw error
    }
  }
  // tar stops reading at the archive's end mark: what breaks then is no failure, and what breaks before, tar tells.
  await pipeline(watched(), tar.stdin).catch(() => undefined)
  await ended.catch(error => {
    throw failure ?? error
  })
  if (failure !== undefined) throw failure
  await flushFilesystem(folder)
}

/** Everything that was written to the file system of a folder is on the disk when it resolves. */
export async function flushFilesystem(folder: string): Promise<void> {
  const sync = spawn('sync', ['--file-system', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  await endOf(sync, `flush ${folder}`)
}

async function endOf(program: ChildProcess, action: string): Promise<void> {
  let words = ''
  program.stderr?.on('data', (chunk: Buffer) => {
    if (words.length < MAX_WORDS) words += chunk.toString('utf8')
  })
  const [code] = (await once(program, 'close')) as [number | null]
  if (code === 0) return
  const why = words.trim().split('\n').slice(0, 3).join('; ') || `it ended with ${code}`
  throw new BowlineError('unavailable', `Cannot ${action}: ${why}`, { retryable: true })
}

const MAX_WORDS = 4096
