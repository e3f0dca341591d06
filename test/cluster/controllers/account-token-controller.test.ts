import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { AccountTokenController } from '../../../src/cluster/controllers/index.ts'
import { Kinds, type Secret } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestApi, type TestApi } from '../api/support/api-server.ts'
import { ask } from '../api/support/https.ts'

const HERE = { namespace: 'default' }
const UID = 'kubernetes.io/service-account.uid'

let api: TestApi
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi({ accountTokens: true })
  start('the certificate')
})

afterEach(async () => {
  await end()
  await api.close()
})

function start(certificate: string): void {
  stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const controller = new AccountTokenController({ ...context, informers }, { certificate })
  running = Promise.all([controller.start(stop.signal), informers.start(stop.signal)])
}

async function end(): Promise<void> {
  stop.abort()
  await running
}

async function makeAccount(name: string): Promise<void> {
  await api.client.create(Kinds.ServiceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, ...HERE },
  })
}

async function makeSecret(name: string, account: string): Promise<void> {
  await api.client.create(Kinds.Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name, ...HERE, annotations: { 'kubernetes.io/service-account.name': account } },
  })
}

async function secrets(): Promise<readonly Secret[]> {
  return (await api.client.list(Kinds.Secret, HERE)).items
}

/** What the Secret holds once it holds a token. */
function filled(name: string): Promise<Readonly<Record<string, string>>> {
  return eventually(`a token in ${name}`, async () => {
    const { data = {} } = await api.client.get(Kinds.Secret, name, HERE)
    if (data.token === undefined) return undefined
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    )
  })
}

async function whoIs(token: string): Promise<string> {
  const { code, json } = await ask(api, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    method: 'POST',
    body: {},
    as: null,
    headers: { authorization: `Bearer ${token}` },
  })
  return code === 201 ? json.status.userInfo.username : String(code)
}

describe('AccountTokenController', () => {
  it('fills a Secret with a token of its ServiceAccount that is good until the Secret is deleted', async () => {
    await makeAccount('bot')
    await makeSecret('bot-token', 'bot')
    const { token = '', ...rest } = await filled('bot-token')
    expect(rest).toEqual({ 'ca.crt': 'the certificate', namespace: 'default' })
    expect(await whoIs(token)).toBe('system:serviceaccount:default:bot')
    const account = await api.client.get(Kinds.ServiceAccount, 'bot', HERE)
    const { metadata } = await api.client.get(Kinds.Secret, 'bot-token', HERE)
    expect(metadata.annotations).toMatchObject({ [UID]: account.metadata.uid })
    await api.client.delete(Kinds.Secret, 'bot-token', HERE)
    expect(await whoIs(token)).toBe('401')
  })

  it('waits for a ServiceAccount, and deletes the Secret with it', async () => {
    await makeSecret('early', 'late')
    await makeSecret('other', 'never')
    await makeAccount('late')
    await filled('early')
    await api.client.delete(Kinds.ServiceAccount, 'late', HERE)
    await eventually('its end', async () =>
      (await secrets()).every(({ metadata }) => metadata.name !== 'early'),
    )
    expect((await secrets()).map(({ metadata }) => metadata.name)).toContain('other')
  })

  it('keeps the token and renews the certificate beside it', async () => {
    await makeAccount('bot')
    await makeSecret('bot-token', 'bot')
    const { token } = await filled('bot-token')
    await end()
    start('another certificate')
    await eventually(
      'the certificate',
      async () => (await filled('bot-token'))['ca.crt'] === 'another certificate',
    )
    expect((await filled('bot-token')).token).toBe(token)
  })

  it('leaves Secrets of other types alone', async () => {
    await makeAccount('bot')
    const annotations = { 'kubernetes.io/service-account.name': 'bot' }
    const metadata = { name: 'plain', ...HERE, annotations }
    await api.client.create(Kinds.Secret, { apiVersion: 'v1', kind: 'Secret', metadata })
    await makeSecret('bot-token', 'bot')
    await filled('bot-token')
    expect((await api.client.get(Kinds.Secret, 'plain', HERE)).data).toBeUndefined()
  })
})
