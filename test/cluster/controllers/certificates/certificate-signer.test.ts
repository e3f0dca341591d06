import { createPrivateKey, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import {
  type Client,
  type Credentials,
  createHttpsClient,
  type HttpsClient,
  Informers,
} from '../../../../src/client/index.ts'
import { CertificateSigner } from '../../../../src/cluster/controllers/certificates/certificate-signer.ts'
import { NODE_SIGNER } from '../../../../src/cluster/controllers/certificates/node-request.ts'
import { type CertificateSigningRequest, Kinds, type Node } from '../../../../src/kube/index.ts'
import { createKeyAndRequest, readCertificate } from '../../../../src/pki/index.ts'
import { startTestApi, type TestApi } from '../../api/support/api-server.ts'

let api: TestApi
let stop: AbortController
let running: Promise<unknown>
let clients: HttpsClient[]

beforeEach(async () => {
  api = await startTestApi()
  stop = new AbortController()
  clients = []
  const parts = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(parts)
  const signer = new CertificateSigner(
    { ...parts, informers },
    {
      authority: api.authority,
      claimToken: (id, nodeName) => api.joinTokens.claim(id, nodeName),
      membershipOf: async () => undefined,
      lifetimeMs: 3_600_000,
    },
  )
  running = Promise.all([informers.start(stop.signal), signer.start(stop.signal)])
})
afterEach(async () => {
  stop.abort()
  await running
  for (const client of clients) await client.close()
  await api.close()
})

function connect(credentials: Credentials): HttpsClient {
  const client = createHttpsClient({
    server: api.url,
    ca: api.authority.certificate,
    credentials,
    userAgent: 'agent/1',
    fieldManager: 'agent',
    clock: systemClock,
  })
  clients.push(client)
  return client
}

/** A client of a host that holds a fresh join token. */
async function joiner(singleUse = false): Promise<HttpsClient> {
  const { token } = await api.joinTokens.create({ singleUse })
  return connect({ token: token.slice(token.indexOf('.') + 1) })
}

/** Asks for a certificate and waits for the answer, as an agent does. */
async function requestAs(
  client: Client,
  commonName: string,
  options: { organizations?: readonly string[]; spec?: Partial<CertificateSigningRequest['spec']> } = {},
): Promise<{ answer: CertificateSigningRequest; privateKey: string }> {
  const { privateKey, request } = await createKeyAndRequest({
    commonName,
    organizations: options.organizations ?? ['system:nodes'],
  })
  const made = await client.create(Kinds.CertificateSigningRequest, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `csr-${systemIds.suffix(8)}` },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: NODE_SIGNER,
      usages: ['digital signature', 'client auth'],
      ...options.spec,
    },
  })
  const name = made.metadata.name ?? ''
  return vi.waitFor(
    async () => {
      const answer = await client.get(Kinds.CertificateSigningRequest, name)
      if (!answer.status?.certificate && !conditionOf(answer, 'Denied')) throw new Error('no answer yet')
      return { answer, privateKey }
    },
    { timeout: 10_000, interval: 20 },
  )
}

function conditionOf(
  request: CertificateSigningRequest,
  type: string,
): { reason?: string; message?: string } | undefined {
  return request.status?.conditions?.find(condition => condition.type === type)
}

function certificateOf({ status }: CertificateSigningRequest): string {
  return Buffer.from(status?.certificate ?? '', 'base64').toString()
}

async function makeNode(name: string): Promise<void> {
  await api.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name } } as Node)
}

describe('CertificateSigner', () => {
  it("a joining host is given its node's certificate, whatever groups and requester the request claims", async () => {
    const { answer, privateKey } = await requestAs(await joiner(), 'system:node:host-1', {
      organizations: ['system:masters'],
      spec: { username: 'bowline-admin', groups: ['system:masters'] },
    })
    expect(answer.spec.username).toMatch(/^system:bootstrap:/)
    const certificate = certificateOf(answer)
    const facts = readCertificate(certificate)
    expect(facts.subject).toEqual({ commonName: 'system:node:host-1', organizations: ['system:nodes'] })
    expect(facts.notAfter - facts.notBefore).toBeLessThan(3_600_000 * 1.2)
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))).toBe(true)
    const agent = connect({ certificate, key: privateKey })
    await agent.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } } as Node)
    expect((await agent.get(Kinds.Node, 'host-1')).metadata.name).toBe('host-1')
  })

  it('an agent renews its own certificate with the one that it has, and no other', async () => {
    const first = await requestAs(await joiner(), 'system:node:host-1')
    await makeNode('host-1')
    const agent = connect({ certificate: certificateOf(first.answer), key: first.privateKey })
    const renewed = await requestAs(agent, 'system:node:host-1', { spec: { expirationSeconds: 600 } })
    const facts = readCertificate(certificateOf(renewed.answer))
    expect(facts.subject.commonName).toBe('system:node:host-1')
    expect(facts.notAfter - facts.notBefore).toBeLessThan(700_000)
    const other = await requestAs(agent, 'system:node:host-2')
    expect(conditionOf(other.answer, 'Denied')).toMatchObject({ reason: 'NameNotOwn' })
  })

  it('the name of a node that exists is refused to a join token until the Node is deleted', async () => {
    await makeNode('host-1')
    const client = await joiner()
    const refused = await requestAs(client, 'system:node:host-1')
    expect(conditionOf(refused.answer, 'Denied')).toMatchObject({
      reason: 'NodeExists',
      message: expect.stringContaining('bowline host remove host-1'),
    })
    expect(refused.answer.status?.certificate).toBeUndefined()
    await api.client.delete(Kinds.Node, 'host-1')
    expect((await requestAs(client, 'system:node:host-1')).answer.status?.certificate).toBeTruthy()
  })

  it('a Node that is deleted frees its name at once, however short it lived', async () => {
    const client = await joiner()
    expect((await requestAs(client, 'system:node:brief')).answer.status?.certificate).toBeTruthy()
    await makeNode('brief')
    await api.client.delete(Kinds.Node, 'brief')
    expect((await requestAs(client, 'system:node:brief')).answer.status?.certificate).toBeTruthy()
  })

  it('of two hosts that join under one name at once only one is let in', async () => {
    const client = await joiner()
    const answers = await Promise.all([1, 2].map(() => requestAs(client, 'system:node:twin')))
    expect(answers.filter(({ answer }) => answer.status?.certificate)).toHaveLength(1)
  })

  it('a single-use token serves one node name', async () => {
    const client = await joiner(true)
    expect((await requestAs(client, 'system:node:one')).answer.status?.certificate).toBeTruthy()
    const second = await requestAs(client, 'system:node:two')
    expect(conditionOf(second.answer, 'Denied')).toMatchObject({ reason: 'TokenSpent' })
  })

  it.each(['bowline-admin', 'system:node:', 'system:node:Not_A_Name', 'system:node:a/b', ''])(
    'the common name %j is denied',
    async commonName => {
      const { answer } = await requestAs(await joiner(), commonName)
      expect(conditionOf(answer, 'Denied')).toMatchObject({ reason: 'BadRequest' })
    },
  )

  it('what is no PKCS#10 is denied, and what another signer is asked is left alone', async () => {
    const client = await joiner()
    const { answer } = await requestAs(client, 'x', {
      spec: { request: Buffer.from('rubbish').toString('base64') },
    })
    expect(conditionOf(answer, 'Denied')?.message).toContain('not PKCS#10')
    const other = await api.client.create(Kinds.CertificateSigningRequest, {
      ...answer,
      metadata: { name: 'other' },
      spec: { ...answer.spec, signerName: 'example.com/else' },
    })
    await requestAs(client, 'system:node:later')
    expect((await api.client.get(Kinds.CertificateSigningRequest, other.metadata.name ?? '')).status).toEqual(
      {},
    )
  })

  it('a token reads its own requests only, and cannot approve one', async () => {
    const mine = await joiner()
    const { answer } = await requestAs(mine, 'system:node:mine')
    const name = answer.metadata.name ?? ''
    await expect((await joiner()).get(Kinds.CertificateSigningRequest, name)).rejects.toMatchObject({
      code: 403,
    })
    await expect(mine.list(Kinds.CertificateSigningRequest)).rejects.toMatchObject({ code: 403 })
    await expect(
      mine.update(Kinds.CertificateSigningRequest, answer, { subresource: 'approval' }),
    ).rejects.toMatchObject({ code: 403 })
  })
})
