import { describe, expect, it } from 'vitest'
import { serviceVariables } from '../../../src/agents/containers/service-variables.ts'
import { service } from '../network/dns/objects.ts'

const services = [
  service('kubernetes', { clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443 }] }),
  service('other', { clusterIP: '10.43.0.2', ports: [{ port: 1 }] }),
  service(
    'foo-bar',
    {
      clusterIP: '10.43.0.3',
      ports: [
        { name: 'web-p', port: 8080 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
    'shop',
  ),
  service('headless', { clusterIP: 'None', ports: [{ port: 80 }] }, 'shop'),
  service('outside', { type: 'ExternalName', externalName: 'example.com' }, 'shop'),
  service('pending', { ports: [{ port: 80 }] }, 'shop'),
]

function variables(namespace: string, links: boolean, of = services): Record<string, string> {
  const variables = serviceVariables(of, { namespace, links, reach: address => address })
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
}

const KUBERNETES = {
  KUBERNETES_SERVICE_HOST: '10.43.0.1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_SERVICE_PORT_HTTPS: '443',
  KUBERNETES_PORT: 'tcp://10.43.0.1:443',
  KUBERNETES_PORT_443_TCP: 'tcp://10.43.0.1:443',
  KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
  KUBERNETES_PORT_443_TCP_PORT: '443',
  KUBERNETES_PORT_443_TCP_ADDR: '10.43.0.1',
}

describe('serviceVariables()', () => {
  it('tells of the namespace’s services that have an address, and of the API', () => {
    expect(variables('shop', true)).toEqual({
      ...KUBERNETES,
      FOO_BAR_SERVICE_HOST: '10.43.0.3',
      FOO_BAR_SERVICE_PORT: '8080',
      FOO_BAR_SERVICE_PORT_WEB_P: '8080',
      FOO_BAR_SERVICE_PORT_DNS: '53',
      FOO_BAR_PORT: 'tcp://10.43.0.3:8080',
      FOO_BAR_PORT_8080_TCP: 'tcp://10.43.0.3:8080',
      FOO_BAR_PORT_8080_TCP_PROTO: 'tcp',
      FOO_BAR_PORT_8080_TCP_PORT: '8080',
      FOO_BAR_PORT_8080_TCP_ADDR: '10.43.0.3',
      FOO_BAR_PORT_53_UDP: 'udp://10.43.0.3:53',
      FOO_BAR_PORT_53_UDP_PROTO: 'udp',
      FOO_BAR_PORT_53_UDP_PORT: '53',
      FOO_BAR_PORT_53_UDP_ADDR: '10.43.0.3',
    })
  })

  it('tells of the API alone where the pod wants no links', () => {
    expect(variables('shop', false)).toEqual(KUBERNETES)
    expect(variables('default', false)).toEqual(KUBERNETES)
  })

  it('prefers the namespace’s own service where it is called as the API’s', () => {
    const own = service('kubernetes', { clusterIP: '10.43.0.9', ports: [{ port: 80 }] }, 'shop')
    for (const order of [
      [...services, own],
      [own, ...services],
    ])
      expect(variables('shop', true, order)).toMatchObject({ KUBERNETES_SERVICE_HOST: '10.43.0.9' })
  })

  it('puts nothing before a variable’s name that a shell would not take', () => {
    const digits = service('3scale', { clusterIP: '10.43.0.9', ports: [{ port: 80 }] }, 'shop')
    expect(variables('shop', true, [digits])).toMatchObject({ _3SCALE_SERVICE_HOST: '10.43.0.9' })
  })
})
