import { execFile, type SpawnOptions } from 'node:child_process'
import { BowlineError, isAborted } from '../../base/index.ts'

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

/** Runs one git command without a shell; its standard output. Throws {@link GitCommandError}, or the signal's reason. */
export function runGit(
  git: GitBinary,
  args: readonly string[],
  options: GitRunOptions = {},
): Promise<Buffer> {
  const { signal, input, maxOutputBytes = 32 * 1024 * 1024 } = options
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      [...args],
      {
        ...gitSpawnOptions(git, options),
        encoding: 'buffer',
        maxBuffer: maxOutputBytes,
        ...(signal === undefined ? {} : { signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout as unknown as Buffer)
        if (signal?.aborted && isAborted(error)) return reject(signal.reason ?? error)
        if ((error as NodeJS.ErrnoException).code === 'ENOENT')
          return reject(new BowlineError('unavailable', 'Cannot run git: the command is not there'))
        const exitCode = typeof error.code === 'number' ? error.code : undefined
        reject(new GitCommandError(args[0] ?? '', exitCode, (stderr as unknown as Buffer).toString('utf8')))
      },
    )
    // A child that ends without reading its input must not end this process.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** The surroundings of every git child: no prompt, no user or system configuration, no hook, no helper, no other protocol. */
export function gitSpawnOptions(
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
