import { X509Certificate } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import {
  CertificateRenewal,
  joinCluster,
  loadIdentity,
  type NodeIdentity,
  openKeyring,
  readSecretsKey,
  startAgent,
} from './agents/index.ts'
import { openRoutedPods, removeNetwork } from './agents/network/index.ts'
import { proxyDefaults, purgeIngress } from './agents/network/ingress/index.ts'
import type { OpenRuntime } from './agents/runtime/index.ts'
import { BowlineError, type Clock, type Ids, isAborted, type Logger, messageOf } from './base/index.ts'
import { createHttpsClient } from './client/index.ts'
import { removeMemoryDir } from './memory-dir.ts'
import { chooseRuntime, openRuntime, type RuntimeChoice } from './runtime-choice.ts'
import { VERSION } from './version.ts'

/** What an agent is told. */
export interface AgentConfig {
  /** `https://host:port`. */
  readonly server: string
  /** Holds the join token; needed until the agent has its own certificate. */
  readonly tokenFile: string | undefined
  readonly nodeName: string
  readonly runtime: RuntimeChoice
  /** Held by this process alone. */
  readonly dataDir: string
  /** Where the folders of volumes are; undefined: in `dataDir`. */
  readonly volumeDir: string | undefined
  /** A folder in memory for Secrets; undefined where the host has none. */
  readonly memoryDir: string | undefined
  /** Where the agents of this host mount; undefined for who may not mount at all. */
  readonly mountDir: string | undefined
  /** Holds the key of what is kept on disk; undefined: the node's private key opens it. */
  readonly secretsKeyFile: string | undefined
  readonly dockerSockets: readonly string[]
  readonly allowHost: readonly string[]
  /** Processes and threads of a container; 0: as many as the host can have. */
  readonly pidsLimit: number
  /** The ports of ingresses; undefined: this host serves none. */
  readonly ingress: { readonly httpPort: number; readonly httpsPort: number } | undefined
  /** Above 0 and at most 1. */
  readonly capacityShare: number
  /** Stop and remove this node's containers at the end, instead of leaving them for the next start. */
  readonly stopContainers: () => boolean
}

/** How long a container may take to end when the whole host is asked to stop. */
const STOP_GRACE_MS = 10_000

/** The composition root of an agent: joins once, then drives this node's pods until the signal aborts. */
export async function runAgent(
  config: AgentConfig,
  { clock, ids, log }: { readonly clock: Clock; readonly ids: Ids; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  // Every part and every watch hangs on it: that is no leak.
  setMaxListeners(0, signal)
  const userAgent = `bowline-agent/${VERSION}`
  const known = await loadIdentity(config.dataDir)
  const identity = known ?? (await joinFirst(config, { userAgent, clock, ids, log, signal }))
  if (identity.nodeName !== config.nodeName)
    throw new BowlineError(
      'bad-config',
      `Cannot start as node "${config.nodeName}": ${config.dataDir} belongs to "${identity.nodeName}"`,
      {
        data: { next: 'use the same --node-name as before, or another --data-dir' },
      },
    )
  const { secretsKeyFile } = config
  const keyring = await openKeyring({
    folder: join(config.dataDir, 'kept'),
    identityKey: identity.key,
    secretsKey: secretsKeyFile === undefined ? undefined : await readSecretsKey(secretsKeyFile),
    log,
  })
  const choice = await chooseRuntime(config.runtime, config.dataDir)
  const owner = { clusterUid: clusterUidOf(identity), nodeName: config.nodeName }
  // Processes of the host are in its own network.
  const pods = choice === 'docker' ? await openRoutedPods({ ...owner, clock, ids, log }) : undefined
  const runtime: OpenRuntime = await openRuntime(choice, {
    ...owner,
    dockerSockets: config.dockerSockets,
    stateDir: join(config.dataDir, 'runtime'),
    podNetwork: pods,
    pidsLimit: config.pidsLimit,
    clock,
    log,
    signal,
  })
  const client = createHttpsClient({
    server: config.server,
    ca: identity.ca,
    credentials: identity,
    userAgent,
    fieldManager: 'bowline-agent',
    clock,
  })
  const renewal = new CertificateRenewal({
    client,
    identity,
    keyring,
    dataDir: config.dataDir,
    clock,
    ids,
    log,
  })
  const agent = startAgent({
    client,
    reconnect: () => client.reconnect(),
    runtime,
    nodeName: config.nodeName,
    dataDir: config.dataDir,
    volumeDir: config.volumeDir,
    memoryDir: config.memoryDir,
    mountDir: config.mountDir,
    keyring,
    allowHost: config.allowHost,
    engineSockets: config.dockerSockets.flatMap(socketPath),
    capacityShare: config.capacityShare,
    ingress: config.ingress === undefined ? undefined : await proxyDefaults(config.ingress),
    clusterUid: owner.clusterUid,
    pods,
    version: `v${VERSION}`,
    tunnel: { server: config.server, ca: identity.ca, credentials: () => renewal.current },
    clock,
    ids,
    log,
  })
  // A part that fails ends the other: a renewal that waits for weeks would hold the process.
  const failed = new AbortController()
  const running = AbortSignal.any([signal, failed.signal])
  try {
    await Promise.all([renewal.start(running), agent.start(running)])
  } catch (error) {
    if (!isAborted(error)) throw error
  } finally {
    failed.abort()
    try {
      if (config.stopContainers()) {
        await removeEverything(runtime)
        await purgeIngress(config.dataDir, clock)
        if (config.memoryDir !== undefined) await removeMemoryDir(config.memoryDir)
        if (pods !== undefined) await removeNetwork({ ...owner, pods, log })
      }
    } finally {
      await runtime.close()
      await pods?.close()
      await client.close()
    }
  }
}

async function joinFirst(
  { server, tokenFile, nodeName, dataDir }: AgentConfig,
  parts: {
    readonly userAgent: string
    readonly clock: Clock
    readonly ids: Ids
    readonly log: Logger
    readonly signal: AbortSignal
  },
): Promise<NodeIdentity> {
  if (tokenFile === undefined)
    throw new BowlineError(
      'bad-config',
      `Cannot join ${server}: this host has no certificate yet and no join token was given`,
      {
        data: {
          next: 'print a token on the server with `bowline token create`, put it into a file and pass --token-file',
        },
      },
    )
  const text = await readFile(tokenFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new BowlineError('bad-config', `Cannot read the token file ${tokenFile}: ${why}`)
  })
  const token = text.trim()
  return joinCluster({ server, token, nodeName, dataDir, ...parts })
}

/** Only what carries this cluster's and this node's labels, as everything that a runtime lists; and what was made for it. */
async function removeEverything(runtime: OpenRuntime): Promise<void> {
  const containers = await runtime.listContainers()
  const running = containers.filter(({ state }) => state === 'running')
  await Promise.allSettled(running.map(({ id }) => runtime.stopContainer(id, STOP_GRACE_MS)))
  await runtime.purge()
}

/** Where on this host a socket is; nothing for an engine that is reached otherwise. */
function socketPath(address: string): readonly string[] {
  const path = address.replace(/^unix:\/\//, '')
  return isAbsolute(path) ? [path] : []
}

/** A cluster is its certificate authority: the beginning of its fingerprint tells one cluster's containers from another's. */
function clusterUidOf({ ca }: NodeIdentity): string {
  return new X509Certificate(ca).fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 32)
}
