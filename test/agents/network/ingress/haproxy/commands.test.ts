import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandsBetween, needsReload } from '../../../../../src/agents/network/ingress/haproxy/commands.ts'
import type { ProxyOptions } from '../../../../../src/agents/network/ingress/haproxy/config.ts'
import { wantedState } from '../../../../../src/agents/network/ingress/haproxy/wanted.ts'
import {
  assembleModel,
  type ClusterView,
  type ProxyModel,
} from '../../../../../src/agents/network/ingress/model.ts'
import type { IngressRule } from '../../../../../src/kube/index.ts'
import { ingress, rule } from '../../../../kube/ingress/objects.ts'
import { clusterView, selfSigned, service, slice, tlsSecret } from '../cluster-view.ts'
import { SimulatedProxy } from './simulated-proxy.ts'

const OPTIONS: ProxyOptions = {
  httpPort: 80,
  httpsPort: 443,
  addresses: ['0.0.0.0', '::'],
  user: { name: 'nobody', group: 'nogroup' },
  threads: 2,
  maxConnections: 1000,
}

const NOTHING: ProxyModel = { routes: [], backends: [], certificates: [], challenges: [], problems: [] }
const pairs = [selfSigned('one.test'), selfSigned('two.test'), selfSigned('three.test')]

function wantedOf(model: ProxyModel, proxy: SimulatedProxy) {
  return wantedState(model, OPTIONS, proxy.state.groups)
}

/** Brings the proxy to a model as the agent does; true when it took a reload. */
function bring(proxy: SimulatedProxy, model: ProxyModel): boolean {
  const wanted = wantedOf(model, proxy)
  const reload = needsReload(proxy.state, wanted)
  if (reload) proxy.load(wanted)
  proxy.follow(wanted)
  return reload
}

function web(addresses: readonly string[], more: Parameters<typeof clusterView>[0] = {}): ProxyModel {
  return assembleModel(
    clusterView({
      ingresses: [ingress('web', { rules: [rule('a.test', ['Prefix', '/', 'web'])] })],
      services: [service('web')],
      slices: [slice('web', addresses)],
      ...more,
    }),
  )
}

describe('commandsBetween()', () => {
  it('lets endpoints come before others go, without a reload', () => {
    const proxy = new SimulatedProxy()
    expect(bring(proxy, web(['10.0.0.1', '10.0.0.2']))).toBe(true)
    expect(bring(proxy, web(['~10.0.0.1', '10.0.0.2', '10.0.0.3']))).toBe(false)
    expect(bring(proxy, web(['10.0.0.2', '10.0.0.3']))).toBe(false)
    expect(proxy.said).toEqual([
      'set server default:web:80/http-3 addr 10.0.0.3 port 8080',
      'set server default:web:80/http-3 state ready',
      'set server default:web:80/http-3 health up',
      'set server default:web:80/http-1 state drain',
      'set server default:web:80/http-1 state maint',
    ])
  })

  it('puts a new certificate in the place of the old, and gives hosts their new one before they lose the old', () => {
    const proxy = new SimulatedProxy()
    const tls = (hosts: readonly string[], secretName: string) => [
      ingress('tls', { tls: [{ hosts, secretName }] }),
    ]
    const shown = (
      hosts: readonly string[],
      secretName: string,
      pair = pairs[0] ?? { certificate: '', key: '' },
    ) => web(['10.0.0.1'], { ingresses: tls(hosts, secretName), secrets: [tlsSecret(secretName, pair)] })
    bring(proxy, shown(['a.test'], 'one'))
    const [file = ''] = proxy.state.certificateFiles
    const before = proxy.certificate(file)
    expect(bring(proxy, shown(['a.test'], 'one', pairs[1]))).toBe(false)
    expect(proxy.said).toEqual([`set ssl cert ${file}`, `commit ssl cert ${file}`])
    expect(proxy.certificate(file)).not.toBe(before)
    proxy.said.length = 0
    bring(proxy, shown(['a.test', 'b.test'], 'one', pairs[1]))
    expect(proxy.said).toEqual([
      'add ssl crt-list certificates.list',
      `del ssl crt-list certificates.list ${file}:1`,
    ])
    bring(proxy, web(['10.0.0.1']))
    expect(proxy.state.certificateFiles.size).toBe(0)
  })

  it('asks for a reload by a new backend and by more endpoints than there are places, and not by one that goes', () => {
    const proxy = new SimulatedProxy()
    bring(proxy, web(['10.0.0.1']))
    const many = Array.from({ length: 9 }, (_, at) => `10.0.0.${at + 1}`)
    expect(bring(proxy, web(many))).toBe(true)
    expect(bring(proxy, NOTHING)).toBe(false)
    expect(proxy.state.groups.get('default:web:80')?.slots.every(({ state }) => state === 'free')).toBe(true)
    expect(bring(proxy, web(many))).toBe(false)
    const api = ingress('api', { rules: [rule('api.test', ['Prefix', '/', 'api'])] })
    expect(bring(proxy, web(many, { ingresses: [api], services: [service('api')] }))).toBe(true)
  })

  it('leads every state to every other, and then has nothing more to say', () => {
    const endpoints = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 })
    const state = fc.record({
      ready: endpoints,
      draining: endpoints,
      tls: fc.uniqueArray(
        fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.constantFrom(0, 1, 2), fc.constantFrom('a', 'b', 'c')),
        {
          selector: ([name]) => name,
        },
      ),
      paths: fc.uniqueArray(fc.constantFrom('/', '/a', '/a/b')),
      protocol: fc.constantFrom('http', 'grpc'),
    })
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), states => {
        const proxy = new SimulatedProxy()
        for (const { ready, draining, tls, paths, protocol } of states) {
          const addresses = [...ready.map(n => `10.0.0.${n}`), ...draining.map(n => `~10.0.0.${n}`)]
          const model = web(addresses, {
            ingresses: [
              ingress('web', {
                rules: [
                  rule(
                    'a.test',
                    ...paths.map(path => ['Prefix', path, 'web'] satisfies [string, string, string]),
                  ),
                ],
                tls: tls.map(([secretName, , host]) => ({ hosts: [`${host}.test`], secretName })),
              }),
            ],
            services: [service('web', [{ port: 80, appProtocol: protocol }])],
            secrets: tls.map(([name, pair]) => tlsSecret(name, pairs[pair] ?? { certificate: '', key: '' })),
          })
          bring(proxy, model)
          const wanted = wantedOf(model, proxy)
          expect(commandsBetween(proxy.state, proxy.known, wanted)).toEqual([])
          for (const [name, group] of wanted.groups) expect(proxy.state.groups.get(name)).toEqual(group)
          const places = [...wanted.groups.values()].flatMap(({ slots }) =>
            slots.flatMap(slot => (slot.state === 'free' ? [] : [slot.address])),
          )
          const served = model.backends.flatMap(({ endpoints }) => endpoints.map(({ address }) => address))
          expect(places.sort()).toEqual([...served].sort())
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('what an ingress says', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      'a\n  http-request deny\n',
      'x; shutdown sessions server',
      '*',
      '%[var(txn.host)]',
      '"$HOME"',
      'a.test /x serve|unknown',
      'a.test\r\nbackend x',
      '#',
      '\\',
      '<<',
      'constructor',
      '__proto__',
    ),
  )

  it('never becomes configuration, a map entry of its own, or a command', () => {
    const rules = fc.array(
      fc.record({
        host: nasty,
        http: fc.record({
          paths: fc.array(
            fc.record({
              path: nasty,
              pathType: fc.constantFrom(
                'Exact' as const,
                'Prefix' as const,
                'ImplementationSpecific' as const,
              ),
              backend: fc.record({
                service: fc.record({
                  name: nasty,
                  port: fc.oneof(fc.record({ name: nasty }), fc.record({ number: fc.integer() })),
                }),
              }),
            }),
          ),
        }),
      }),
    ) as fc.Arbitrary<IngressRule[]>
    const world = fc.record({
      rules,
      namespace: nasty,
      secretName: nasty,
      hosts: fc.array(nasty),
      address: nasty,
      token: nasty,
      appProtocol: nasty,
    })
    fc.assert(
      fc.property(world, ({ rules, namespace, secretName, hosts, address, token, appProtocol }) => {
        const [pair] = pairs
        // Whatever is asked for is there, under the same name.
        const view: ClusterView = {
          ...clusterView({}),
          ingresses: [
            ingress(
              'x',
              { rules, tls: [{ secretName, hosts }] },
              { namespace, annotations: { [token]: token } },
            ),
          ],
          service: (_, name) => ({
            ...service(
              name,
              rules
                .flatMap(({ http }) => http?.paths ?? [])
                .map(({ backend }) => ({
                  port: backend.service?.port?.number ?? 80,
                  name: backend.service?.port?.name ?? '',
                  appProtocol,
                })),
            ),
          }),
          slices: (_, name) => [slice(name, [address, '10.0.0.1'])],
          secret: (_, name) => tlsSecret(name, pair ?? { certificate: '', key: '' }),
        }
        const proxy = new SimulatedProxy()
        bring(proxy, NOTHING)
        const model = assembleModel(view)
        const { config, maps, certificateLines } = wantedOf(model, proxy)
        const plain = wantedOf(NOTHING, proxy).config.split('\n')
        for (const line of config.split('\n').slice(plain.length - 1))
          expect(line).toMatch(
            /^$|^backend [a-z0-9.-]+:[a-z0-9.-]+:-?\d+$|^ {2}server (http|h2c|https)-\d+ [0-9.]+:\d+( proto h2| ssl verify none)?( disabled)?$/,
          )
        for (const [, text] of maps)
          for (const line of text.split('\n').slice(0, -1))
            expect(line).toMatch(/^[*a-z0-9][!-~]* (redirect|serve)\|[a-z0-9.:-]+$/)
        for (const { file, hosts } of certificateLines)
          expect([file, ...hosts].join(' ')).toMatch(/^certificates\/[0-9a-f]{32}\.pem( [*a-z0-9.-]+)+$/)
        for (const command of commandsBetween(proxy.state, proxy.known, wantedOf(model, proxy)))
          if (command.type === 'say') {
            expect(command.line).toMatch(/^[a-z]+ (ssl|server) [-a-z0-9.:/ ]+$/)
            expect(command.payload ?? '').not.toMatch(/\n\n./)
          }
      }),
      { numRuns: 300 },
    )
  })
})
