import { access } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { type AgentConfig, runAgent } from '../agent.ts'
import { BowlineError, systemClock, systemIds } from '../base/index.ts'
import { readConfig } from '../config.ts'
import { openDataDir } from '../data-dir.ts'
import { openMemoryDir } from '../memory-dir.ts'
import type { RuntimeChoice } from '../runtime-choice.ts'
import { createLogger, type LogLevel } from './log.ts'
import { logLostPromises } from './lost-promises.ts'
import { returnYoungMemory } from './young-memory.ts'

export interface AgentFlags {
  readonly server: string
  readonly tokenFile?: string
  readonly nodeName?: string
  readonly runtime: RuntimeChoice
  readonly dataDir?: string
  readonly volumeDir?: string
  readonly dockerSocket?: string
  readonly allowHost?: readonly string[]
  readonly pidsLimit: number
  readonly ingressHttpPort: number
  readonly ingressHttpsPort: number
  /** False by `--no-ingress`. */
  readonly ingress: boolean
  readonly secretsKeyFile?: string
  readonly capacityShare: number
  readonly logLevel: LogLevel
}

/** What `bowline up` tells the agents that it started. */
export type AgentMessage = { readonly type: 'stop'; readonly stopContainers: boolean }

/** Where an engine listens when nobody says otherwise: Docker, then rootless Docker's usual place. */
function dockerSockets(flag: string | undefined): readonly string[] {
  const { dockerHost } = readConfig()
  if (flag !== undefined) return [flag]
  if (dockerHost !== undefined) return [dockerHost.replace(/^unix:\/\//, '')]
  const uid = process.getuid?.() ?? 0
  return ['/var/run/docker.sock', ...(uid === 0 ? [] : [`/run/user/${uid}/docker.sock`])]
}

/** The credential that a service manager gives (`LoadCredentialEncrypted=bowline-secrets-key`), if it gives one. */
async function secretsCredential(): Promise<string | undefined> {
  const { credentialsDir } = readConfig()
  if (credentialsDir === undefined) return undefined
  const path = join(credentialsDir, 'bowline-secrets-key')
  return access(path).then(
    () => path,
    () => undefined,
  )
}

/** Runs this host's agent until the signal aborts, or until the `bowline up` that started it says so or goes away. */
export async function runAgentCommand(flags: AgentFlags, signal: AbortSignal): Promise<void> {
  requireServerAddress(flags.server)
  const path = flags.dataDir ?? join(readConfig().dataDir, 'agent')
  const dataDir = await openDataDir(path)
  const parent = followParent()
  const config: AgentConfig = {
    server: flags.server,
    tokenFile: flags.tokenFile,
    nodeName: flags.nodeName ?? hostname().toLowerCase(),
    runtime: flags.runtime,
    dataDir: dataDir.path,
    volumeDir: flags.volumeDir === undefined ? undefined : resolve(flags.volumeDir),
    memoryDir: await openMemoryDir(dataDir.path, readConfig().memoryDirs),
    mountDir: readConfig().mountDir,
    secretsKeyFile: flags.secretsKeyFile ?? (await secretsCredential()),
    dockerSockets: dockerSockets(flags.dockerSocket),
    allowHost: flags.allowHost ?? [],
    pidsLimit: flags.pidsLimit,
    ingress: flags.ingress
      ? { httpPort: flags.ingressHttpPort, httpsPort: flags.ingressHttpsPort }
      : undefined,
    capacityShare: 1 / flags.capacityShare,
    stopContainers: parent.stopContainers,
  }
  const log = createLogger(flags.logLevel)
  const endLogging = logLostPromises(log)
  const endReturning = returnYoungMemory(systemClock)
  try {
    const parts = { clock: systemClock, ids: systemIds, log }
    await runAgent(config, parts, AbortSignal.any([signal, parent.signal]))
  } finally {
    endReturning()
    endLogging()
    parent.dispose()
    await dataDir.release()
  }
}

function requireServerAddress(server: string): void {
  if (URL.canParse(server) && new URL(server).protocol === 'https:') return
  throw new BowlineError(
    'bad-config',
    `Cannot use --server "${server}": expected an https URL, such as https://server.example.org:6443`,
  )
}

/**
 * An agent under `bowline up` ends with its parent, however that ends, so that the next `up` finds no second agent for the
 * node; its containers stay unless the parent said otherwise.
 */
function followParent(): { readonly signal: AbortSignal; stopContainers(): boolean; dispose(): void } {
  const controller = new AbortController()
  let stopContainers = false
  function onMessage(message: unknown): void {
    const { type, stopContainers: wanted } = message as AgentMessage
    if (type !== 'stop') return
    stopContainers = wanted
    controller.abort()
  }
  const onDisconnect = (): void => controller.abort()
  process.on('message', onMessage)
  process.on('disconnect', onDisconnect)
  // The parent may have died while this process was still starting; without one there never was a channel.
  if (process.connected === false) controller.abort()
  return {
    signal: controller.signal,
    stopContainers: () => stopContainers,
    dispose() {
      process.off('message', onMessage)
      process.off('disconnect', onDisconnect)
      if (process.connected) process.disconnect()
    },
  }
}
