import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  awaitRuntime,
  detectEngine,
  type OpenRuntime,
  openDockerRuntime,
  openProcessRuntime,
  type PodNetwork,
} from './agents/runtime/index.ts'
import { BowlineError, type Clock, type Logger } from './base/index.ts'

/** What the command line may ask for. `auto` is Docker: host processes are never chosen without being named. */
export type RuntimeChoice = 'auto' | 'docker' | 'process'

/**
 * The runtime of a host, fixed in its data folder by the first start: containers of one runtime are invisible to another, so a
 * later change would run everything twice. Throws `bad-config` when another one is asked for.
 */
export async function chooseRuntime(asked: RuntimeChoice, dataDir: string): Promise<'docker' | 'process'> {
  const file = join(dataDir, 'runtime-name')
  const fixed = await readFile(file, 'utf8').catch(() => undefined)
  const wanted = asked === 'auto' ? undefined : asked
  if (fixed === 'docker' || fixed === 'process') {
    if (wanted !== undefined && wanted !== fixed)
      throw new BowlineError(
        'bad-config',
        `Cannot use the ${wanted} runtime: ${dataDir} was made with ${fixed}`,
        {
          data: { next: `leave --runtime out, or use another --data-dir after stopping what runs there` },
        },
      )
    return fixed
  }
  const choice = wanted ?? 'docker'
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await writeFile(file, choice, { mode: 0o600 })
  return choice
}

/** Opens the runtime. An engine that does not answer yet is waited for in the background, with the node NotReady meanwhile. */
export async function openRuntime(
  choice: 'docker' | 'process',
  options: {
    readonly dockerSockets: readonly string[]
    readonly clusterUid: string
    readonly nodeName: string
    readonly stateDir: string
    /** Gives pods their addresses; undefined: the engine does. */
    readonly podNetwork: PodNetwork | undefined
    /** Processes and threads of a container; 0: as many as the host can have. */
    readonly pidsLimit: number
    readonly clock: Clock
    readonly log: Logger
    readonly signal: AbortSignal
  },
): Promise<OpenRuntime> {
  const { dockerSockets, clusterUid, nodeName, stateDir, podNetwork, pidsLimit, clock, log, signal } = options
  if (choice === 'process') return openProcessRuntime({ stateDir, clusterUid, nodeName, clock, log })
  return awaitRuntime({
    name: choice,
    async open() {
      const engine = await detectEngine(dockerSockets, clock)
      if (engine === undefined) return undefined
      return openDockerRuntime({
        socketPath: engine.socketPath,
        clusterUid,
        nodeName,
        clock,
        log,
        options: { stateDir, pidsLimit, ...(podNetwork && { podNetwork }) },
      })
    },
    hint: `no engine answers at ${dockerSockets.join(' or ')}: start Docker, or name its socket with --docker-socket`,
    clock,
    log,
    signal,
  })
}
