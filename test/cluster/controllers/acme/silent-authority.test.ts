import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { createAcmeAuthority } from '../../../../src/cluster/controllers/acme/acme-authority.ts'
import { AcmeController } from '../../../../src/cluster/controllers/acme/acme-controller.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { backend, ingress } from '../../../kube/ingress/objects.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

describe('AcmeController, of an authority that takes questions and never answers', () => {
  let api: TestApi
  let authority: Server
  let ending: AbortController
  let ended: Promise<unknown>

  beforeEach(async () => {
    api = await startTestApi()
    authority = createServer(() => {})
    authority.listen(0, '127.0.0.1')
    await once(authority, 'listening')
    await api.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' } })
    const conditions = ['Ready', 'IngressServing'].map(type => ({ type, status: 'True' }))
    const patch = { type: 'strategic', body: { status: { conditions } } } as const
    await api.client.patch(Kinds.Node, 'one', patch, { subresource: 'status' })
  })
  afterEach(async () => {
    ending.abort()
    authority.closeAllConnections()
    authority.close()
    await ended
    await api.close()
  })

  /** Starts the controller with one certificate to get, and waits until the authority is asked. */
  async function startAsking(clock: Clock): Promise<void> {
    const context = { clock, ids: systemIds, log: silentLogger }
    const informers = new Informers({ client: api.client, ...context })
    const directory = `http://127.0.0.1:${(authority.address() as AddressInfo).port}/directory`
    const part = new AcmeController(
      { client: api.client, informers, ...context },
      createAcmeAuthority({ directory, email: 'ops@a.test', ca: undefined }),
    )
    ending = new AbortController()
    const asked = once(authority, 'request')
    ended = Promise.all([part.start(ending.signal), informers.start(ending.signal)])
    const spec = { defaultBackend: backend('web'), tls: [{ hosts: ['shop.test'], secretName: 'shop-tls' }] }
    const annotations = { 'ingress.bowline.dev/acme': 'true' }
    await api.client.create(Kinds.Ingress, ingress('shop', spec, { annotations }))
    await asked
  }

  it('ends with its signal', async () => {
    await startAsking(systemClock)
    ending.abort()
    const late = systemClock.sleep(5_000).then(() => 'late')
    expect(await Promise.race([ended.then(() => 'ended'), late])).toBe('ended')
  })

  it('gives the order up in time, and says so', async () => {
    const after: Clock['after'] = (ms, work) => systemClock.after(ms >= 15 * 60_000 ? 100 : ms, work)
    await startAsking({ ...systemClock, after })
    await eventually('an event', async () => {
      const { items } = await api.client.list(Kinds.Event)
      return items.some(
        ({ reason, message }) => reason === 'CertificateFailed' && message?.includes('15 minutes'),
      )
    })
  })
})
