import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { ClientRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../../src/base/index.ts'
import { createHttpsClient } from '../../../../src/client/index.ts'
import { createAdminKubeconfig } from '../../../../src/cluster/api/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, open } from '../support/https.ts'
import { kubectl } from '../support/kubectl.ts'
import { allowEverything } from '../support/roles.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
/** Few enough to be filled by hand: a user has 4 of each, a node 3. */
const LIMITS = { reads: 16, writes: 16, streams: 16 }
const SHARE_OF_USER = 4

let api: TestApi
/** As bob, one of those who may do everything and are limited. */
let eve: TestIdentity
let bob: TestIdentity
let node: TestIdentity

beforeAll(async () => {
  api = await startTestApi({ limits: LIMITS })
  eve = await api.identity('eve', ['devs'])
  bob = await api.identity('bob', ['devs'])
  node = await api.identity('system:node:a', ['system:nodes'])
  await allowEverything(api, 'devs')
  await vi.waitFor(async () => expect((await ask(api, MAPS, { as: eve })).code).toBe(200))
})
afterAll(() => api.close())

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }
}

async function create(name: string, as: TestIdentity): Promise<number> {
  return (await ask(api, MAPS, { method: 'POST', body: configMap(name), as })).code
}

/** A create whose body does not come to its end, and is being waited for. */
async function trickle(as: TestIdentity): Promise<ClientRequest> {
  const request = httpsRequest({
    host: '127.0.0.1',
    port: api.port,
    path: MAPS,
    method: 'POST',
    ca: api.authority.certificate,
    ...as,
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': 1_000, expect: '100-continue' },
  })
  request.on('error', () => undefined)
  request.flushHeaders()
  // The server asks for the body just before it begins with the request.
  await once(request, 'continue')
  request.write('{')
  return request
}

describe('a flood of one user', () => {
  it('is refused with 429 and Retry-After beyond its share, and holds back neither users nor nodes nor administrators', async () => {
    const held = await Promise.all(Array.from({ length: SHARE_OF_USER }, () => trickle(eve)))
    try {
      const refused = await vi.waitFor(async () => {
        const reply = await ask(api, MAPS, { method: 'POST', body: configMap('eve'), as: eve })
        expect(reply.code).toBe(429)
        return reply
      })
      expect(refused.headers['retry-after']).toBe('1')
      expect(refused.json).toMatchObject({
        kind: 'Status',
        status: 'Failure',
        reason: 'TooManyRequests',
        details: { retryAfterSeconds: 1 },
        code: 429,
      })
      expect((await ask(api, MAPS, { as: eve })).code).toBe(200)
      expect(await create('bob', bob)).toBe(201)
      expect(await create('admin', api.admin)).toBe(201)
      const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
      const renewed = await ask(api, lease, {
        method: 'POST',
        body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'a' } },
        as: node,
      })
      expect(renewed.code, renewed.text).toBe(201)
    } finally {
      for (const request of held) request.destroy()
    }
  })

  it("is what kubectl and Bowline's own client wait for and come through", async () => {
    const path = join(api.folder, 'eve.kubeconfig')
    const ca = api.authority.certificate
    writeFileSync(
      path,
      createAdminKubeconfig({ server: api.url, authority: ca, certificate: eve.cert, privateKey: eve.key }),
      { mode: 0o600 },
    )
    const client = createHttpsClient({
      server: api.url,
      ca,
      credentials: { certificate: eve.cert, key: eve.key },
      userAgent: 'test',
      fieldManager: 'test',
      clock: systemClock,
    })
    const held = await Promise.all(Array.from({ length: SHARE_OF_USER }, () => trickle(eve)))
    try {
      await vi.waitFor(async () => expect(await create('probe', eve)).toBe(429))
      const byKubectl = kubectl(api, ['--kubeconfig', path, 'create', 'configmap', 'patient'])
      const byClient = client.create(Kinds.ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'patient-too', namespace: 'default' },
      })
      // Both ask at least once while there is no place.
      await new Promise(resolve => setTimeout(resolve, 500))
      for (const request of held) request.destroy()
      expect(await byKubectl).toMatchObject({ code: 0, stdout: 'configmap/patient created\n' })
      expect((await byClient).metadata.uid).toBeTruthy()
    } finally {
      for (const request of held) request.destroy()
      await client.close()
    }
  })

  it('loses nothing of what was let in', async () => {
    const codes = await Promise.all(Array.from({ length: 40 }, (_, index) => create(`flood-${index}`, bob)))
    expect(codes.every(code => code === 201 || code === 429)).toBe(true)
    const names = (await ask(api, MAPS)).json.items.map(
      (item: { metadata: { name: string } }) => item.metadata.name,
    )
    for (const [index, code] of codes.entries())
      expect(names.includes(`flood-${index}`), `flood-${index}`).toBe(code === 201)
  })

  it('of watches with long selectors is over sooner: each write is compared with all of their terms', async () => {
    const terms = Array.from({ length: 17 }, (_, index) => `a!=${index}`).join(',')
    const long = await open(api, `${MAPS}?watch=true&labelSelector=${encodeURIComponent(terms)}`, { as: eve })
    const short = await open(api, `${MAPS}?watch=true&labelSelector=a`, { as: eve })
    expect([long.statusCode, short.statusCode]).toEqual([200, 200])
    expect((await ask(api, `${MAPS}?watch=true`, { as: eve })).code).toBe(429)
    long.destroy()
    short.destroy()
    await vi.waitFor(async () => {
      const again = await open(api, `${MAPS}?watch=true&labelSelector=${encodeURIComponent(terms)}`, {
        as: eve,
      })
      again.destroy()
      expect(again.statusCode).toBe(200)
    })
  })

  it('of watches takes no place of requests, and is over when its client goes away', async () => {
    const watches = await Promise.all(
      Array.from({ length: SHARE_OF_USER }, () => open(api, `${MAPS}?watch=1`, { as: eve })),
    )
    expect((await ask(api, `${MAPS}?watch=1`, { as: eve })).json).toMatchObject({ code: 429 })
    expect((await ask(api, MAPS, { as: eve })).code).toBe(200)
    for (const watch of watches) watch.destroy()
    await vi.waitFor(async () => {
      const another = await open(api, `${MAPS}?watch=1`, { as: eve })
      another.destroy()
      expect(another.statusCode).toBe(200)
    })
  })
})
