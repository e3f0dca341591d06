import { describe, expect, it } from 'vitest'
import { parseEndpoint } from '../../../../src/agents/runtime/docker/engine/endpoint.ts'
import { splitReference } from '../../../../src/agents/runtime/docker/images/pull.ts'
import { containerName, networkName, sandboxName } from '../../../../src/agents/runtime/docker/names.ts'
import { AddressPool } from '../../../../src/agents/runtime/docker/network/address-pool.ts'
import { parseIpv4 } from '../../../../src/base/index.ts'

it.each([
  ['/run/docker.sock', { socketPath: '/run/docker.sock' }],
  ['unix:///run/docker.sock', { socketPath: '/run/docker.sock' }],
  ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: 2375, protocol: 'http' }],
  ['tcp://[::1]:1', { host: '[::1]', port: 1, protocol: 'http' }],
  ['http://engine', { host: 'engine', port: 2375, protocol: 'http' }],
])('parseEndpoint() reads %s', (text, expected) => {
  expect(parseEndpoint(text)).toEqual(expected)
})

it.each(['', 'docker.sock', 'unix://', 'ssh://host', 'https://host:2376', 'tcp://'])(
  'parseEndpoint() refuses "%s" by name',
  text => {
    expect(() => parseEndpoint(text)).toThrow(`"${text}"`)
  },
)

it.each([
  ['busybox', 'busybox', 'latest'],
  ['busybox:1.36', 'busybox', '1.36'],
  ['registry:5000/team/app', 'registry:5000/team/app', 'latest'],
  ['registry:5000/team/app:2', 'registry:5000/team/app', '2'],
  ['app@sha256:abc', 'app', 'sha256:abc'],
])('splitReference() reads %s', (image, name, tag) => {
  expect(splitReference(image)).toEqual({ name, tag })
})

describe('names', () => {
  const pod = { uid: 'u', namespace: 'ns', name: 'web' }
  const owner = { clusterUid: 'c', nodeName: 'n' }

  it('containerName() differs by cluster, node, pod, container and attempt, and repeats otherwise', () => {
    const names = [
      containerName(owner, pod, 'main', 0),
      containerName(owner, pod, 'main', 1),
      containerName(owner, pod, 'other', 0),
      containerName(owner, { ...pod, uid: 'v' }, 'main', 0),
      containerName({ ...owner, nodeName: 'm' }, pod, 'main', 0),
      containerName({ ...owner, clusterUid: 'd' }, pod, 'main', 0),
      sandboxName(owner, pod, 0),
    ]
    expect(new Set(names).size).toBe(names.length)
    expect(containerName(owner, pod, 'main', 0)).toBe(names[0])
    expect(names[0]).toMatch(/^bowline_main_web_ns_u_0_[0-9a-f]{12}$/)
  })

  it('networkName() is one for all nodes of a cluster', () => {
    expect(networkName('c')).toMatch(/^bowline_[0-9a-f]{12}$/)
    expect(networkName('c')).not.toBe(networkName('d'))
  })
})

describe('addresses', () => {
  const subnet = { base: parseIpv4('10.0.0.0') ?? 0, prefix: 27 }
  const network = {
    ...{ id: 'n', bridge: 'br', gateway: '10.0.0.1', subnet },
    engineRange: { base: subnet.base, prefix: 29 },
  }

  it('AddressPool gives each address that is neither the engine’s nor taken once, and then says that none is left', () => {
    const taken = new Set([subnet.base + 12])
    const pool = new AddressPool(network, 'seed', address => taken.has(address))
    const picked = Array.from({ length: 22 }, () => pool.pick() - subnet.base)
    const expected = Array.from({ length: 23 }, (_, index) => index + 8).filter(offset => offset !== 12)
    expect([...picked].sort((a, b) => a - b)).toEqual(expected)
    expect(() => pool.pick()).toThrow('all 23 are in use')
    pool.release(subnet.base + 20)
    expect(pool.pick()).toBe(subnet.base + 20)
  })

  it('AddressPool does not give an address again before it went round', () => {
    const pool = new AddressPool(network, 'seed', () => false)
    const first = pool.pick()
    pool.release(first)
    expect(pool.pick()).not.toBe(first)
  })
})
