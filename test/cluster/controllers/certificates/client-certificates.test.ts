import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { CertificateSigner } from '../../../../src/cluster/controllers/certificates/certificate-signer.ts'
import { clientProblem } from '../../../../src/cluster/controllers/certificates/client-request.ts'
import { type CertificateSigningRequest, Kinds } from '../../../../src/kube/index.ts'
import { createKeyAndRequest, readCertificate } from '../../../../src/pki/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../../api/support/api-server.ts'
import { ask, type Reply } from '../../api/support/https.ts'
import { kubectlOk } from '../../api/support/kubectl.ts'

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const CLIENT = 'kubernetes.io/kube-apiserver-client'
const stop = new AbortController()
const running: Promise<unknown>[] = []
let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
  const parts = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(parts)
  const { authority } = api
  const options = { authority, claimToken: async () => false, membershipOf: async () => undefined }
  running.push(new CertificateSigner({ ...parts, informers }, options).start(stop.signal))
  running.push(informers.start(stop.signal))
})
afterAll(async () => {
  stop.abort()
  await Promise.all(running)
  await api.close()
})

/** What `kubectl certificate approve` writes. */
async function approve(name: string, user?: string): Promise<Reply> {
  const live = (await ask(api, `${REQUESTS}/${name}`)).json
  const condition = { type: 'Approved', status: 'True', reason: 'Known', message: 'by a person' }
  return ask(api, `${REQUESTS}/${name}/approval`, {
    method: 'PUT',
    headers: user === undefined ? {} : { 'impersonate-user': user },
    body: { ...live, status: { conditions: [condition] } },
  })
}

async function request(
  name: string,
  commonName: string,
  organizations: readonly string[] = [],
  spec: object = {},
): Promise<string> {
  const { privateKey, request } = await createKeyAndRequest({ commonName, organizations })
  await kubectlOk(
    api,
    ['create', '-f', '-'],
    JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: CLIENT,
        usages: ['client auth'],
        ...spec,
      },
    }),
  )
  return privateKey
}

function statusBecomes(
  name: string,
  test: (status: NonNullable<CertificateSigningRequest['status']>) => boolean,
): Promise<NonNullable<CertificateSigningRequest['status']>> {
  return eventually(`an answer to ${name}`, async () => {
    const { status = {} } = await api.client.get(Kinds.CertificateSigningRequest, name)
    return test(status) && status
  })
}

const conditions = (status: CertificateSigningRequest['status']) =>
  (status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)

describe('a certificate for a person', () => {
  it('is signed once it is approved, and proves who they are', async () => {
    const key = await request('ada', 'ada', ['readers'], { expirationSeconds: 3600 })
    expect(await kubectlOk(api, ['certificate', 'approve', 'ada'])).toContain('approved')
    const { certificate = '' } = await statusBecomes('ada', status => Boolean(status.certificate))
    const cert = Buffer.from(certificate, 'base64').toString()
    const { subject, notAfter } = readCertificate(cert)
    expect(subject).toEqual({ commonName: 'ada', organizations: ['readers'] })
    expect(notAfter).toBeLessThanOrEqual(systemClock.now() + 3_600_000)
    const as: TestIdentity = { cert, key }
    const reply = await ask(api, '/api/v1/namespaces/default/pods', { as })
    expect([reply.code, reply.json.message]).toEqual([403, expect.stringContaining('User "ada" cannot list')])
    await ask(api, `${RBAC}/clusterrolebindings`, {
      method: 'POST',
      body: {
        metadata: { name: 'readers' },
        roleRef: { kind: 'ClusterRole', name: 'system:aggregate-to-view' },
        subjects: [{ kind: 'Group', name: 'readers' }],
      },
    })
    await eventually('ada to read', async () => {
      return (await ask(api, '/api/v1/namespaces/default/pods', { as })).code === 200
    })
    expect(await kubectlOk(api, ['get', 'csr', 'ada'])).toMatch(/ada .*Approved,Issued/)
  })

  it('is not signed when it is denied', async () => {
    await request('bob', 'bob')
    expect(await kubectlOk(api, ['certificate', 'deny', 'bob'])).toContain('denied')
    const status = await statusBecomes('bob', ({ conditions = [] }) => conditions.length > 0)
    expect([conditions(status), status.certificate]).toEqual([['Denied KubectlDeny'], undefined])
  })

  it('is never one of an administrator, of an agent or of a part of the server', async () => {
    await request('boss', 'boss', ['system:masters'])
    await approve('boss')
    const status = await statusBecomes('boss', ({ conditions = [] }) => conditions.length > 1)
    expect(conditions(status)).toEqual(['Approved Known', 'Failed SignerValidationFailure'])
    expect(status.certificate).toBeUndefined()
  })

  it.each<
    [string, CertificateSigningRequest['spec']['usages'], string, readonly string[], RegExp | undefined]
  >([
    ['a good one', ['client auth', 'digital signature'], 'ada', ['ops'], undefined],
    ['for servers', ['client auth', 'server auth'], 'ada', [], /usages/],
    ['for nothing', ['digital signature'], 'ada', [], /usages/],
    ['of nobody', ['client auth'], '', [], /common name/],
    ['of a node', ['client auth'], 'system:node:a', [], /the user/],
    ['of nodes', ['client auth'], 'ada', ['system:nodes'], /the group/],
    ['of a ServiceAccount', ['client auth'], 'system:serviceaccount:a:b', [], /the user/],
    ['of a part of the server', ['client auth'], 'ada', ['bowline:system'], /the group/],
    ['of a membership', ['client auth'], 'ada', ['bowline:member:x'], /the group/],
  ])('clientProblem() judges %s', (_, usages, commonName, organizations, problem) => {
    const found = clientProblem({ usages: usages ?? [] }, { commonName, organizations })
    if (problem === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(problem)
  })
})

describe('who approves', () => {
  it('needs the verb approve on the signer, besides the right to write approvals', async () => {
    await ask(api, `${RBAC}/clusterroles`, {
      method: 'POST',
      body: {
        metadata: { name: 'approver' },
        rules: [
          {
            apiGroups: ['certificates.k8s.io'],
            resources: [
              'certificatesigningrequests',
              'certificatesigningrequests/approval',
              'certificatesigningrequests/status',
            ],
            verbs: ['get', 'update'],
          },
        ],
      },
    })
    const bind = (name: string, role: string) =>
      ask(api, `${RBAC}/clusterrolebindings`, {
        method: 'POST',
        body: {
          metadata: { name },
          roleRef: { kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'User', name: 'carol' }],
        },
      })
    await bind('carol', 'approver')
    await request('dave', 'dave')
    const tries = () => approve('dave', 'carol')
    await eventually('carol to be refused for the signer', async () => {
      return (await tries()).json.message?.includes(
        'certificatesigningrequests.certificates.k8s.io "dave" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
      )
    })
    const live = (await ask(api, `${REQUESTS}/dave`)).json
    const signed = await ask(api, `${REQUESTS}/dave/status`, {
      method: 'PUT',
      headers: { 'impersonate-user': 'carol' },
      body: { ...live, status: { certificate: Buffer.from('mine').toString('base64') } },
    })
    expect([signed.code, signed.json.message]).toEqual([
      403,
      expect.stringContaining('not permitted to sign'),
    ])
    await bind('carol-signer', 'system:certificates.k8s.io:kube-apiserver-client-approver')
    await eventually('carol to approve', async () => (await tries()).code === 200)
    await statusBecomes('dave', status => Boolean(status.certificate))
  })
})
