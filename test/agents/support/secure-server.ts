import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Service, silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { type Client, createHttpsClient, type HttpsClient, Informers } from '../../../src/client/index.ts'
import {
  CertificateSigner,
  createAccess,
  createAuthenticator,
  createInProcessClient,
  createJoinTokens,
  createVerbs,
  ensureAuthority,
  ensureBootstrap,
  ensureDefaultRoles,
  type JoinTokens,
  oneNodePerMember,
  openLmdbStore,
  openNodeMembers,
  startApiServer,
  systemIdentity,
  Tunnels,
} from '../../../src/cluster/index.ts'
import { allKinds, Kinds } from '../../../src/kube/index.ts'
import { createKeyPair, DAY_MS, fingerprint, issueCertificate, validFrom } from '../../../src/pki/index.ts'

/** A control plane as agents meet it: TLS, certificates, the Node authorizer, tunnels; no controllers but the signer. */
export interface SecureServer {
  readonly url: string
  readonly ca: string
  readonly joinTokens: JoinTokens
  /** The administrator, in process. */
  readonly client: Client
  /** The administrator, over HTTPS. */
  readonly admin: HttpsClient
  close(): Promise<void>
}

export async function startSecureServer(): Promise<SecureServer> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-agent-server-'))
  const [clock, ids, log] = [systemClock, systemIds, silentLogger]
  const stop = new AbortController()
  const tasks: Promise<unknown>[] = []
  const run = (service: Service) => tasks.push(service.start(stop.signal).catch(() => undefined))

  const store = await openLmdbStore({ path: join(folder, 'store'), clock, log })
  const authority = await ensureAuthority(store, clock)
  const authorityFingerprint = fingerprint(authority.certificate)
  const joinTokens = createJoinTokens({ store, clock, ids, authorityFingerprint })
  const members = await openNodeMembers({ store, clock, ids, log })
  const access = createAccess({ clock, log })
  const { authorizer } = access
  const admissions = [...access.admissions, oneNodePerMember(members)]
  const verbs = createVerbs({ store, kinds: allKinds, authorizer, clock, ids, log, admissions })
  run(verbs)
  await ensureBootstrap(verbs, systemIdentity('bootstrap'), stop.signal)
  await ensureDefaultRoles(verbs, systemIdentity('bootstrap'), stop.signal)
  await new Promise<void>(resolve => run({ start: signal => access.follow(verbs, signal, resolve) }))
  const client = createInProcessClient(verbs, systemIdentity('controllers'), { fieldManager: 'test' })
  const informers = new Informers({ client, clock, ids, log })
  run(informers)
  const claimToken = (id: string, node: string) => joinTokens.claim(id, node)
  const membershipOf = async (node: string, isJoin: boolean) =>
    isJoin ? members.admit(node) : members.idOf(node)
  run(new CertificateSigner({ client, informers, clock, ids, log }, { authority, claimToken, membershipOf }))
  const api = await startApiServer(
    {
      verbs,
      authenticator: createAuthenticator({ clock, tokenVerifiers: [joinTokens], members }),
      authorizer,
      authority,
      listen: { host: '127.0.0.1', port: 0 },
      tunnels: new Tunnels({ clock, log }),
      documents: { version: versionInfo, unready: () => [] },
      clock,
      ids,
      log,
    },
    stop.signal,
  )
  run(members.follow(informers.of(Kinds.Node), node => api.endNode(node)))
  const url = `https://127.0.0.1:${api.address.port}`
  const keys = await createKeyPair()
  const certificate = await issueCertificate({
    authority,
    subject: { commonName: 'admin', organizations: ['system:masters'] },
    usages: ['client'],
    validity: validFrom(clock.now(), DAY_MS),
    publicKey: keys.publicKey,
  })
  const admin = createHttpsClient({
    server: url,
    ca: authority.certificate,
    credentials: { certificate, key: keys.privateKey },
    userAgent: 'test/1',
    fieldManager: 'test',
    clock,
  })
  return {
    url,
    ca: authority.certificate,
    joinTokens,
    client,
    admin,
    async close() {
      await admin.close()
      stop.abort()
      await Promise.all([...tasks, api.closed])
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const versionInfo = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
} as const
