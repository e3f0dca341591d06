import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { scriptPod, WAIT } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

const SERVE = `echo "$(hostname)" >/tmp/index.html; httpd -p 8080 -h /tmp; ${WAIT}`

/** Two hosts on a link, and a third that only a router joins to them. */
describe.skipIf(!available)(`pods of several hosts (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: [2, 1] })
  })
  afterAll(() => hosts?.destroy())

  /** Hosts keep what an earlier cluster of theirs made, whose nodes may have had the same ranges in another order. */
  const MODES = ['auto', 'wireguard', 'vxlan']

  async function startFleet(mode: string): Promise<void> {
    const number = 44 + 2 * MODES.indexOf(mode)
    const ranges = ['--pod-cidr', `10.${number}.0.0/16`, '--service-cidr', `10.${number + 1}.0.0/16`]
    const serverFlags = ['--network', mode, ...ranges]
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts, serverFlags })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
    for (const { name } of hosts.all)
      await fleet.kubectlOk(['create', '-f', '-'], scriptPod(`on-${name}`, SERVE, {}, { nodeName: name }))
    await fleet.readyPods('default', hosts.all.length)
  }

  function podOn(host: TestHost): Promise<Pod> {
    return fleet.pod('default', `on-${host.name}`)
  }

  /** Asks until it is answered: a link may be in the making. */
  async function asks(from: TestHost | Pod, to: Pod): Promise<string> {
    const place = 'engine' in from ? from : await fleet.inside(from)
    try {
      return await fleet.until(`an answer of ${to.metadata.name}`, async () => {
        const { body } = await place.request(`http://${to.status?.podIP}:8080/`, { timeoutMs: 2_000 })
        return body.trim()
      })
    } finally {
      if (place !== from) await place.close()
    }
  }

  async function everyoneReachesEveryone(): Promise<void> {
    const pods = await Promise.all(hosts.all.map(podOn))
    for (const to of pods) {
      for (const from of pods) expect(await asks(from, to)).toBe(to.metadata.name)
      for (const host of hosts.all) expect(await asks(host, to)).toBe(to.metadata.name)
    }
  }

  async function routesOf(host: TestHost): Promise<string> {
    return await host.runOk('ip', ['route', 'show', 'proto', '117'])
  }

  for (const [mode, near, far] of [
    ['auto', 'eth0', 'bowg-'],
    ['wireguard', 'bowg-', 'bowg-'],
    ['vxlan', 'bovx-', 'bovx-'],
  ] as const)
    describe(`--network ${mode}`, () => {
      beforeAll(() => startFleet(mode))
      afterAll(() => fleet?.destroy())

      it('every pod and every host reaches every pod, by the way that was chosen', async () => {
        await everyoneReachesEveryone()
        const [first, second, third] = hosts.all
        const ranges = await Promise.all(
          hosts.all.map(async ({ name }) => (await fleet.client.get(Kinds.Node, name)).spec?.podCIDR),
        )
        const routes = await routesOf(first as TestHost)
        expect(routes).toMatch(new RegExp(`${ranges[1]} .*dev ${near}`))
        expect(routes).toMatch(new RegExp(`${ranges[2]} .*dev ${far}`))
        expect([second?.name, third?.name]).toEqual(['h2', 'h3'])
      })

      it('pods have a network again after their host was rebooted', async () => {
        const host = hosts.host(2)
        const before = await podOn(host)
        await fleet.reboot(host)
        await fleet.untilReady(host)
        await fleet.until('the pod to run again', async () => {
          const { status } = await podOn(host)
          return (
            (status?.containerStatuses?.[0]?.restartCount ?? 0) >
              (before.status?.containerStatuses?.[0]?.restartCount ?? 0) &&
            status?.containerStatuses?.[0]?.ready
          )
        })
        await everyoneReachesEveryone()
      })

      it('a node that is removed leaves no route, and nothing of this way is left when it is not used', async () => {
        const range = (await fleet.client.get(Kinds.Node, 'h3')).spec?.podCIDR ?? ''
        await fleet.stopAgent(hosts.host(3))
        await fleet.client.delete(Kinds.Node, 'h3')
        await fleet.until('the route to go', async () => !(await routesOf(hosts.host(1))).includes(range))
        if (near === far) return
        await fleet.until(
          'the link to go',
          async () => !(await hosts.host(1).runOk('ip', ['-br', 'link'])).includes(far),
        )
      })
    })
})
