import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { basename } from 'node:path'
import { BowlineError, messageOf, systemClock, systemIds, withoutTrailing } from '../base/index.ts'
import { type HostAddress, readClusterNetwork } from '../cluster-network.ts'
import { readConfig } from '../config.ts'
import { openDataDir } from '../data-dir.ts'
import type { App, LinkMode } from '../kube/index.ts'
import { locateSource } from '../repository.ts'
import { type RunningServer, type ServerConfig, startServer } from '../server.ts'
import { createLogger, type LogLevel } from './log.ts'
import { logLostPromises } from './lost-promises.ts'
import type { Terminal } from './terminal.ts'
import { returnYoungMemory } from './young-memory.ts'

export interface ServerFlags {
  readonly repo?: string
  readonly branch?: string
  readonly path?: string
  readonly credentialsFile?: string
  readonly dataDir?: string
  readonly listen: string
  readonly advertise?: string
  readonly podCidr: string
  readonly serviceCidr: string
  readonly serviceExternalIps?: string
  readonly clusterDomain: string
  readonly network: LinkMode
  readonly acmeEmail?: string
  readonly acmeDirectory: string
  readonly acmeCaFile?: string
  readonly auditLog?: boolean
  readonly logLevel: LogLevel
}

/** Runs the server until the signal aborts. */
export async function runServerCommand(
  flags: ServerFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  await withServer(flags, signal, async ({ url, kubeconfigPath }) => {
    terminal.print(`serving ${url}   kubectl --kubeconfig ${kubeconfigPath} get apps`)
  })
}

/** Starts a server over its data directory, runs `body`, and waits for the end of the server. */
export async function withServer(
  flags: ServerFlags,
  signal: AbortSignal,
  body: (
    server: RunningServer,
    context: { readonly dataDir: string; readonly signal: AbortSignal },
  ) => Promise<void>,
): Promise<void> {
  const path = flags.dataDir ?? readConfig().dataDir
  const dataDir = await openDataDir(path)
  const stop = new AbortController()
  const running = AbortSignal.any([signal, stop.signal])
  const log = createLogger(flags.logLevel)
  const endLogging = logLostPromises(log)
  const endReturning = returnYoungMemory(systemClock)
  try {
    const config = await serverConfig(flags, dataDir.path)
    const parts = { clock: systemClock, ids: systemIds, log }
    const server = await startServer(config, parts, running)
    try {
      await body(server, { dataDir: dataDir.path, signal: running })
    } catch (error) {
      stop.abort()
      await server.closed.catch(() => undefined)
      throw error
    }
    await server.closed
  } finally {
    endReturning()
    endLogging()
    await dataDir.release()
  }
}

async function serverConfig(flags: ServerFlags, dataDir: string): Promise<ServerConfig> {
  return {
    dataDir,
    listen: parseHostPort(flags.listen, '--listen', 6443),
    advertise: flags.advertise === undefined ? undefined : advertised(flags.advertise),
    network: readClusterNetwork({ ...flags, links: flags.network }, hostAddresses()),
    auditLog: flags.auditLog === true,
    acme: flags.acmeEmail === undefined ? undefined : await acmeOf(flags, flags.acmeEmail),
    app: flags.repo === undefined ? undefined : await appOf({ ...flags, repo: flags.repo }),
  }
}

function hostAddresses(): readonly HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ cidr }) => (cidr === null ? [] : { interface: name, cidr })),
  )
}

/** A directory has to prove itself, also the one of a company's own authority. */
async function acmeOf(flags: ServerFlags, email: string): Promise<NonNullable<ServerConfig['acme']>> {
  const { acmeDirectory: directory, acmeCaFile } = flags
  if (!URL.canParse(directory) || new URL(directory).protocol !== 'https:')
    throw new BowlineError('bad-config', `Cannot use --acme-directory "${directory}": expected an https URL`)
  return { directory, email, ca: acmeCaFile === undefined ? undefined : await readRoot(acmeCaFile) }
}

async function readRoot(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const state = error.code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new BowlineError('bad-config', `Cannot read --acme-ca-file ${path}: ${state}`)
  })
}

/** The App that the flags of a server stand for. Its name is the repository's. */
async function appOf(
  flags: ServerFlags & { readonly repo: string },
): Promise<NonNullable<ServerConfig['app']>> {
  const source = await locateSource(flags.repo, flags.branch, flags.path)
  const spec: App['spec'] = {
    source: {
      ...source,
      ...(flags.credentialsFile === undefined ? {} : { credentialsFile: flags.credentialsFile }),
    },
  }
  return { name: appName(source.repository), spec }
}

/** A name that Kubernetes accepts, from the last part of a path or URL. */
function appName(repository: string): string {
  const last = basename(withoutTrailing(repository, '/')).replace(/\.git$/, '')
  const name = last
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50)
  return name === '' ? 'app' : name
}

function advertised(text: string): NonNullable<ServerConfig['advertise']> {
  const { host, port } = parseHostPort(text, '--advertise', 0)
  return { host, port: port === 0 ? undefined : port }
}

/** `host`, `host:port`, `[v6]:port`, `:port`. */
export function parseHostPort(
  text: string,
  flag: string,
  defaultPort: number,
): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  // A number alone is meant for the port, and would be the address 0.0.25.43.
  if (match === null || port > 65_535 || /^\d+$/.test(host))
    throw new BowlineError(
      'bad-config',
      `Cannot use ${flag} "${text}": expected host:port, such as 127.0.0.1:6443`,
    )
  return { host: host === '' ? '0.0.0.0' : host, port }
}
