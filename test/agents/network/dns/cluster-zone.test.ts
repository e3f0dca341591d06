import { describe, expect, it } from 'vitest'
import { ClusterZone } from '../../../../src/agents/network/dns/cluster-zone.ts'
import { RecordIndex } from '../../../../src/agents/network/dns/record-index.ts'
import { service, slice } from './objects.ts'

function zoneOf(fill: (index: RecordIndex) => void): ClusterZone {
  const index = new RecordIndex()
  fill(index)
  return new ClusterZone({
    domain: 'cluster.local',
    serverAddress: '10.42.1.1',
    networks: ['10.42.0.0/16', '10.43.0.0/16'],
    index,
  })
}

/** An answer in a line, as `dig +short` would show it. */
function ask(zone: ClusterZone, name: string, type: string = 'A'): string {
  const resolution = zone.resolve(name, type)
  if (resolution.type === 'alias') return `alias ${resolution.target}`
  if (resolution.type !== 'found') return resolution.type
  return resolution.records
    .map(record =>
      record.type === 'SRV'
        ? `${record.data.priority} ${record.data.weight} ${record.data.port} ${record.data.target}`
        : record.data,
    )
    .join(', ')
}

const SHOP = zoneOf(index => {
  index.setService(
    service('web', {
      clusterIP: '10.43.0.10',
      clusterIPs: ['10.43.0.10'],
      ports: [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }, { port: 9 }],
    }),
  )
  index.setSlice(slice('web', [{ address: '10.42.1.7' }], [{ name: 'http', protocol: 'TCP', port: 8080 }]))
  index.setService(service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }))
  index.setSlice(
    slice(
      'db',
      [
        { address: '10.42.1.8', hostname: 'db-0', ready: true },
        { address: '10.42.2.8', hostname: 'db-1' },
        { address: '10.42.2.9', hostname: 'db-2', ready: false },
        { address: '10.42.2.10' },
      ],
      [
        { name: 'sql', protocol: 'TCP', port: 15432 },
        { name: 'metrics', protocol: 'TCP', port: 9187 },
      ],
    ),
  )
  index.setService(service('empty', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }))
  index.setSlice(slice('empty', [{ address: '10.42.2.11', ready: false }]))
  index.setService(service('mail', { type: 'ExternalName', externalName: 'mx.example.com' }))
  index.setService(service('number', { type: 'ExternalName', externalName: '192.0.2.1' }))
  index.setService(service('long', { type: 'ExternalName', externalName: `${'a'.repeat(64)}.example.com` }))
  index.setService(service('six', { clusterIP: 'None' }))
  index.setSlice(slice('six', [{ address: 'fd00::7', hostname: 'six-0' }]))
})

describe('ClusterZone', () => {
  it.each([
    // Services with an address.
    ['web.default.svc.cluster.local', 'A', '10.43.0.10'],
    ['web.default.svc.cluster.local.', 'A', '10.43.0.10'],
    ['WEB.Default.SVC.Cluster.Local', 'A', '10.43.0.10'],
    ['web.default.svc.cluster.local', 'AAAA', 'no-data'],
    ['web.default.svc.cluster.local', 'MX', 'no-data'],
    ['web.default.svc.cluster.local', 'ANY', '10.43.0.10'],
    ['_http._tcp.web.default.svc.cluster.local', 'SRV', '0 100 80 web.default.svc.cluster.local'],
    ['_dns._udp.web.default.svc.cluster.local', 'SRV', '0 100 53 web.default.svc.cluster.local'],
    ['_dns._tcp.web.default.svc.cluster.local', 'SRV', 'no-name'],
    ['_http._tcp.web.default.svc.cluster.local', 'A', 'no-data'],
    ['_tcp.web.default.svc.cluster.local', 'SRV', 'no-data'],
    ['_sctp.web.default.svc.cluster.local', 'SRV', 'no-name'],
    [
      'web.default.svc.cluster.local',
      'SRV',
      Array(3)
        .fill('')
        .map((_, at) => `0 33 ${[80, 53, 9][at]} web.default.svc.cluster.local`)
        .join(', '),
    ],
    ['10-42-1-7.web.default.svc.cluster.local', 'A', '10.42.1.7'],
    ['a.b.c.web.default.svc.cluster.local', 'A', 'no-name'],
    // Headless ones.
    ['db.default.svc.cluster.local', 'A', '10.42.1.8, 10.42.2.8, 10.42.2.10'],
    ['db.default.svc.cluster.local', 'AAAA', 'no-data'],
    ['db-0.db.default.svc.cluster.local', 'A', '10.42.1.8'],
    ['DB-1.db.default.svc.cluster.local', 'A', '10.42.2.8'],
    ['db-0.db.default.svc.cluster.local', 'AAAA', 'no-data'],
    ['db-2.db.default.svc.cluster.local', 'A', 'no-name'],
    ['10-42-2-10.db.default.svc.cluster.local', 'A', '10.42.2.10'],
    [
      '_sql._tcp.db.default.svc.cluster.local',
      'SRV',
      ['db-0', 'db-1', '10-42-2-10']
        .map(host => `0 33 15432 ${host}.db.default.svc.cluster.local`)
        .join(', '),
    ],
    ['empty.default.svc.cluster.local', 'A', 'no-name'],
    ['_sql._tcp.empty.default.svc.cluster.local', 'SRV', 'no-name'],
    ['six.default.svc.cluster.local', 'AAAA', 'fd00::7'],
    ['six.default.svc.cluster.local', 'A', 'no-data'],
    ['six-0.six.default.svc.cluster.local', 'AAAA', 'fd00::7'],
    // External ones.
    ['mail.default.svc.cluster.local', 'A', 'alias mx.example.com'],
    ['mail.default.svc.cluster.local', 'MX', 'alias mx.example.com'],
    ['mail.default.svc.cluster.local', 'CNAME', 'mx.example.com'],
    ['host.mail.default.svc.cluster.local', 'A', 'no-name'],
    ['number.default.svc.cluster.local', 'A', 'no-data'],
    ['long.default.svc.cluster.local', 'A', 'no-data'],
    // Names in between, and names that are not there.
    ['cluster.local', 'A', 'no-data'],
    ['cluster.local', 'NS', 'ns.dns.cluster.local'],
    ['ns.dns.cluster.local', 'A', '10.42.1.1'],
    ['dns.cluster.local', 'A', 'no-data'],
    ['svc.cluster.local', 'A', 'no-data'],
    ['default.svc.cluster.local', 'A', 'no-data'],
    ['nowhere.svc.cluster.local', 'A', 'no-name'],
    ['other.default.svc.cluster.local', 'A', 'no-name'],
    ['web.nowhere.svc.cluster.local', 'A', 'no-name'],
    ['www.example.com.default.svc.cluster.local', 'A', 'no-name'],
    ['www.example.com.cluster.local', 'A', 'no-name'],
    ['dns-version.cluster.local', 'TXT', '1.1.0'],
    ['dns-version.cluster.local', 'A', 'no-data'],
    ['a.dns-version.cluster.local', 'TXT', 'no-name'],
    // Pods by address.
    ['10-42-1-7.default.pod.cluster.local', 'A', '10.42.1.7'],
    ['10-42-1-7.default.pod.cluster.local', 'AAAA', 'no-data'],
    ['10-42-1-777.default.pod.cluster.local', 'A', 'no-name'],
    ['web.default.pod.cluster.local', 'A', 'no-name'],
    ['a.10-42-1-7.default.pod.cluster.local', 'A', 'no-name'],
    ['pod.cluster.local', 'A', 'no-data'],
    // Addresses.
    ['10.0.43.10.in-addr.arpa', 'PTR', 'web.default.svc.cluster.local'],
    ['8.1.42.10.in-addr.arpa', 'PTR', 'db-0.db.default.svc.cluster.local'],
    ['8.1.42.10.IN-ADDR.ARPA', 'PTR', 'db-0.db.default.svc.cluster.local'],
    ['10.2.42.10.in-addr.arpa', 'PTR', '10-42-2-10.db.default.svc.cluster.local'],
    ['10.0.43.10.in-addr.arpa', 'A', 'no-data'],
    ['9.2.42.10.in-addr.arpa', 'PTR', 'no-name'],
    ['1.2.0.192.in-addr.arpa', 'PTR', 'elsewhere'],
    // Everything else.
    ['www.example.com', 'A', 'elsewhere'],
    ['notcluster.local', 'A', 'elsewhere'],
    ['local', 'A', 'elsewhere'],
    ['.', 'NS', 'elsewhere'],
  ])('resolve() answers %s %s with %s', (name, type, answer) => {
    expect(ask(SHOP, name, type)).toBe(answer)
  })

  it('resolve() adds the addresses that an SRV record leads to', () => {
    const resolution = SHOP.resolve('_sql._tcp.db.default.svc.cluster.local', 'SRV')
    expect(resolution).toMatchObject({
      type: 'found',
      additionals: [
        { name: 'db-0.db.default.svc.cluster.local', record: { type: 'A', data: '10.42.1.8' } },
        { name: 'db-1.db.default.svc.cluster.local', record: { type: 'A', data: '10.42.2.8' } },
        { name: '10-42-2-10.db.default.svc.cluster.local', record: { type: 'A', data: '10.42.2.10' } },
      ],
    })
  })

  it('resolve() names an SRV record per endpoint and named port, each once however slices overlap', () => {
    const zone = zoneOf(index => {
      index.setService(service('db', { clusterIP: 'None' }))
      const endpoints = [{ address: '10.42.0.2', hostname: 'a' }]
      index.setSlice(slice('db', endpoints, [{ name: 'sql', port: 1 }], 'one'))
      index.setSlice(
        slice(
          'db',
          endpoints,
          [
            { name: 'sql', port: 1 },
            { name: 'web', port: 2 },
          ],
          'two',
        ),
      )
    })
    expect(ask(zone, 'db.default.svc.cluster.local')).toBe('10.42.0.2')
    expect(ask(zone, '_sql._tcp.db.default.svc.cluster.local', 'SRV').split(', ')).toHaveLength(1)
    expect(ask(zone, 'db.default.svc.cluster.local', 'SRV').split(', ')).toHaveLength(2)
  })
})

describe('RecordIndex', () => {
  it('follows a service from one type to another', () => {
    const index = new RecordIndex()
    const zone = new ClusterZone({
      domain: 'cluster.local',
      serverAddress: '10.42.1.1',
      networks: ['10.43.0.0/16'],
      index,
    })
    const name = 'web.default.svc.cluster.local'
    index.setService(service('web', { type: 'ExternalName', externalName: 'example.com' }))
    expect(ask(zone, name)).toBe('alias example.com')
    index.setService(service('web', { clusterIP: '10.43.0.7' }))
    expect(ask(zone, name)).toBe('10.43.0.7')
    index.setService(service('web', { clusterIP: '10.43.0.8' }))
    expect(ask(zone, name)).toBe('10.43.0.8')
    expect(ask(zone, '7.0.43.10.in-addr.arpa', 'PTR')).toBe('no-name')
    index.removeService(service('web', {}))
    expect(ask(zone, name)).toBe('no-name')
    expect(ask(zone, '8.0.43.10.in-addr.arpa', 'PTR')).toBe('no-name')
    expect(ask(zone, 'default.svc.cluster.local')).toBe('no-name')
  })

  it('does not mind in which order a service and its slices come and go', () => {
    const index = new RecordIndex()
    const db = service('db', { clusterIP: 'None' })
    const first = slice('db', [{ address: '10.42.0.2' }], [], 'db-a')
    const second = slice('db', [{ address: '10.42.0.2' }, { address: '10.42.0.3' }], [], 'db-b')
    const addresses = () => index.service('default', 'db')?.addresses
    index.setSlice(first)
    expect(addresses()).toBeUndefined()
    index.setService(db)
    expect(addresses()).toEqual(['10.42.0.2'])
    index.setSlice(second)
    expect(addresses()).toEqual(['10.42.0.2', '10.42.0.3'])
    index.removeSlice(first)
    expect(addresses()).toEqual(['10.42.0.2', '10.42.0.3'])
    expect(index.namesOf('10.42.0.2')).toEqual(['10-42-0-2.db.default'])
    index.setSlice(slice('db', [{ address: '10.42.0.4' }], [], 'db-b'))
    expect(addresses()).toEqual(['10.42.0.4'])
    expect(index.namesOf('10.42.0.2')).toEqual([])
    index.removeService(db)
    index.setService(db)
    expect(addresses()).toEqual(['10.42.0.4'])
    index.removeSlice(second)
    expect(addresses()).toEqual([])
  })

  it('moves a slice whose label names another service', () => {
    const index = new RecordIndex()
    index.setService(service('a', { clusterIP: 'None' }))
    index.setService(service('b', { clusterIP: 'None' }))
    index.setSlice(slice('a', [{ address: '10.42.0.2' }], [], 'slice'))
    index.setSlice(slice('b', [{ address: '10.42.0.2' }], [], 'slice'))
    expect(index.service('default', 'a')?.addresses).toEqual([])
    expect(index.namesOf('10.42.0.2')).toEqual(['10-42-0-2.b.default'])
  })
})
