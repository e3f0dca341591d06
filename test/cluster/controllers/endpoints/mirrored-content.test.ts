import { describe, expect, it } from 'vitest'
import { mirroredContent } from '../../../../src/cluster/controllers/endpoints/mirrored-content.ts'
import type { Endpoints } from '../../../../src/kube/index.ts'

function endpoints(...subsets: NonNullable<Endpoints['subsets']>): Endpoints {
  return { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'shop' }, subsets }
}

describe('mirroredContent()', () => {
  it('says as slices do what the subsets say', () => {
    const targetRef = { kind: 'Pod', name: 'p', uid: 'u' }
    expect(
      mirroredContent(
        endpoints({
          addresses: [{ ip: '192.0.2.1', hostname: 'one', nodeName: 'n1', targetRef }],
          notReadyAddresses: [{ ip: '192.0.2.2' }, { ip: 'fd00::2' }],
          ports: [{ port: 5432 }, { name: 'admin', port: 80, protocol: 'TCP', appProtocol: 'http' }],
        }),
      ),
    ).toEqual(
      (['IPv4', 'IPv6'] as const).map(addressType => ({
        addressType,
        ports: [
          { name: '', port: 5432, protocol: 'TCP' },
          { name: 'admin', port: 80, protocol: 'TCP', appProtocol: 'http' },
        ],
        endpoints:
          addressType === 'IPv6'
            ? [{ addresses: ['fd00::2'], conditions: { ready: false } }]
            : [
                {
                  addresses: ['192.0.2.1'],
                  conditions: { ready: true },
                  hostname: 'one',
                  nodeName: 'n1',
                  targetRef,
                },
                { addresses: ['192.0.2.2'], conditions: { ready: false } },
              ],
      })),
    )
  })

  it('takes a thousand addresses of a subset, ready ones first', () => {
    const addresses = Array.from({ length: 900 }, (_, index) => ({ ip: `10.0.${index >> 8}.${index & 255}` }))
    const notReadyAddresses = addresses.map(({ ip }) => ({ ip: ip.replace('10.', '11.') }))
    const [group] = mirroredContent(endpoints({ notReadyAddresses, addresses, ports: [{ port: 80 }] }))
    expect(group?.endpoints.filter(one => one.conditions?.ready).length).toBe(900)
    expect(group?.endpoints.length).toBe(1000)
  })

  it('is nothing for Endpoints without addresses', () => expect(mirroredContent(endpoints())).toEqual([]))
})
