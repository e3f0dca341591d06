import { describe, expect, it } from 'vitest'
import { formatSubnet } from '../src/base/index.ts'
import { type HostAddress, readClusterNetwork } from '../src/cluster-network.ts'
import { DEFAULT_NETWORK } from '../src/kube/index.ts'

const LAN: readonly HostAddress[] = [
  { interface: 'lo', cidr: '127.0.0.1/8' },
  { interface: 'eth0', cidr: '192.0.2.2/24' },
  { interface: 'eth0', cidr: 'fd00::2/64' },
]

describe('readClusterNetwork()', () => {
  it('takes the defaults on a host of another network', () => {
    const { podCidr, serviceCidr, clusterDomain } = readClusterNetwork(DEFAULT_NETWORK, LAN)
    expect([formatSubnet(podCidr), formatSubnet(serviceCidr), clusterDomain]).toEqual([
      '10.42.0.0/16',
      '10.43.0.0/16',
      'cluster.local',
    ])
  })

  it.each([
    [{ podCidr: '10.42.0.0' }, 'Cannot use --pod-cidr 10.42.0.0: expected an IPv4 network'],
    [{ podCidr: '10.42.0.1/16' }, 'Cannot use --pod-cidr 10.42.0.1/16: expected an IPv4 network'],
    [{ podCidr: '10.42.0.0/25' }, 'its prefix must be from /8 to /24'],
    [{ serviceCidr: '10.0.0.0/8' }, 'its prefix must be from /12 to /28'],
    [{ serviceCidr: 'fd00::/108' }, 'Cannot use --service-cidr fd00::/108: expected an IPv4 network'],
    [
      { podCidr: '10.42.0.0/15' },
      'Cannot use --service-cidr 10.43.0.0/16: it overlaps --pod-cidr 10.42.0.0/15',
    ],
    [{ clusterDomain: 'cluster local' }, 'Cannot use --cluster-domain cluster local: expected a DNS name'],
    [{ clusterDomain: '' }, 'expected a DNS name'],
    [
      { serviceExternalIps: '192.0.2.0/24,192.0.2.9' },
      'Cannot use --service-external-ips 192.0.2.9: expected IPv4 networks',
    ],
  ])('refuses %o', (given, message) => {
    expect(() => readClusterNetwork({ ...DEFAULT_NETWORK, ...given }, LAN)).toThrow(message)
  })

  it.each([
    ['10.0.3.4/8', '10.0.0.0/8'],
    ['10.42.7.1/24', '10.42.7.0/24'],
  ])('refuses a range that the host itself is on (%s) and says what to do', (cidr, network) => {
    const host = [...LAN, { interface: 'ens4', cidr }]
    expect(() => readClusterNetwork(DEFAULT_NETWORK, host)).toThrow(
      `Cannot use --pod-cidr 10.42.0.0/16: interface ens4 of this host is on ${network}; choose another range with --pod-cidr, one that no host of the cluster uses`,
    )
    const elsewhere = { ...DEFAULT_NETWORK, podCidr: '172.30.0.0/16', serviceCidr: '172.31.0.0/16' }
    expect(() => readClusterNetwork(elsewhere, host)).not.toThrow()
  })

  it('does not take what an agent made for a collision', () => {
    const own = [...LAN, { interface: 'bowline0', cidr: '10.42.0.1/24' }]
    expect(() => readClusterNetwork(DEFAULT_NETWORK, own)).not.toThrow()
  })

  it('reads a domain as DNS does', () => {
    expect(
      readClusterNetwork({ ...DEFAULT_NETWORK, clusterDomain: 'Shop.Example.' }, LAN).clusterDomain,
    ).toBe('shop.example')
  })
})
