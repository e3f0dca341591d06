import { setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Clock,
  type KeyValueStore,
  type Logger,
  silentLogger,
  systemClock,
  systemIds,
} from '../../../../src/base/index.ts'
import type { Client } from '../../../../src/client/index.ts'
import type { RequestRates } from '../../../../src/cluster/api/http/request-rates.ts'
import {
  type ApiAuditLog,
  type ApiServer,
  createAccess,
  createAccountTokens,
  createAdminKubeconfig,
  createAuthenticator,
  createInProcessClient,
  createJoinTokens,
  createVerbs,
  type Extension,
  ensureAuthority,
  ensureBootstrap,
  ensureDefaultRoles,
  ensureTokenKey,
  findObject,
  type JoinTokens,
  joinTokenExtensions,
  startApiServer,
  systemIdentity,
  Tunnels,
  type Verbs,
} from '../../../../src/cluster/api/index.ts'
import type { ComponentHealth } from '../../../../src/cluster/api/verbs/component-statuses.ts'
import { openLmdbStore } from '../../../../src/cluster/store/index.ts'
import { allKinds } from '../../../../src/kube/index.ts'
import {
  type Authority,
  createKeyPair,
  DAY_MS,
  fingerprint,
  issueCertificate,
  validFrom,
} from '../../../../src/pki/index.ts'

/** A client's certificate and key, PEM. */
export interface TestIdentity {
  readonly cert: string
  readonly key: string
}

/** A whole API server on a free port, with its store in a temporary folder. */
export interface TestApi {
  readonly folder: string
  readonly url: string
  readonly port: number
  /** Open between the requests of tests, for each identity its own: most of a request would be the handshake otherwise. */
  readonly connections: Agent
  readonly authority: Authority
  readonly verbs: Verbs
  /** In process, as one of the server's own parts. */
  readonly client: Client
  readonly store: KeyValueStore
  readonly tunnels: Tunnels
  readonly joinTokens: JoinTokens
  readonly admin: TestIdentity
  /** The path of a kubeconfig of the admin. */
  readonly kubeconfig: string
  identity(commonName: string, organizations?: readonly string[]): Promise<TestIdentity>
  close(): Promise<void>
}

export interface TestApiOptions {
  readonly extensions?: readonly Extension[]
  readonly limits?: { readonly reads?: number; readonly writes?: number; readonly streams?: number }
  readonly rates?: Partial<RequestRates>
  /** How the parts of the control plane are. */
  readonly components?: () => readonly ComponentHealth[]
  readonly auditLog?: Pick<ApiAuditLog, 'record'>
  /** How long clients may take, in ms. */
  readonly patience?: { readonly headersMs?: number; readonly requestMs?: number; readonly checkMs?: number }
  readonly log?: Logger
  readonly clock?: Clock
  /** How many events the watch caches keep. */
  readonly eventWindow?: number
  /** ServiceAccounts have tokens, and pods find theirs. Default false. */
  readonly accountTokens?: boolean
  /** Stands between the server and the real verbs. */
  readonly wrapVerbs?: (verbs: Verbs) => Verbs
}

const ISSUER = 'https://kubernetes.default.svc.cluster.local'

export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-api-'))
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLogger
  const ids = systemIds
  const stop = new AbortController()
  // Every watch hangs on it: that is no leak.
  setMaxListeners(0, stop.signal)
  const store = await openLmdbStore({ path: join(folder, 'store'), clock, log })
  const authority = await ensureAuthority(store, clock)
  const access = createAccess({ clock, log })
  const { authorizer, admissions } = access
  const joinTokens = createJoinTokens({
    store,
    clock,
    ids,
    authorityFingerprint: fingerprint(authority.certificate),
  })
  const tokenKey = await ensureTokenKey(store)
  const accountTokens = createAccountTokens({
    key: tokenKey,
    issuer: ISSUER,
    find: (kind, namespace, name) => findObject(verbs, kind, namespace, name),
    clock,
    ids,
  })
  const authenticator = createAuthenticator({
    clock,
    tokenVerifiers: [joinTokens, accountTokens],
    audiences: [ISSUER],
    members: undefined,
  })
  const verbs = createVerbs({
    store,
    kinds: allKinds,
    authorizer,
    clock,
    ids,
    log,
    admissions,
    reviews: access.reviewers(authenticator),
    ...(options.accountTokens ? { issueToken: accountTokens.issue } : {}),
    ...(options.components === undefined ? {} : { components: options.components }),
    ...(options.eventWindow === undefined ? {} : { eventWindow: options.eventWindow }),
  })
  const running = [verbs.start(stop.signal)]
  await ensureBootstrap(verbs, systemIdentity('bootstrap'), stop.signal)
  await ensureDefaultRoles(verbs, systemIdentity('bootstrap'), stop.signal)
  await new Promise<void>(resolve => running.push(access.follow(verbs, stop.signal, resolve)))
  const tunnels = new Tunnels({ clock, log })
  const server: ApiServer = await startApiServer(
    {
      verbs: options.wrapVerbs?.(verbs) ?? verbs,
      authenticator,
      authorizer,
      authority,
      listen: { host: '127.0.0.1', port: 0 },
      tunnels,
      documents: {
        version: { major: '1', minor: '32', gitVersion: 'v1.32.9+bowline-test', platform: 'linux/amd64' },
        unready: () => [],
        ...(options.accountTokens ? { issuer: { url: ISSUER, key: tokenKey } } : {}),
      },
      extensions: [...joinTokenExtensions(joinTokens), ...(options.extensions ?? [])],
      limits: options.limits ?? {},
      rates: options.rates ?? {},
      auditLog: options.auditLog,
      patience: options.patience ?? {},
      clock,
      ids,
      log,
    },
    stop.signal,
  )

  async function identity(commonName: string, organizations: readonly string[] = []): Promise<TestIdentity> {
    const { publicKey, privateKey } = await createKeyPair()
    const validity = validFrom(clock.now(), DAY_MS)
    const subject = { commonName, organizations }
    const cert = await issueCertificate({ authority, subject, publicKey, usages: ['client'], validity })
    return { cert, key: privateKey }
  }

  const admin = await identity('bowline-admin', ['system:masters'])
  const url = `https://127.0.0.1:${server.address.port}`
  const connections = new Agent({ keepAlive: true })
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(
    kubeconfig,
    createAdminKubeconfig({
      server: url,
      authority: authority.certificate,
      certificate: admin.cert,
      privateKey: admin.key,
    }),
    { mode: 0o600 },
  )
  return {
    folder,
    url,
    port: server.address.port,
    connections,
    authority,
    verbs,
    client: createInProcessClient(verbs, systemIdentity('test'), { fieldManager: 'test' }),
    store,
    tunnels,
    joinTokens,
    admin,
    kubeconfig,
    identity,
    async close() {
      stop.abort()
      await server.closed
      connections.destroy()
      await Promise.all(running)
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
