import { createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../../support/api-server.ts'
import { ask, type Reply } from '../../support/https.ts'
import { kubectl } from '../../support/kubectl.ts'

const NS = '/api/v1/namespaces/shop'
const BOT = `${NS}/serviceaccounts/bot`
const ISSUER = 'https://kubernetes.default.svc.cluster.local'
let api: TestApi
let node: TestIdentity

beforeAll(async () => {
  api = await startTestApi({ accountTokens: true })
  node = await api.identity('system:node:a', ['system:nodes'])
  await post('/api/v1/namespaces', { metadata: { name: 'shop' } })
  await post('/api/v1/nodes', { metadata: { name: 'a' } })
  for (const name of ['bot', 'quiet', 'gone'])
    await post(`${NS}/serviceaccounts`, {
      metadata: { name },
      ...(name === 'quiet' ? { automountServiceAccountToken: false } : {}),
      ...(name === 'bot' ? { imagePullSecrets: [{ name: 'pull' }] } : {}),
    })
})
afterAll(() => api.close())

function post(path: string, body: object, as?: TestIdentity): Promise<Reply> {
  return ask(api, path, { method: 'POST', body, ...(as === undefined ? {} : { as }) })
}

async function tokenOf(account: string, spec: object = {}): Promise<string> {
  const { code, json, text } = await post(`${NS}/serviceaccounts/${account}/token`, { spec })
  expect(code, text).toBe(201)
  return json.status.token
}

function whoami(token: string): Promise<Reply> {
  return ask(api, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    method: 'POST',
    body: {},
    as: null,
    headers: { authorization: `Bearer ${token}` },
  })
}

async function review(token: string, audiences?: readonly string[]): Promise<Reply['json']> {
  const spec = { token, ...(audiences === undefined ? {} : { audiences }) }
  return (await post('/apis/authentication.k8s.io/v1/tokenreviews', { spec })).json.status
}

async function makePod(name: string, spec: object = {}): Promise<Reply['json']> {
  const containers = [{ name: 'c', image: 'i' }]
  const { code, json, text } = await post(`${NS}/pods`, { metadata: { name }, spec: { containers, ...spec } })
  expect(code, text).toBe(201)
  return json
}

describe('TokenRequest', () => {
  it('gives a token by which the ServiceAccount is known', async () => {
    const before = Math.floor(Date.now() / 1000)
    const { json } = await post(`${BOT}/token`, { spec: { expirationSeconds: 600 } })
    expect(json).toMatchObject({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name: 'bot', namespace: 'shop' },
    })
    const claims = JSON.parse(Buffer.from(json.status.token.split('.')[1], 'base64url').toString())
    const account = (await ask(api, BOT)).json.metadata.uid
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: [ISSUER],
      sub: 'system:serviceaccount:shop:bot',
      'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'bot', uid: account } },
    })
    expect(claims.exp - claims.iat).toBe(600)
    expect(claims.iat).toBeGreaterThanOrEqual(before)
    expect(Date.parse(json.status.expirationTimestamp)).toBe(claims.exp * 1000)
    expect((await whoami(json.status.token)).json.status.userInfo).toEqual({
      username: 'system:serviceaccount:shop:bot',
      uid: account,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] },
    })
  })

  it.each<[string, object, number, string]>([
    [
      'less than ten minutes',
      { expirationSeconds: 599 },
      422,
      'may not specify a duration less than 10 minutes',
    ],
    ['more than 2^32 seconds', { expirationSeconds: 2 ** 32 + 1 }, 422, 'larger than 2^32 seconds'],
    [
      'a binding to anything',
      { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'x' } },
      400,
      'cannot bind token to object of type',
    ],
    [
      'a binding to what is not there',
      { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'x' } },
      404,
      'pods "x" not found',
    ],
  ])('refuses %s', async (_, spec, code, message) => {
    const reply = await post(`${BOT}/token`, { spec })
    expect([reply.code, reply.json.message]).toEqual([code, expect.stringContaining(message)])
  })

  it('refuses accounts that are not there, and who may not ask', async () => {
    expect((await post(`${NS}/serviceaccounts/none/token`, { spec: {} })).code).toBe(404)
    const eve = await api.identity('eve')
    expect((await post(`${BOT}/token`, { spec: {} }, eve)).code).toBe(403)
  })

  it('a token for others is none for this API, and TokenReview tells for whom it is', async () => {
    const token = await tokenOf('bot', { audiences: ['vault', 'shop'] })
    expect((await whoami(token)).code).toBe(401)
    expect(await review(token)).toMatchObject({
      error: expect.stringContaining('is invalid for the target audiences'),
    })
    expect(await review(token, ['x', 'vault'])).toMatchObject({ authenticated: true, audiences: ['vault'] })
  })

  it('a token ends with its ServiceAccount, though one of the same name is made anew', async () => {
    const token = await tokenOf('gone')
    expect((await whoami(token)).code).toBe(201)
    await ask(api, `${NS}/serviceaccounts/gone`, { method: 'DELETE' })
    expect((await whoami(token)).code).toBe(401)
    await post(`${NS}/serviceaccounts`, { metadata: { name: 'gone' } })
    expect((await whoami(token)).code).toBe(401)
    expect((await review(token)).error).toContain('service account token has been invalidated')
  })

  it('a token ends with the pod, Secret or node that it is bound to', async () => {
    const pod = await makePod('bound', { serviceAccountName: 'bot', nodeName: 'a' })
    await post(`${NS}/secrets`, { metadata: { name: 'bound' } })
    await post('/api/v1/nodes', { metadata: { name: 'short-lived' } })
    const to = (kind: string, name: string) =>
      tokenOf('bot', { boundObjectRef: { kind, apiVersion: 'v1', name } })
    const tokens = {
      pod: await to('Pod', 'bound'),
      secret: await to('Secret', 'bound'),
      node: await to('Node', 'short-lived'),
    }
    const { extra } = (await whoami(tokens.pod)).json.status.userInfo
    expect(extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['bound'],
      'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
      'authentication.kubernetes.io/node-name': ['a'],
    })
    const codes = async () => [
      (await whoami(tokens.pod)).code,
      (await whoami(tokens.secret)).code,
      (await whoami(tokens.node)).code,
    ]
    expect(await codes()).toEqual([201, 201, 201])
    await ask(api, `${NS}/pods/bound?gracePeriodSeconds=0`, { method: 'DELETE' })
    expect(await codes()).toEqual([401, 201, 201])
    await ask(api, `${NS}/secrets/bound`, { method: 'DELETE' })
    expect(await codes()).toEqual([401, 401, 201])
    await ask(api, '/api/v1/nodes/short-lived', { method: 'DELETE' })
    expect(await codes()).toEqual([401, 401, 401])
  })

  it('a token is bound to pods of its own account alone, and to the very one that is named', async () => {
    await makePod('other')
    const reference = { kind: 'Pod', apiVersion: 'v1', name: 'other' }
    const wrong = await post(`${BOT}/token`, { spec: { boundObjectRef: reference } })
    expect([wrong.code, wrong.json.message]).toEqual([
      400,
      expect.stringContaining('different serviceaccount name'),
    ])
    await makePod('own', { serviceAccountName: 'bot' })
    const other = await post(`${BOT}/token`, {
      spec: { boundObjectRef: { ...reference, name: 'own', uid: 'x' } },
    })
    expect(other.code).toBe(409)
  })
})

it('whoever is a ServiceAccount learns how to check tokens without asking the server', async () => {
  const token = await tokenOf('bot')
  const read = (path: string) => ask(api, path, { as: null, headers: { authorization: `Bearer ${token}` } })
  const { json } = await read('/.well-known/openid-configuration')
  expect(json).toMatchObject({ issuer: ISSUER, jwks_uri: `${ISSUER}/openid/v1/jwks` })
  const keys = await read('/openid/v1/jwks')
  expect(keys.headers['content-type']).toBe('application/jwk-set+json')
  const [header = '', payload = '', signature = ''] = token.split('.')
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
  const key = keys.json.keys.find((one: { kid: string }) => one.kid === kid)
  const isGood = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  expect(isGood).toBe(true)
  const eve = await api.identity('eve')
  expect((await ask(api, '/openid/v1/jwks', { as: eve })).code).toBe(403)
})

describe('an agent', () => {
  it('gets tokens bound to its own pods, and no others', async () => {
    const mine = await makePod('mine', { serviceAccountName: 'bot', nodeName: 'a' })
    const theirs = await makePod('theirs', { serviceAccountName: 'bot', nodeName: 'b' })
    await makePod('quiet', { serviceAccountName: 'quiet', nodeName: 'b' })
    const bound = (pod: Reply['json'], uid = pod.metadata.uid) => ({
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod.metadata.name, uid },
    })
    await eventually('the authorizer to know the pod', async () => {
      return (await post(`${BOT}/token`, { spec: bound(mine) }, node)).code === 201
    })
    const refusal = async (path: string, spec: object) => {
      const { code, json } = await post(path, { spec }, node)
      return `${code} ${json.message}`
    }
    expect(await refusal(`${BOT}/token`, {})).toContain('403')
    expect(await refusal(`${BOT}/token`, {})).toContain('not bound to a pod')
    expect(await refusal(`${BOT}/token`, bound(mine, ''))).toContain('without a uid')
    expect(await refusal(`${BOT}/token`, bound(theirs))).toContain('scheduled on a different node')
    expect(await refusal(`${NS}/serviceaccounts/quiet/token`, bound(mine))).toContain(
      'no relationship found between node "a" and this object',
    )
    expect((await ask(api, BOT, { as: node })).code).toBe(403)
  })
})

describe('pods', () => {
  it('find their token, the authority and their namespace in the usual place', async () => {
    const { spec } = await makePod('usual', { initContainers: [{ name: 'i', image: 'i' }] })
    const [volume] = spec.volumes
    expect(volume.name).toMatch(/^kube-api-access-.{5}$/)
    expect(volume.projected.sources).toEqual([
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ])
    const mount = {
      name: volume.name,
      readOnly: true,
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    }
    expect([spec.containers[0].volumeMounts, spec.initContainers[0].volumeMounts]).toEqual([[mount], [mount]])
  })

  it('do without where they or their account say so, or have something else there', async () => {
    const volumesOf = async (name: string, spec: object) => (await makePod(name, spec)).spec.volumes ?? []
    expect(await volumesOf('says-no', { automountServiceAccountToken: false })).toEqual([])
    expect(await volumesOf('account-says-no', { serviceAccountName: 'quiet' })).toEqual([])
    expect(
      await volumesOf('says-yes', { serviceAccountName: 'quiet', automountServiceAccountToken: true }),
    ).toHaveLength(1)
    const volumes = [{ name: 'own', emptyDir: {} }]
    const volumeMounts = [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }]
    const containers = [{ name: 'c', image: 'i', volumeMounts }]
    expect(await volumesOf('has-its-own', { volumes, containers })).toHaveLength(1)
  })

  it('borrow the pull secrets of their account, which must exist', async () => {
    const { spec } = await makePod('borrows', { serviceAccountName: 'bot' })
    expect(spec.imagePullSecrets).toEqual([{ name: 'pull' }])
    const spec2 = { containers: [{ name: 'c', image: 'i' }], serviceAccountName: 'none' }
    const { code, json } = await post(`${NS}/pods`, { metadata: { name: 'x' }, spec: spec2 })
    expect([code, json.message]).toEqual([
      403,
      'pods "x" is forbidden: error looking up service account shop/none: serviceaccount "none" not found',
    ])
  })
})

it('kubectl create token gives one, for a duration, an audience and a pod', async () => {
  await makePod('for-kubectl', { serviceAccountName: 'bot' })
  const { code, stdout, stderr } = await kubectl(api, [
    ...['create', 'token', 'bot', '--namespace', 'shop', '--duration', '10m', '--audience', 'vault'],
    ...['--bound-object-kind', 'Pod', '--bound-object-name', 'for-kubectl'],
  ])
  expect([code, stderr]).toEqual([0, ''])
  const claims = JSON.parse(Buffer.from(stdout.split('.')[1] ?? '', 'base64url').toString())
  expect([claims.aud, claims.exp - claims.iat, claims['kubernetes.io'].pod.name]).toEqual([
    ['vault'],
    600,
    'for-kubectl',
  ])
  expect(await review(stdout.trim(), ['vault'])).toMatchObject({ authenticated: true })
})
