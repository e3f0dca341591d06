import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIngress, proxyDefaults, purgeIngress } from '../../../../src/agents/network/ingress/index.ts'
import { type Clock, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { createInformer, Informers } from '../../../../src/client/index.ts'
import { createAcmeAuthority } from '../../../../src/cluster/controllers/acme/acme-authority.ts'
import { AcmeController } from '../../../../src/cluster/controllers/acme/acme-controller.ts'
import { Kinds, type Secret } from '../../../../src/kube/index.ts'
import { selfSigned, tlsSecret } from '../../../agents/network/ingress/cluster-view.ts'
import { freePorts } from '../../../agents/network/ingress/haproxy/proxy-world.ts'
import { eventually } from '../../../base/eventually.ts'
import { backend, ingress } from '../../../kube/ingress/objects.ts'
import { haproxyMissing } from '../../../support/haproxy.ts'
import { type Pebble, pebbleMissing, REFUSED_HOST, startPebble } from '../../../support/pebble.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

const CONTEXT = { clock: systemClock, ids: systemIds, log: silentLogger }
const why = haproxyMissing ?? pebbleMissing
interface RunningController {
  stop(): Promise<void>
}

/** The client of ACME waits for seconds between its questions. */
const PATIENCE_MS = 120_000

describe.skipIf(why !== undefined)(`AcmeController (${why ?? 'with pebble'})`, { timeout: 300_000 }, () => {
  let api: TestApi
  let root: string
  let pebble: Pebble
  let httpsPort: number
  let stop: AbortController
  let running: Promise<unknown>[]
  /** How far the controller's clock is ahead. */
  let ahead: number
  /** The hosts of each order that the authority was asked for. */
  let asked: string[]
  let controller: RunningController

  beforeEach(async () => {
    ahead = 0
    asked = []
    api = await startTestApi()
    root = await mkdtemp(join(tmpdir(), 'bowline-acme-'))
    const [httpPort = 0, tlsPort = 0] = await freePorts(2)
    httpsPort = tlsPort
    pebble = await startPebble({ httpPort })
    stop = new AbortController()
    const { client } = api
    const informers = new Informers({ client, ...CONTEXT })
    const nodes = createInformer(client, Kinds.Node, { fieldSelector: 'metadata.name=one', ...CONTEXT })
    const part = createIngress({
      client,
      nodeName: 'one',
      dataDir: root,
      informers: {
        ingresses: informers.of(Kinds.Ingress),
        classes: informers.of(Kinds.IngressClass),
        services: informers.of(Kinds.Service),
        slices: informers.of(Kinds.EndpointSlice),
      },
      podsAreProcesses: false,
      proxy: { ...(await proxyDefaults({ httpPort, httpsPort })), addresses: ['127.0.0.1'] },
      node: () => nodes.get('one'),
      record: () => {},
      ...CONTEXT,
    })
    running = [part.start(stop.signal), informers.start(stop.signal), nodes.run(stop.signal)]
    controller = startController()
    await client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' } })
    const body = { status: { conditions: [{ type: 'Ready', status: 'True' }] } }
    await client.patch(Kinds.Node, 'one', { type: 'strategic', body }, { subresource: 'status' })
  })
  afterEach(async () => {
    await controller.stop()
    stop.abort()
    await Promise.all(running)
    await purgeIngress(root, systemClock)
    await pebble.stop()
    await api.close()
    await rm(root, { recursive: true, force: true })
  })

  function startController(): RunningController {
    const { client } = api
    const ending = new AbortController()
    const clock: Clock = { ...systemClock, now: () => Date.now() + ahead }
    const informers = new Informers({ client, ...CONTEXT })
    const authority = createAcmeAuthority({
      directory: pebble.directory,
      email: 'ops@a.test',
      ca: pebble.ca,
    })
    const part = new AcmeController(
      { client, informers, ...CONTEXT, clock },
      {
        ...authority,
        issue(order) {
          asked.push(order.hosts.join(' '))
          return authority.issue(order)
        },
      },
    )
    const ended = Promise.all([part.start(ending.signal), informers.start(ending.signal)])
    return {
      async stop() {
        ending.abort()
        await ended
      },
    }
  }

  /** Resolves when the authority's refusal was told so often. */
  function untilRefused(name: string, times: number): Promise<unknown> {
    return eventually(
      `${times} refusals of ${name}`,
      async () => {
        const { items } = await api.client.list(Kinds.Event)
        const told = items.filter(
          ({ reason, involvedObject }) => reason === 'CertificateFailed' && involvedObject.name === name,
        )
        return told.reduce((sum, { count = 1 }) => sum + count, 0) === times
      },
      PATIENCE_MS,
    )
  }

  function ask(name: string, ...hosts: readonly string[]): Promise<unknown> {
    const spec = { defaultBackend: backend('web'), tls: [{ hosts, secretName: `${name}-tls` }] }
    return api.client.create(
      Kinds.Ingress,
      ingress(name, spec, { annotations: { 'ingress.bowline.dev/acme': 'true' } }),
    )
  }

  function secret(name: string): Promise<Secret | undefined> {
    return api.client.get(Kinds.Secret, name, { namespace: 'default' }).catch(() => undefined)
  }

  /** Serial number and issuer of what is shown for a host. */
  function shown(servername: string): Promise<{ readonly serial: string; readonly issuer: string }> {
    return new Promise(resolve => {
      const options = { port: httpsPort, host: '127.0.0.1', servername, rejectUnauthorized: false }
      const socket = connectTls(options, () => {
        const { serialNumber, issuer } = socket.getPeerCertificate()
        resolve({ serial: serialNumber, issuer: String(issuer.CN) })
        socket.destroy()
      })
      socket.on('error', () => resolve({ serial: '', issuer: '' }))
    })
  }

  it('gets a certificate for the hosts of an ingress, shows it, and renews it without a restart', async () => {
    await ask('shop', 'shop.test', 'www.shop.test')
    const first = await eventually(
      'the certificate is shown',
      async () => {
        const found = await shown('shop.test')
        return found.issuer.startsWith('Pebble') ? found : undefined
      },
      PATIENCE_MS,
    )
    expect(await shown('www.shop.test')).toEqual(first)
    expect(await secret('shop-tls')).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: { annotations: { 'acme.bowline.dev/directory': pebble.directory } },
    })
    const challenges = await api.client.get(Kinds.ConfigMap, 'bowline-acme-challenges', {
      namespace: 'kube-system',
    })
    expect(challenges.data ?? {}).toEqual({})
    const account = async () => {
      const { items } = await api.client.list(Kinds.Secret, { namespace: 'kube-system' })
      return items
        .filter(({ metadata }) => metadata.name?.startsWith('bowline-acme-account-'))
        .map(({ data }) => data)
    }
    const accounts = await account()
    expect(accounts).toHaveLength(1)

    // Pebble's last five years.
    ahead = 4 * 365 * 24 * 60 * 60 * 1000
    const body = { metadata: { labels: { looked: 'again' } } }
    await api.client.patch(Kinds.Ingress, 'shop', { type: 'merge', body }, { namespace: 'default' })
    await eventually(
      'the next one is shown',
      async () => {
        const { serial, issuer } = await shown('shop.test')
        return issuer.startsWith('Pebble') && serial !== first.serial
      },
      PATIENCE_MS,
    )
    expect(await account()).toEqual(accounts)
  })

  it('does not ask again for what was refused before the server started anew, until its time has come', async () => {
    await ask('first', REFUSED_HOST)
    await untilRefused('first', 1)
    await controller.stop()
    controller = startController()
    await ask('second', `www.${REFUSED_HOST}`)
    await untilRefused('second', 1)
    expect(asked).toEqual([REFUSED_HOST, `www.${REFUSED_HOST}`])

    ahead = 16 * 60 * 1000
    await controller.stop()
    controller = startController()
    await untilRefused('first', 2)
    await untilRefused('second', 2)
    const { data } = await api.client.get(Kinds.ConfigMap, 'bowline-acme-failures', {
      namespace: 'kube-system',
    })
    expect(JSON.parse(data?.['failures.json'] ?? '')).toMatchObject({
      'default/first-tls': { hosts: [REFUSED_HOST], count: 2 },
      'default/second-tls': { hosts: [`www.${REFUSED_HOST}`], count: 2 },
    })
  })

  it('leaves a Secret of somebody else alone, and says so', async () => {
    const theirs = tlsSecret('shop-tls', selfSigned('theirs.test'))
    await api.client.create(Kinds.Secret, theirs)
    await ask('shop', 'shop.test')
    await eventually('an event', async () => {
      const { items } = await api.client.list(Kinds.Event)
      return items.some(
        ({ reason, involvedObject }) => reason === 'CertificateNotManaged' && involvedObject.name === 'shop',
      )
    })
    expect((await secret('shop-tls'))?.data).toEqual(theirs.data)
  })
})
