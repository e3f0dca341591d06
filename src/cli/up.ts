import { type ChildProcess, fork } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { BowlineError, backoffMs, type Clock, onlyDescriptors, systemClock } from '../base/index.ts'
import type { RuntimeChoice } from '../runtime-choice.ts'
import type { RunningServer } from '../server.ts'
import type { AgentMessage } from './agent.ts'
import { type ServerFlags, withServer } from './server.ts'
import type { Terminal } from './terminal.ts'

export interface UpFlags extends ServerFlags {
  readonly runtime: RuntimeChoice
  readonly nodes: number
  readonly volumeDir?: string
  readonly dockerSocket?: string
  readonly allowHost?: readonly string[]
  readonly pidsLimit: number
  readonly ingressHttpPort: number
  readonly ingressHttpsPort: number
  readonly ingress: boolean
  readonly stopContainers?: boolean
}

/** Waits before an agent that ended by itself is started again. */
const RESTART = { initialMs: 500, maxMs: 30_000 }

/** How long agents may take to end; with containers to stop they need the containers' grace. */
const AGENT_STOP_MS = 10_000
const AGENT_STOP_CONTAINERS_MS = 60_000

/** Runs a server and this machine's agents, each a process of its own, until the signal aborts. */
export async function runUpCommand(
  dir: string | undefined,
  flags: UpFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (dir !== undefined && flags.repo !== undefined)
    throw new BowlineError('bad-config', `Cannot follow both ${dir} and --repo ${flags.repo}`, {
      data: { next: 'name the repository once' },
    })
  const repo = flags.repo ?? dir
  // Agents end before the server: what they have to say last must find it.
  const serverSignal = new AbortController()
  await withServer(
    { ...flags, ...(repo === undefined ? {} : { repo }) },
    serverSignal.signal,
    async (server, { dataDir, signal: serving }) => {
      const names = nodeNames(flags.nodes)
      const tokenFile = join(dataDir, 'join-token')
      const { token } = await server.joinTokens.create({ description: 'bowline up', lifetimeMs: 3_600_000 })
      await writeFile(tokenFile, token, { mode: 0o600 })
      const stopping = AbortSignal.any([signal, serving])
      const agents = names.map(name =>
        superviseAgent(name, { server, flags, dataDir, tokenFile, stopping, clock: systemClock }),
      )
      terminal.print(
        `serving ${server.url} with ${names.length === 1 ? 'host' : 'hosts'} ${names.join(', ')}`,
      )
      terminal.print(`  export KUBECONFIG=${server.kubeconfigPath}`)
      if (repo === undefined) terminal.print(`  ${sourcesText(server.repositories)}`)
      await Promise.all(agents)
      await rm(tokenFile, { force: true })
      serverSignal.abort()
    },
  )
}

/** What a start that names no repository follows. */
function sourcesText(repositories: readonly string[]): string {
  if (repositories.length === 0) return 'no repository: name one with `bowline up DIR`'
  return `following ${repositories.join(', ')}, as before`
}

/** One node has the host's name; several are numbered. */
function nodeNames(count: number): readonly string[] {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
  return count === 1 ? [host] : Array.from({ length: count }, (_, index) => `${host}-${index + 1}`)
}

interface Supervision {
  readonly server: RunningServer
  readonly flags: UpFlags
  readonly dataDir: string
  readonly tokenFile: string
  readonly stopping: AbortSignal
  readonly clock: Clock
}

/** Keeps one agent running; resolves when it has ended after the stop. */
async function superviseAgent(name: string, supervision: Supervision): Promise<void> {
  const { stopping, clock, flags } = supervision
  for (let failures = 0; !stopping.aborted; ) {
    const startedAt = clock.now()
    const agent = spawnAgent(name, supervision)
    const ended = new Promise<void>(resolve => agent.once('exit', () => resolve()))
    const stop = (): void =>
      void stopAgent(agent, ended, { clock, stopContainers: flags.stopContainers === true })
    stopping.addEventListener('abort', stop, { once: true })
    await ended
    stopping.removeEventListener('abort', stop)
    failures = clock.now() - startedAt > RESTART.maxMs ? 1 : failures + 1
    if (!stopping.aborted) await clock.sleep(backoffMs(failures, RESTART), stopping).catch(() => undefined)
  }
}

function spawnAgent(name: string, { server, flags, dataDir, tokenFile }: Supervision): ChildProcess {
  const options: readonly string[] = [
    ...['--server', server.url, '--token-file', tokenFile, '--node-name', name, '--runtime', flags.runtime],
    ...[
      '--data-dir',
      join(dataDir, 'agents', name),
      '--capacity-share',
      String(flags.nodes),
      '--log-level',
      flags.logLevel,
    ],
    // Several hosts of one machine do not share a folder.
    ...(flags.volumeDir === undefined ? [] : ['--volume-dir', resolve(flags.volumeDir, name)]),
    ...(flags.dockerSocket === undefined ? [] : ['--docker-socket', flags.dockerSocket]),
    ...(flags.allowHost ?? []).flatMap(word => ['--allow-host', word]),
    ...['--pids-limit', String(flags.pidsLimit)],
    ...['--ingress-http-port', String(flags.ingressHttpPort)],
    ...['--ingress-https-port', String(flags.ingressHttpsPort)],
    ...(flags.ingress ? [] : ['--no-ingress']),
  ]
  // In a session of its own, a Ctrl-C at the terminal reaches it only through its parent.
  return fork(process.argv[1] ?? '', ['agent', ...options], {
    // The server has its store open; what runs for an agent must not.
    stdio: onlyDescriptors(['ignore', 'inherit', 'inherit', 'ipc']),
    detached: true,
  })
}

async function stopAgent(
  agent: ChildProcess,
  ended: Promise<void>,
  { clock, stopContainers }: { readonly clock: Clock; readonly stopContainers: boolean },
): Promise<void> {
  const message: AgentMessage = { type: 'stop', stopContainers }
  if (agent.connected) agent.send(message, () => undefined)
  else agent.kill('SIGTERM')
  const cancel = clock.after(stopContainers ? AGENT_STOP_CONTAINERS_MS : AGENT_STOP_MS, () =>
    agent.kill('SIGKILL'),
  )
  await ended
  cancel()
}
