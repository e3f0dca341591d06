import { BowlineError, type Clock, type Ids, type Logger, messageOf } from '../../base/index.ts'
import { createHttpsClient } from '../../client/index.ts'
import { StatusError } from '../../kube/index.ts'
import { fetchAuthority, parseJoinToken } from './authority.ts'
import { requestCertificate } from './certificate.ts'
import { type NodeIdentity, saveIdentity } from './node-identity.ts'

export interface JoinOptions {
  /** `https://host:port`. */
  readonly server: string
  /** `<CA sha256>.<id>.<secret>`. */
  readonly token: string
  readonly nodeName: string
  /** Where the identity is kept. */
  readonly dataDir: string
  readonly userAgent: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Joins a cluster: checks that the server's authority is the one that the token names, and only then proves with the token's
 * secret that it was asked in, and has its certificate signed. Keeps the identity and returns it. Every refusal says what to do.
 */
export async function joinCluster(options: JoinOptions): Promise<NodeIdentity> {
  const { server, nodeName, dataDir, userAgent, clock, ids, log, signal } = options
  const { fingerprint, bearer } = parseJoinToken(options.token)
  const ca = await fetchAuthority(server, fingerprint, clock)
  const client = createHttpsClient({
    server,
    ca,
    credentials: { token: bearer },
    userAgent,
    fieldManager: 'bowline-agent',
    clock,
  })
  try {
    const signed = await requestCertificate({ client, nodeName, clock, ids, signal })
    const identity: NodeIdentity = { server, nodeName, ca, ...signed }
    await saveIdentity(dataDir, identity)
    log.info('joined the cluster', { server, node: nodeName })
    return identity
  } catch (error) {
    throw joinRefusal(server, nodeName, error)
  } finally {
    await client.close()
  }
}

/** Says why, and what whoever runs the agent can do about it: next to a join, no kubeconfig is to blame. */
function joinRefusal(server: string, nodeName: string, error: unknown): unknown {
  const state = messageOf(error).replace(/\.$/, '')
  const refuse = (why: string, next: string) =>
    new BowlineError('unauthorized', `Cannot join ${server} as node "${nodeName}": ${why}`, {
      cause: error,
      data: { next },
    })
  const isUnknown = error instanceof StatusError && error.reason === 'Unauthorized'
  const isSpent = error instanceof BowlineError && error.data.reason === 'TokenSpent'
  if (isUnknown || isSpent) {
    const why = isSpent ? state : `${state}. The join token has expired or was revoked`
    return refuse(
      `${why}: print a new one with "bowline token create"`,
      'put the new token into a file, and pass it with --token-file',
    )
  }
  const isRefusal =
    error instanceof StatusError || (error instanceof BowlineError && error.code === 'unauthorized')
  if (!isRefusal) return error
  return refuse(
    `${state}. If this host takes the place of another, remove that one first with "bowline host remove ${nodeName}"; else choose another name with --node-name`,
    'start it again once the other is removed, or with the other name',
  )
}
