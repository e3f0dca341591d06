import { setMaxListeners } from 'node:events'
import { arch, networkInterfaces, platform } from 'node:os'
import { join } from 'node:path'
import { apiAddress } from './api-address.ts'
import {
  type Clock,
  formatIpv4,
  formatSubnet,
  type Ids,
  isAborted,
  type Logger,
  type Service,
} from './base/index.ts'
import { Informers } from './client/index.ts'
import {
  AccountTokenController,
  AcmeController,
  ApiAuditLog,
  ApiRegistrationController,
  ApiServiceController,
  CertificateSigner,
  createAccess,
  createAccountTokens,
  createAcmeAuthority,
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
  isPerson,
  type JoinTokens,
  joinTokenExtensions,
  oneNodePerMember,
  openLmdbStore,
  openNodeMembers,
  RootCaPublisher,
  startApiServer,
  startControllers,
  startScheduler,
  systemIdentity,
  Tunnels,
  TunnelVolumeHosts,
} from './cluster/index.ts'
import type { ClusterNetwork } from './cluster-network.ts'
import { readConfig } from './config.ts'
import { SourceOpener } from './gitops.ts'
import { type App, allKinds, apiVersionOf, Kinds, refOf } from './kube/index.ts'
import { ensureKubeconfig, keepKubeconfig } from './kubeconfig-file.ts'
import { definedKinds, Pipeline } from './pipeline/index.ts'
import { fingerprint } from './pki/index.ts'
import { KUBERNETES_VERSION, VERSION } from './version.ts'
import { volumeExtensions } from './volumes.ts'

/** What a server is told. */
export interface ServerConfig {
  /** Held by this process alone. */
  readonly dataDir: string
  readonly listen: { readonly host: string; readonly port: number }
  /** The name or address by which others reach the server; `port` when it differs from the listening one. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined
  readonly network: ClusterNetwork
  /** Whether every write over HTTPS is kept in `api-audit.log` of the data folder. Default false. */
  readonly auditLog?: boolean
  /** The authority that certificates of ingresses are asked of; absent: there is none. */
  readonly acme?:
    | { readonly directory: string; readonly email: string; readonly ca: string | undefined }
    | undefined
  /** The App that the command line asks for; absent: apps are made over the API. */
  readonly app: { readonly name: string; readonly spec: App['spec'] } | undefined
}

export interface ServerParts {
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** How long controllers and scheduler wait for the pipeline's first look, which of a large repository that is new takes longer. */
const FIRST_LOOK_MS = 1_000

/** A server that is ready to serve. */
export interface RunningServer {
  /** `https://host:port`, as kubeconfig and agents use it. */
  readonly url: string
  readonly kubeconfigPath: string
  readonly joinTokens: JoinTokens
  /** The repositories that it follows from its start: what an earlier one was told, it goes on with. */
  readonly repositories: readonly string[]
  /** Settles when everything has ended and is closed; rejects with what ended it early. */
  readonly closed: Promise<void>
}

/**
 * The composition root of the control plane: store, verbs, controllers, scheduler, pipeline and the API, in one process, until
 * the signal aborts. Resolves once the API serves and the kubeconfig is written.
 *
 * In the order in which they are waited for: what a request is judged by, the API, the pipeline, and last the controllers, which have
 * everything to look at and nearly always nothing to do.
 */
export async function startServer(
  config: ServerConfig,
  parts: ServerParts,
  signal: AbortSignal,
): Promise<RunningServer> {
  const { clock, ids, log } = parts
  const stop = new AbortController()
  const running = AbortSignal.any([signal, stop.signal])
  // Every part and every watch hangs on it: that is no leak.
  setMaxListeners(0, running)
  const tasks: Promise<void>[] = []
  const ground = new Ground()
  /** A part that fails takes the server down: half a control plane would only pretend. */
  async function runPart(name: string, service: Service, signal: AbortSignal): Promise<void> {
    try {
      await service.start(signal)
    } catch (error) {
      if (signal.aborted && isAborted(error)) return
      log.error('A part of the server failed', { part: name, error: String(error) })
      stop.abort()
      throw error
    }
  }
  function run(name: string, service: Service): void {
    keep(tasks, runPart(name, service, running))
  }
  /** What the other parts stand on ends after them, so that they can still write how they ended. */
  function runGround(name: string, service: Service): void {
    keep(ground.tasks, runPart(name, service, ground.signal))
  }

  const store = await openLmdbStore({ path: join(config.dataDir, 'store'), clock, log })
  try {
    const authority = await ensureAuthority(store, clock)
    const joinTokens = createJoinTokens({
      store,
      clock,
      ids,
      authorityFingerprint: fingerprint(authority.certificate),
    })
    const members = await openNodeMembers({ store, clock, ids, log })
    const access = createAccess({ clock, log })
    const { authorizer } = access
    const issuer = `https://kubernetes.default.svc.${config.network.clusterDomain}`
    const tokenKey = await ensureTokenKey(store)
    const accountTokens = createAccountTokens({
      key: tokenKey,
      issuer,
      find: (kind, namespace, name) => findObject(verbs, kind, namespace, name),
      clock,
      ids,
    })
    const authenticator = createAuthenticator({
      clock,
      tokenVerifiers: [joinTokens, accountTokens],
      audiences: [issuer],
      members,
    })
    let pipeline: Pipeline | undefined
    const verbs = createVerbs({
      store,
      kinds: allKinds,
      authorizer,
      reviews: access.reviewers(authenticator),
      issueToken: accountTokens.issue,
      serviceCidr: config.network.serviceCidr,
      serviceExternalIPs: config.network.externalIPs,
      clock,
      ids,
      log,
      admissions: [...access.admissions, oneNodePerMember(members)],
      // One that fails ends the server: whoever is answered asks a whole one. The store goes by the name that clients know.
      components: () => [{ name: 'controller-manager' }, { name: 'etcd-0' }, { name: 'scheduler' }],
      warnOnWrite({ user, subresource }, object) {
        if (!isPerson(user)) return []
        const write = { user: user.username, ref: refOf(object), subresource }
        pipeline?.noteWrite(write)
        return pipeline?.warningsFor(write) ?? []
      },
    })
    runGround('verbs', verbs)
    await ensureBootstrap(verbs, systemIdentity('bootstrap'), running)
    await ensureDefaultRoles(verbs, systemIdentity('bootstrap'), running)
    // Nobody is refused for what they are allowed: the API serves once all of it is known.
    await new Promise<void>(resolve => {
      running.addEventListener('abort', () => resolve(), { once: true })
      runGround('access', { start: signal => access.follow(verbs, signal, resolve) })
    })

    const clientOf = (part: string) =>
      createInProcessClient(verbs, systemIdentity(part), { fieldManager: `bowline-${part}` })
    const informers = new Informers({ client: clientOf('informers'), clock, ids, log })
    runGround('informers', informers)
    const tunnels = new Tunnels({ clock, log })
    const volumeHosts = new TunnelVolumeHosts(tunnels, ground.signal)
    const client = clientOf('pipeline')
    const sources = await SourceOpener.create({
      cacheFolder: join(config.dataDir, 'cache'),
      environment: readConfig().environment,
      kinds: () => definedKinds({ client, informers, clock }),
      onDamage: () => pipeline?.readAgain(),
      clock,
      log,
    })
    runGround('sources', sources)
    pipeline = new Pipeline({
      client,
      informers,
      store,
      openSource: app => sources.open(app),
      version: VERSION,
      clock,
      ids,
      log,
    })
    if (config.app !== undefined) await ensureApp(clientOf('pipeline'), config.app)
    const repositories = await followedBy(clientOf('pipeline'))

    const auditLog = config.auditLog
      ? new ApiAuditLog({ path: join(config.dataDir, 'api-audit.log'), log })
      : undefined
    if (auditLog !== undefined) runGround('audit-log', auditLog)
    const api = await startApiServer(
      {
        auditLog,
        verbs,
        authenticator,
        authorizer,
        authority,
        listen: config.listen,
        names: apiNames(config),
        store,
        tunnels,
        documents: {
          version: versionInfo(),
          unready: () => [],
          issuer: { url: issuer, key: tokenKey },
        },
        extensions: [
          ...joinTokenExtensions(joinTokens),
          planExtension(pipeline),
          syncExtension(pipeline),
          chainsExtension(pipeline),
          ...volumeExtensions({ client: clientOf('volumes'), hosts: volumeHosts, clock }),
        ],
        clock,
        ids,
        log,
      },
      running,
    )
    keep(tasks, api.closed)
    run(
      'node-members',
      members.follow(informers.of(Kinds.Node), node => api.endNode(node)),
    )
    run('pipeline', pipeline)
    const url = urlOf(config, api.address)
    const kubeconfigPath = join(config.dataDir, 'kubeconfig')
    const kubeconfig = { path: kubeconfigPath, server: url, authority, clock, log }
    await ensureKubeconfig(kubeconfig)
    run('kubeconfig', { start: signal => keepKubeconfig(kubeconfig, signal) })

    // Each begins with a look at all that there is, for which the pipeline's first plan must not wait.
    const looked = Promise.race([
      pipeline.firstLook,
      clock.sleep(FIRST_LOOK_MS, running).catch(() => undefined),
    ])
    const runAfterwards = (name: string, service: Service): void =>
      run(name, { start: signal => looked.then(() => service.start(signal)) })
    const controllers = { client: clientOf('controllers'), informers, clock, ids, log }
    const { podCidr, serviceCidr, clusterDomain, links } = config.network
    const nodeIpam = {
      podCidr: formatSubnet(podCidr),
      serviceCidr: formatSubnet(serviceCidr),
      clusterDomain,
      links,
    }
    runAfterwards('controllers', startControllers({ ...controllers, nodeIpam, volumeHosts }))
    run(
      'certificate-signer',
      new CertificateSigner(controllers, {
        authority,
        claimToken: (id, node) => joinTokens.claim(id, node),
        membershipOf: async (node, isJoin) => (isJoin ? members.admit(node) : members.idOf(node)),
      }),
    )
    runAfterwards('api-registration', new ApiRegistrationController(controllers))
    runAfterwards('root-ca', new RootCaPublisher(controllers, authority))
    runAfterwards('account-tokens', new AccountTokenController(controllers, authority))
    if (config.acme !== undefined)
      runAfterwards('acme', new AcmeController(controllers, createAcmeAuthority(config.acme)))
    runAfterwards('scheduler', startScheduler({ client: clientOf('scheduler'), informers, clock, log }))
    const endpoint = await apiEndpoint(config, api.address.port)
    if (endpoint.address === undefined)
      log.info('Pods cannot reach the API: it listens for this machine alone', { listen: config.listen.host })
    const clusterIp = apiClusterIp(config)
    runAfterwards('kubernetes-service', new ApiServiceController(controllers, { clusterIp, endpoint }))
    return { url, kubeconfigPath, joinTokens, repositories, closed: closeAfter(tasks, ground, store) }
  } catch (error) {
    stop.abort()
    await closeAfter(tasks, ground, store).catch(() => undefined)
    throw error
  }
}

/** `bowline plan`: what a commit would change, computed against the live state. */
function planExtension(pipeline: Pipeline): Extension {
  return {
    group: Kinds.App.group,
    version: Kinds.App.version,
    resource: Kinds.App.plural,
    namespaced: false,
    subresource: 'plan',
    method: 'GET',
    handle: async ({ name, query, context }) => ({
      json: await pipeline.preview(name, query.get('revision') ?? 'HEAD', context.signal),
    }),
  }
}

/** `bowline follow` and `rollback`: something was pushed, and a remote would be asked only once a minute. */
function syncExtension(pipeline: Pipeline): Extension {
  return {
    group: Kinds.App.group,
    version: Kinds.App.version,
    resource: Kinds.App.plural,
    namespaced: false,
    subresource: 'sync',
    method: 'POST',
    handle: async ({ name, context }) => {
      await pipeline.lookNow(name, context.signal)
      return { code: 202, json: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' } }
    },
  }
}

/** `bowline audit verify`: where the chains of records end, by the account of who writes them. */
function chainsExtension(pipeline: Pipeline): Extension {
  return {
    group: Kinds.Record.group,
    version: Kinds.Record.version,
    resource: 'recordchains',
    namespaced: false,
    method: 'GET',
    handle: async () => ({ json: { chains: await pipeline.chains() } }),
  }
}

async function ensureApp(
  client: ReturnType<typeof createInProcessClient>,
  app: NonNullable<ServerConfig['app']>,
): Promise<void> {
  const body: App = {
    apiVersion: apiVersionOf(Kinds.App) as App['apiVersion'],
    kind: 'App',
    metadata: { name: app.name },
    spec: app.spec,
  }
  await client.patch(
    Kinds.App,
    app.name,
    { type: 'apply', body, force: true },
    { fieldManager: 'bowline-up' },
  )
}

/** The repositories of the Apps that no other App made. */
async function followedBy(client: ReturnType<typeof createInProcessClient>): Promise<readonly string[]> {
  const { items } = await client.list(Kinds.App)
  const roots = items.filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => kind === 'App'))
  return [...new Set(roots.map(({ spec }) => spec.source.repository))]
}

/** The first address of the range of Services is the API's. */
function apiClusterIp({ network }: ServerConfig): string {
  return formatIpv4(network.serviceCidr.base + 1)
}

/** The names and addresses that the API is asked by, beyond those of the machine. */
function apiNames(config: ServerConfig): readonly string[] {
  return [
    ...(config.advertise === undefined ? [] : [config.advertise.host]),
    apiClusterIp(config),
    `kubernetes.default.svc.${config.network.clusterDomain}`,
  ]
}

/** Where pods reach the API. */
async function apiEndpoint(
  { listen, advertise }: ServerConfig,
  port: number,
): Promise<{ readonly address: string | undefined; readonly port: number }> {
  const address = await apiAddress({ listen: listen.host, advertise: advertise?.host }, networkInterfaces())
  return { address, port: advertise?.port ?? port }
}

function urlOf(
  { listen, advertise }: ServerConfig,
  address: { readonly host: string; readonly port: number },
): string {
  const host = advertise?.host ?? (isEveryAddress(listen.host) ? '127.0.0.1' : listen.host)
  const port = advertise?.port ?? address.port
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function versionInfo() {
  const [major = '1', minor = '32'] = KUBERNETES_VERSION.slice(1).split('.')
  return {
    major,
    minor,
    gitVersion: `${KUBERNETES_VERSION}+bowline-${VERSION}`,
    platform: `${platform()}/${goArch()}`,
  }
}

/** Kubernetes names architectures as Go does. */
function goArch(): string {
  return arch() === 'x64' ? 'amd64' : arch()
}

/** The parts that the others stand on, and how they are ended. */
class Ground {
  readonly tasks: Promise<void>[] = []
  readonly #stop = new AbortController()

  constructor() {
    setMaxListeners(0, this.#stop.signal)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  async end(): Promise<readonly PromiseSettledResult<void>[]> {
    this.#stop.abort()
    return Promise.allSettled(this.tasks)
  }
}

/** The end tells how a task went. Until then nobody looks, and that must not count as a rejection that nobody handles. */
function keep(tasks: Promise<void>[], task: Promise<void>): void {
  task.catch(() => undefined)
  tasks.push(task)
}

/** What everything else stands on ends after it, and the store is closed last. */
async function closeAfter(
  tasks: readonly Promise<void>[],
  ground: Ground,
  store: { close(): Promise<void> },
): Promise<void> {
  const ended = [...(await Promise.allSettled(tasks)), ...(await ground.end())]
  await store.close()
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}
