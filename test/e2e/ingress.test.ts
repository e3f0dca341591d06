import { join } from 'node:path'
import { kill } from 'node:process'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { purgeIngress } from '../../src/agents/network/ingress/index.ts'
import { systemClock } from '../../src/base/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import { freePorts, Load, send } from '../agents/network/ingress/haproxy/proxy-world.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { haproxyMissing } from '../support/haproxy.ts'
import { WEB_ROUTES, webDeployment } from './support/manifests.ts'
import { Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()
const why = haproxyMissing ?? (available ? undefined : reason)

/** Three pods that still answer while the proxy learns that they end. */
function shop(text: string): string {
  return webDeployment('web', text, 3, { drainSeconds: 3 })
}

describe.skipIf(why !== undefined)(`an ingress, from git push to its last request (${why ?? reason})`, () => {
  let engine: TestEngine
  let site: Site
  let httpPort: number

  beforeAll(async () => {
    engine = await startTestEngine()
    const [first = 0, second = 0] = await freePorts(2)
    httpPort = first
    const flags = ['--ingress-http-port', String(first), '--ingress-https-port', String(second)]
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2, flags })
    await site.repository.push('a shop', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/shop/web.yaml': shop('one'),
      'apps/shop/routes.yaml': WEB_ROUTES,
    })
    await site.start()
  })
  afterAll(async () => {
    const names = site?.nodeNames ?? []
    if (site !== undefined) await site.stop()
    for (const name of names) await purgeIngress(join(site.dataDir, 'agents', name), systemClock)
    await site?.destroy()
    await engine?.destroy()
  })

  async function answer(): Promise<string> {
    try {
      const { code, text } = await send({ port: httpPort, host: 'shop.test', path: '/' })
      return code === 200 ? text.trim() : String(code)
    } catch {
      return 'nobody'
    }
  }

  async function conditions(): Promise<readonly string[]> {
    const { items } = await site.client.list(Kinds.Node)
    return items.map(
      ({ status }) => status?.conditions?.find(({ type }) => type === 'IngressServing')?.reason ?? '',
    )
  }

  it('is served by one agent of the machine, and says where', async () => {
    await site.until('the shop', async () => (await answer()) === 'one')
    await site.until(
      'both agents to say what they do',
      async () => [...(await conditions())].sort().join(' ') === 'Serving StandBy',
    )
    await site.until('its address', async () => {
      const { status } = await site.client.get(Kinds.Ingress, 'web', { namespace: 'shop' })
      return (status?.loadBalancer?.ingress ?? []).length === 1
    })
  })

  it('loses no request while its pods are replaced, and while agents and the server die and come back', async () => {
    const load = new Load(httpPort, 'shop.test', { methods: ['GET'], podOf: ({ text }) => text, pauseMs: 10 })
    const { code } = await site.deploy('the next one', {
      'apps/shop/web.yaml': shop('two'),
    })
    expect(code).toBe(0)
    await site.until('the next one', async () => load.pods.has('two\n'))
    for (const pid of (await site.agents()).values()) kill(pid, 'SIGKILL')
    await site.kill()
    const before = load.answers
    await site.until('answers without agents and server', async () => load.answers > before + 50)
    await site.start()
    const third = await site.deploy('a third', { 'apps/shop/web.yaml': shop('three') })
    expect(third.code).toBe(0)
    await site.until('the third', async () => load.pods.has('three\n'))
    await load.stop()
    expect(load.failures).toEqual([])
    expect(load.answers).toBeGreaterThan(100)
  })
})
