import { describe, expect, it } from 'vitest'
import { type ClusterNames, podNames } from '../../../src/agents/containers/pod-names.ts'
import type { ResolverConfig } from '../../../src/agents/runtime/index.ts'
import type { PodSpec } from '../../../src/kube/index.ts'
import { pod } from '../support/pod-view.ts'

const cluster: ClusterNames = { domain: 'cluster.local', dnsAddress: '10.42.1.1' }
const host: ResolverConfig = {
  servers: ['192.0.2.1', '192.0.2.2'],
  searches: ['corp.example', 'example'],
  options: ['edns0', 'timeout:1'],
}
const OWN = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']

function names(spec: Partial<PodSpec>, of: ClusterNames | undefined = cluster, on: ResolverConfig = host) {
  return podNames(pod(spec), of, on)
}

describe('podNames()', () => {
  it.each<[string, Partial<PodSpec>, ResolverConfig]>([
    [
      'the cluster first',
      {},
      { servers: ['10.42.1.1'], searches: [...OWN, ...host.searches], options: ['ndots:5'] },
    ],
    ['the host where the pod says Default', { dnsPolicy: 'Default' }, host],
    ['the host for a pod on its network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, host],
    [
      'the cluster for one there that wants it',
      { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true },
      { servers: ['10.42.1.1'], searches: [...OWN, ...host.searches], options: ['ndots:5'] },
    ],
    [
      'nothing but the pod’s own word where it says None',
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['1.1.1.1'],
          searches: ['resolv.conf.local'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      { servers: ['1.1.1.1'], searches: ['resolv.conf.local'], options: ['ndots:2', 'edns0'] },
    ],
    [
      'the pod’s own word after the policy’s, each once, and its options in their place',
      {
        dnsConfig: {
          nameservers: ['1.1.1.1', '10.42.1.1'],
          searches: ['svc.cluster.local', 'own.example'],
          options: [{ name: 'ndots', value: '1' }, { name: 'rotate' }],
        },
      },
      {
        servers: ['10.42.1.1', '1.1.1.1'],
        searches: [...OWN, ...host.searches, 'own.example'],
        options: ['ndots:1', 'rotate'],
      },
    ],
  ])('asks %s', (_, spec, resolver) => {
    expect(names(spec).config.resolver).toEqual(resolver)
    expect(names(spec).warnings).toEqual([])
  })

  it('falls back to the host, and says so, while the node has no DNS server', () => {
    const { config, warnings } = names({}, { domain: 'cluster.local', dnsAddress: undefined })
    expect(config.resolver).toEqual(host)
    expect(warnings).toMatchObject([{ reason: 'MissingClusterDNS' }])
    expect(warnings[0]?.message).toContain('pod: "web_shop(uid-1)"')
    expect(
      names({ dnsPolicy: 'Default' }, { domain: 'cluster.local', dnsAddress: undefined }).warnings,
    ).toEqual([])
  })

  it('asks the host without a word where there is no network to be part of', () => {
    expect(podNames(pod({ subdomain: 'db' }), undefined, host)).toMatchObject({
      config: { resolver: host, domain: undefined },
      warnings: [],
    })
  })

  it('asks somebody where the host names nobody whom a pod can reach', () => {
    const { config } = names({ dnsPolicy: 'Default' }, cluster, { servers: [], searches: [], options: [] })
    expect(config.resolver.servers).toEqual(['8.8.8.8', '8.8.4.4'])
  })

  it('leaves out what resolvers cannot take, and says what is left', () => {
    const { config, warnings } = names({
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'],
        searches: Array.from({ length: 40 }, (_, at) => `${'s'.repeat(60)}${at}.example`),
      },
    })
    expect(config.resolver.servers).toEqual(['1.1.1.1', '2.2.2.2', '3.3.3.3'])
    expect(config.resolver.searches.length).toBeLessThan(32)
    expect(config.resolver.searches.join(' ').length).toBeLessThanOrEqual(2048)
    expect(warnings.map(({ reason }) => reason)).toEqual(['DNSConfigForming', 'DNSConfigForming'])
    expect(warnings[0]?.message).toContain('the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3')
  })

  it.each<[Partial<PodSpec>, string, string | undefined]>([
    [{}, 'web', undefined],
    [{ hostname: 'busybox-1' }, 'busybox-1', undefined],
    [{ hostname: 'busybox-1', subdomain: 'sub' }, 'busybox-1', 'sub.shop.svc.cluster.local'],
    [{ subdomain: 'sub' }, 'web', 'sub.shop.svc.cluster.local'],
    [
      { hostname: 'busybox-1', subdomain: 'sub', setHostnameAsFQDN: true },
      'busybox-1.sub.shop.svc.cluster.local',
      'sub.shop.svc.cluster.local',
    ],
    [{ hostname: 'busybox-1', setHostnameAsFQDN: true }, 'busybox-1', undefined],
  ])('names a pod with %j', (spec, hostname, domain) => {
    const named = names(spec)
    expect(named.hostname).toBe(hostname)
    expect(named.config).toMatchObject({ hostname: spec.hostname ?? 'web', domain })
  })

  it('cuts a name off that no hostname can hold, and refuses a full name that no kernel can', () => {
    const long = pod({}, { metadata: { name: `${'a'.repeat(62)}-b` } })
    expect(podNames(long, cluster, host).hostname).toBe('a'.repeat(62))
    expect(() => names({ hostname: 'h'.repeat(40), subdomain: 'sub', setHostnameAsFQDN: true })).toThrow(
      /FQDN h+\.sub\.shop\.svc\.cluster\.local is too long \(64 is the max, 67 characters requested\)/,
    )
  })

  it('passes on what else the pod wants in its hosts file', () => {
    const { config } = names({
      hostAliases: [{ ip: '192.0.2.9', hostnames: ['foo', 'bar'] }, { ip: '192.0.2.8' }],
    })
    expect(config.hostAliases).toEqual([
      { ip: '192.0.2.9', hostnames: ['foo', 'bar'] },
      { ip: '192.0.2.8', hostnames: [] },
    ])
  })
})
