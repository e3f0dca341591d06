import { describe, expect, it } from 'vitest'
import { assembleModel } from '../../../../src/agents/network/ingress/model.ts'
import type { IngressBackend } from '../../../../src/kube/index.ts'
import { backend, ingress, rule } from '../../../kube/ingress/objects.ts'
import { clusterView, selfSigned, service, slice, tlsSecret } from './cluster-view.ts'

const web = ingress('web', { rules: [rule('a.test', ['Prefix', '/', 'web'])] })

describe('assembleModel()', () => {
  it('leads a path to the ready endpoints of its service', () => {
    const model = assembleModel(
      clusterView({
        ingresses: [web],
        services: [service('web')],
        slices: [slice('web', ['10.0.0.2', '10.0.0.1', '-10.0.0.3', '~10.0.0.4'])],
      }),
    )
    expect(model.routes).toEqual([
      { host: 'a.test', match: 'prefix', path: '', backend: 'default:web:80', redirect: false },
    ])
    expect(model.backends).toEqual([
      {
        name: 'default:web:80',
        protocol: 'http',
        endpoints: [
          { address: '10.0.0.1', port: 8080, state: 'ready' },
          { address: '10.0.0.2', port: 8080, state: 'ready' },
          { address: '10.0.0.4', port: 8080, state: 'draining' },
        ],
      },
    ])
  })

  it('leads to loopback addresses only where pods are processes: elsewhere processes of the host are there', () => {
    const slices = [slice('web', ['127.0.0.1', '10.0.0.1'])]
    const addressesWhen = (podsAreProcesses: boolean) =>
      assembleModel(
        clusterView({ ingresses: [web], services: [service('web')], slices, podsAreProcesses }),
      ).backends.flatMap(({ endpoints }) => endpoints.map(({ address }) => address))
    expect(addressesWhen(false)).toEqual(['10.0.0.1'])
    expect(addressesWhen(true)).toEqual(['10.0.0.1', '127.0.0.1'])
    const mapped = slice('web', ['::ffff:127.0.0.1'], [{ port: 8080 }], { addressType: 'IPv6' })
    const view = clusterView({ ingresses: [web], services: [service('web')], slices: [mapped] })
    expect(assembleModel(view).backends.flatMap(({ endpoints }) => endpoints)).toEqual([])
  })

  it('uses endpoints that end when there are no others', () => {
    const { backends } = assembleModel(
      clusterView({
        ingresses: [web],
        services: [service('web')],
        slices: [slice('web', ['~10.0.0.4', '-10.0.0.5'])],
      }),
    )
    expect(backends[0]?.endpoints).toEqual([{ address: '10.0.0.4', port: 8080, state: 'ready' }])
  })

  it.each<[string, object, string]>([
    ['a number', { number: 81 }, '10.0.0.1:9001'],
    ['a name', { name: 'admin' }, '10.0.0.1:9001'],
    ['another name', { name: 'http' }, '10.0.0.1:8080'],
  ])('finds the port by %s', (_, port, expected) => {
    const model = assembleModel(
      clusterView({
        ingresses: [ingress('web', { defaultBackend: { service: { name: 'web', port } } })],
        services: [
          service('web', [
            { name: 'http', port: 80 },
            { name: 'admin', port: 81 },
            { name: 'dns', port: 53, protocol: 'UDP' },
          ]),
        ],
        slices: [
          slice(
            'web',
            ['10.0.0.1'],
            [
              { name: 'http', port: 8080 },
              { name: 'admin', port: 9001 },
            ],
          ),
        ],
      }),
    )
    expect(model.backends[0]?.endpoints.map(({ address, port }) => `${address}:${port}`)).toEqual([expected])
  })

  it.each<[string, IngressBackend]>([
    ['a service that is not there', backend('none')],
    ['a port that is not there', backend('web', 99)],
    ['a port of UDP', backend('web', 53)],
    ['a name that is not there', backend('web', 'none')],
  ])('keeps the route to %s, without a backend', (_, defaultBackend) => {
    const model = assembleModel(
      clusterView({
        ingresses: [ingress('web', { defaultBackend })],
        services: [service('web', [{ port: 80 }, { port: 53, protocol: 'UDP' }])],
      }),
    )
    expect(model.routes).toMatchObject([{ host: '*', backend: undefined }])
    expect(model.problems).toEqual([])
  })

  it.each<[string, IngressBackend]>([
    ['a resource', { resource: { kind: 'Bucket', name: 'x' } }],
    ['an ExternalName', backend('outside')],
  ])('says that it does not serve %s', (_, defaultBackend) => {
    const services = [service('outside', [{ port: 80 }], { type: 'ExternalName', externalName: 'a.test' })]
    const model = assembleModel(clusterView({ ingresses: [ingress('web', { defaultBackend })], services }))
    expect(model.routes).toMatchObject([{ backend: undefined }])
    expect(model.problems).toMatchObject([{ reason: 'BackendNotSupported' }])
  })

  it.each([
    [undefined, 'http'],
    ['http', 'http'],
    ['kubernetes.io/ws', 'http'],
    ['kubernetes.io/h2c', 'h2c'],
    ['grpc', 'h2c'],
    ['https', 'https'],
    ['constructor', 'http'],
  ])('speaks to appProtocol %s by %s', (appProtocol, protocol) => {
    const port = { port: 80, ...(appProtocol === undefined ? {} : { appProtocol }) }
    const { backends } = assembleModel(clusterView({ ingresses: [web], services: [service('web', [port])] }))
    expect(backends).toMatchObject([{ protocol }])
  })

  it('prefers IPv4, and writes IPv6 as the proxy does', () => {
    const six = slice('web', ['FD00:0:0::1'], [{ port: 8080 }], { addressType: 'IPv6' })
    const endpointsOf = (...slices: ReturnType<typeof slice>[]) =>
      assembleModel(
        clusterView({ ingresses: [web], services: [service('web')], slices }),
      ).backends[0]?.endpoints.map(({ address }) => address)
    expect(endpointsOf(six)).toEqual(['fd00::1'])
    expect(endpointsOf(six, slice('web', ['10.0.0.1']))).toEqual(['10.0.0.1'])
  })

  it('takes no address and no port that is none', () => {
    const odd = slice('web', ['10.0.0.1 port 1', '10.0.0.1\nshow', 'fe80::1%eth0', 'a.test', '10.0.0.300'])
    const ports = slice('web', ['10.0.0.1'], [{ port: 0 }])
    const { backends } = assembleModel(
      clusterView({ ingresses: [web], services: [service('web')], slices: [odd, ports] }),
    )
    expect(backends).toMatchObject([{ endpoints: [] }])
  })
})

describe('assembleModel() with certificates', () => {
  const pair = selfSigned('a.test')
  const other = selfSigned('b.test')
  const secure = ingress('web', {
    rules: [rule('a.test', ['Prefix', '/', 'web']), rule('b.test', ['Prefix', '/', 'web'])],
    tls: [{ hosts: ['a.test'], secretName: 'tls' }],
  })

  it('shows them for their hosts, and sends HTTP to HTTPS there', () => {
    const model = assembleModel(clusterView({ ingresses: [secure], secrets: [tlsSecret('tls', pair)] }))
    expect(model.certificates).toMatchObject([{ secret: 'default/tls', hosts: ['a.test'] }])
    expect(model.certificates[0]?.pem).toMatch(
      /^-----BEGIN PRIVATE KEY-----\n[\s\S]+-----BEGIN CERTIFICATE-----\n/,
    )
    expect(model.routes.map(({ host, redirect }) => [host, redirect])).toEqual([
      ['a.test', true],
      ['b.test', false],
    ])
  })

  it('sends nobody to HTTPS before there is something to show, nor against the annotation', () => {
    const redirects = (view: Parameters<typeof assembleModel>[0]) =>
      assembleModel(view).routes.map(({ redirect }) => redirect)
    expect(redirects(clusterView({ ingresses: [secure] }))).toEqual([false, false])
    const annotations = { 'ingress.bowline.dev/ssl-redirect': 'false' }
    const plain = { ...secure, metadata: { ...secure.metadata, annotations } }
    expect(redirects(clusterView({ ingresses: [plain], secrets: [tlsSecret('tls', pair)] }))).toEqual([
      false,
      false,
    ])
  })

  it.each<[string, { certificate: string; key: string }, RegExp]>([
    ['another key', { certificate: pair.certificate, key: other.key }, /another certificate/],
    ['no certificate', { certificate: 'x', key: pair.key }, /no certificate in PEM/],
    [
      'half a certificate',
      { certificate: pair.certificate.slice(0, 200), key: pair.key },
      /no certificate in PEM/,
    ],
    ['no key', { certificate: pair.certificate, key: 'x' }, /no private key/],
    ['nothing', { certificate: '', key: '' }, /no tls.crt and tls.key/],
    ['a short key', selfSigned('a.test', { key: ['rsa:1024'] }), /too short/],
    ['too long a chain', { certificate: pair.certificate.repeat(40), key: pair.key }, /too long/],
  ])('does not show one with %s, and says so without its secret', (_, wrong, message) => {
    const model = assembleModel(clusterView({ ingresses: [secure], secrets: [tlsSecret('tls', wrong)] }))
    expect(model.certificates).toEqual([])
    expect(model.problems).toMatchObject([
      { reason: 'CertificateNotUsed', message: expect.stringMatching(message) },
    ])
    expect(model.problems[0]?.message).toMatch(/^Secret default\/tls is not used: [a-zA-Z .]+$/)
  })

  it('writes what was understood of one, and nothing else', () => {
    const noisy = {
      certificate: `\n\nset ssl cert x\n\n${pair.certificate}\n\nmore`,
      key: `\n\n${pair.key}\n\n`,
    }
    const [shown] = assembleModel(
      clusterView({ ingresses: [secure], secrets: [tlsSecret('tls', noisy)] }),
    ).certificates
    expect(shown?.pem).toMatch(
      /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n$/,
    )
    expect(shown?.pem).not.toContain('\n\n')
  })
})
