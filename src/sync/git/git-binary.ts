import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { kill } from 'node:process'
import { BowlineError, onlyDescriptors } from '../../base/index.ts'

/** A `git` command that works, and the few variables that it is started with. */
export interface GitBinary {
  readonly version: string
  readonly environment: Readonly<Record<string, string>>
}

/** Variables that a network transfer may need; everything else of the environment stays outside. */
const PASSED_ON = [
  'PATH',
  'TMPDIR',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
]

/** The oldest version whose options are used here (config through the environment: 2.31). */
const OLDEST: readonly [number, number] = [2, 31]

/** Looks for a usable `git` on the PATH of `environment`; undefined when there is none (isomorphic-git is always enough). */
export async function findGit(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<GitBinary | undefined> {
  const kept: Record<string, string> = {}
  for (const name of PASSED_ON) if (environment[name] !== undefined) kept[name] = environment[name]
  try {
    const output = await runGit({ version: '', environment: kept }, ['version'])
    const match = /(\d+)\.(\d+)(?:\.[\w.]+)?/.exec(output.toString('utf8'))
    if (match === null) return undefined
    const [major, minor] = [Number(match[1]), Number(match[2])]
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) return undefined
    return { version: match[0], environment: kept }
  } catch {
    return undefined
  }
}

export interface GitRunOptions {
  /** The repository; passed as GIT_DIR, so that its owner does not matter and nothing else is searched for. */
  readonly gitDir?: string
  /** Protocols that the command may speak. Default none, not even `file`. */
  readonly protocols?: readonly string[]
  /** Configuration beyond the fixed one; through the environment, so that no secret is in the arguments. */
  readonly config?: readonly (readonly [key: string, value: string])[]
  readonly input?: Buffer
  readonly signal?: AbortSignal
  /** Default 32 MiB. */
  readonly maxOutputBytes?: number
}

/** What a failed command said, without its arguments; may hold an address, so scrub it before showing. */
export class GitCommandError extends Error {
  readonly exitCode: number | undefined
  readonly stderr: string

  constructor(command: string, exitCode: number | undefined, stderr: string) {
    super(`git ${command} failed${exitCode === undefined ? '' : ` with exit code ${exitCode}`}`)
    this.name = 'GitCommandError'
    this.exitCode = exitCode
    this.stderr = stderr
  }
}

/**
 * Runs one git command; its standard output. Throws {@link GitCommandError}, or the signal's reason. However it ends, no process that
 * it started goes on.
 */
export async function runGit(
  git: GitBinary,
  args: readonly string[],
  options: GitRunOptions = {},
): Promise<Buffer> {
  const { signal, input, maxOutputBytes = 32 * 1024 * 1024 } = options
  signal?.throwIfAborted()
  const child = spawnGit(git, args, options)
  const end = (): void => endGroup(child)
  signal?.addEventListener('abort', end, { once: true })
  // A child that ends without reading its input must not end this process.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const closed = new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? undefined))
  })
  try {
    const [exitCode, output, errors] = await Promise.all([
      closed,
      collect(child.stdout, maxOutputBytes, end),
      collect(child.stderr, maxOutputBytes, end),
    ])
    signal?.throwIfAborted()
    if (exitCode !== 0) throw new GitCommandError(args[0] ?? '', exitCode, errors.toString('utf8'))
    return output
  } catch (error) {
    end()
    signal?.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new BowlineError('unavailable', 'Cannot run git: the command is not there')
    throw error
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

/** What comes of a stream up to a limit; more ends the command. */
async function collect(stream: ChildProcess['stdout'], maxBytes: number, end: () => void): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream ?? []) {
    bytes += (chunk as Buffer).length
    if (bytes <= maxBytes) parts.push(chunk as Buffer)
    else end()
  }
  return Buffer.concat(parts)
}

/** What one process of git may take: a pack may say of an object that it has terabytes. */
const MAX_MEMORY_BYTES = 4 * 1024 ** 3
/** The largest file that git may write, such as a pack: a server may go on sending for ever. */
export const MAX_FILE_BYTES: number = 8 * 1024 ** 3

/**
 * As POSIX has it, in KiB and in blocks of 512 bytes. Where the host allows less, that counts. Without the signal git says itself that a
 * file is too large, and does not just end.
 */
const LIMITED = `{ ulimit -v ${MAX_MEMORY_BYTES / 1024}; ulimit -f ${MAX_FILE_BYTES / 512}; } 2>/dev/null; trap '' XFSZ; exec git "$@"`

/** Starts git in a process group of its own, with its limits. Nothing of `args` is read by the shell. */
export function spawnGit(
  git: GitBinary,
  args: readonly string[],
  options: Pick<GitRunOptions, 'gitDir' | 'protocols' | 'config'>,
): ChildProcess {
  return spawn('sh', ['-c', LIMITED, 'git', ...args], {
    ...gitSpawnOptions(git, options),
    stdio: onlyDescriptors(['pipe', 'pipe', 'pipe']),
    detached: true,
  })
}

/** Ends a command with its helpers, which would else speak with a server for as long as that likes. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    kill(-pid, 'SIGTERM')
  } catch {
    // None is left.
  }
}

/** The surroundings of every git child: no prompt, no user or system configuration, no hook, no helper, no other protocol. */
function gitSpawnOptions(
  git: GitBinary,
  { gitDir, protocols = [], config = [] }: Pick<GitRunOptions, 'gitDir' | 'protocols' | 'config'>,
): SpawnOptions {
  const settings: readonly (readonly [string, string])[] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.askPass', ''],
    ['credential.helper', ''],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['protocol.ext.allow', 'never'],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', '60'],
    // Packs are mapped piece by piece: their size is no business of the limit on memory.
    ['core.packedGitWindowSize', '32m'],
    ['core.packedGitLimit', '256m'],
    ...config,
  ]
  const env: Record<string, string> = {
    ...git.environment,
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    // A partial clone must not fetch what is missing on its own: that would run what its configuration names.
    GIT_NO_LAZY_FETCH: '1',
    GIT_ALLOW_PROTOCOL: protocols.length === 0 ? 'none' : protocols.join(':'),
    GIT_CONFIG_COUNT: String(settings.length),
    ...(gitDir === undefined ? {} : { GIT_DIR: gitDir }),
  }
  for (const [index, [key, value]] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return { cwd: '/', env, shell: false, windowsHide: true }
}
