import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureHostPaths, removeHostPaths } from '../../../../src/agents/network/services/index.ts'
import { type Host, NetLab, netLabAvailability } from '../support/net-lab.ts'

const availability = netLabAvailability()

describe.skipIf(!availability.available)(`the ways of a host (${availability.reason})`, () => {
  let lab: NetLab
  let host: Host
  const place = () => ({
    podCidr: host.podCidr,
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
    localNodes: new Set<string>(),
  })

  beforeAll(async () => {
    lab = await NetLab.create()
    host = await lab.addHost()
  })
  afterAll(() => lab?.destroy())

  it('a route to service addresses is added once, and says the address that pods can answer', async () => {
    await ensureHostPaths(host.run, place(), 'bowline-test')
    await ensureHostPaths(host.run, place(), 'bowline-test')
    expect((await host.exec('ip', 'route', 'show', '10.43.0.0/16')).trim()).toMatch(
      /^10\.43\.0\.0\/16 dev lo scope link src 10\.42\.1\.1$/,
    )
  })

  it('where another firewall forwards nothing by default, pods are excepted, in its place for users, until the end', async () => {
    const [one, two] = [await host.addPod(), await host.addPod()]
    await two.serve('TCP', 8080)
    for (const rule of ['-P FORWARD DROP', '-N DOCKER-USER', '-A FORWARD -j DOCKER-USER'])
      await host.exec('iptables', ...rule.split(' '))
    expect(await one.ask('TCP', two.address, 8080, { timeoutMs: 300 })).toBe('silent')
    await ensureHostPaths(host.run, place(), 'bowline-test')
    await ensureHostPaths(host.run, place(), 'bowline-test')
    expect(await one.ask('TCP', two.address, 8080)).toContain(two.name)
    const rules = await host.exec('iptables', '-S', 'DOCKER-USER')
    expect(rules.match(/bowline-test/g)).toHaveLength(2)
    await removeHostPaths(host.run, 'bowline-test')
    expect(await host.exec('iptables', '-S', 'DOCKER-USER')).not.toContain('bowline-test')
  })
})
