import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Ingress, routeTable, servedIngresses } from '../../../src/kube/index.ts'
import { backend, ingress, ingressClass, rule } from './objects.ts'

/** `host match path → service` of every route. */
function routesOf(...ingresses: readonly Ingress[]): string[] {
  return routeTable(ingresses).routes.map(
    ({ host, match, path, backend: { service } }) => `${host} ${match} ${path} → ${service?.name}`,
  )
}

describe('servedIngresses()', () => {
  const named = ingress('named', { ingressClassName: 'bowline' })
  const legacy = ingress('legacy', {}, { annotations: { 'kubernetes.io/ingress.class': 'bowline' } })
  const foreign = ingress('foreign', { ingressClassName: 'nginx' })
  const plain = ingress('plain', {})
  const all = [plain, named, legacy, foreign]
  const namesOf = (ingresses: readonly Ingress[]) => ingresses.map(({ metadata }) => metadata.name)

  it('takes those of a class of its own, and those without one while such a class is the default', () => {
    expect(namesOf(servedIngresses(all, [ingressClass()]))).toEqual(['legacy', 'named', 'plain'])
    expect(namesOf(servedIngresses(all, [ingressClass('bowline', { isDefault: false })]))).toEqual([
      'legacy',
      'named',
    ])
  })

  it('takes none where there is no such class', () => {
    expect(servedIngresses(all, [])).toEqual([])
    expect(servedIngresses(all, [ingressClass('bowline', { controller: 'k8s.io/nginx' })])).toEqual([])
  })

  it('puts the oldest first, and of one age goes by name', () => {
    const at = (name: string, creationTimestamp: string) => ingress(name, {}, { creationTimestamp })
    const found = servedIngresses(
      [at('b', '2026-02-01T00:00:00Z'), at('c', '2026-01-01T00:00:00Z'), at('a', '2026-02-01T00:00:00Z')],
      [ingressClass()],
    )
    expect(namesOf(found)).toEqual(['c', 'a', 'b'])
  })
})

describe('routeTable()', () => {
  it('keeps hosts in lower case, and paths element by element', () => {
    const rules = [
      rule('Shop.Test', ['Prefix', '/api/', 'api'], ['Exact', '/api/', 'slash']),
      rule('*.Shop.Test', ['ImplementationSpecific', '/', 'any']),
      rule(undefined, ['Prefix', '/x', 'x']),
    ]
    expect(routesOf(ingress('shop', { rules }))).toEqual([
      'shop.test prefix /api → api',
      'shop.test exact /api/ → slash',
      '*.shop.test prefix  → any',
      '* prefix /x → x',
    ])
  })

  it.each([
    '*',
    '*.*.test',
    'a.*.test',
    '*a.test',
    'a b',
    'a\nb.test',
    'a/b',
    '-a.test',
    'a..b',
    '[::1]',
    `${'a'.repeat(64)}.test`,
  ])('does not serve the host %j, and says so', host => {
    const { routes, problems } = routeTable([ingress('odd', { rules: [rule(host, ['Prefix', '/', 'web'])] })])
    expect(routes).toEqual([])
    expect(problems).toMatchObject([{ reason: 'HostNotValid' }])
  })

  it('gives a host and path to the oldest that claims it, and tells the younger', () => {
    const old = ingress('old', { rules: [rule('a.test', ['Prefix', '/x', 'first'])] })
    const young = ingress('young', {
      rules: [rule('a.test', ['Prefix', '/x/', 'second'], ['Exact', '/x', 'third'])],
    })
    expect(routesOf(old, young)).toEqual(['a.test prefix /x → first', 'a.test exact /x → third'])
    expect(routeTable([old, young]).problems).toEqual([
      {
        ingress: young,
        reason: 'PathConflict',
        message: 'a.test/x is served for the older ingress default/old',
      },
    ])
  })

  it('lets a default backend take what the hosts of its ingress leave over, and everything when it has no rule', () => {
    const shop = ingress('shop', {
      defaultBackend: backend('rest'),
      rules: [rule('a.test', ['Prefix', '/x', 'x'])],
    })
    const all = ingress('all', { defaultBackend: backend('all') })
    expect(routesOf(shop, all)).toEqual(['a.test prefix /x → x', 'a.test prefix  → rest', '* prefix  → all'])
  })

  it('lets any path go before a default backend, however old that is', () => {
    const old = ingress('old', { defaultBackend: backend('rest'), rules: [{ host: 'a.test' }] })
    const young = ingress('young', { rules: [rule('a.test', ['Prefix', '/', 'root'])] })
    expect(routeTable([old, young]).problems).toEqual([])
    expect(routesOf(old, young)).toEqual(['a.test prefix  → root'])
  })

  it('writes paths as clients send them', () => {
    const spec = { rules: [rule('a.test', ['Prefix', '/kafé b', 'x'], ['Exact', '/\ud800\r\n', 'y'])] }
    expect(routesOf(ingress('shop', spec))).toEqual([
      'a.test prefix /kaf%C3%A9%20b → x',
      'a.test exact /%EF%BF%BD%0D%0A → y',
    ])
  })

  it('serves no path that is longer than a request can be, and says so', () => {
    const long = `/${'a'.repeat(8191)}`
    const rules = [
      rule('a.test', ['Prefix', long, 'longest'], ['Exact', `${long}b`, 'longer'], ['Prefix', '/b', 'web']),
      // What counts is what is asked for: percent-encoded this is six times as long.
      rule('b.test', ['Prefix', `/${'é'.repeat(2000)}`, 'encoded']),
    ]
    const shop = ingress('shop', { rules })
    const { routes, problems } = routeTable([shop])
    expect(routes.map(({ host, path }) => `${host} ${path.length}`)).toEqual(['a.test 8192', 'a.test 2'])
    expect(problems).toMatchObject([
      { ingress: shop, reason: 'PathNotValid', message: expect.stringContaining('8193 characters') },
      {
        ingress: shop,
        reason: 'PathNotValid',
        message: expect.stringContaining('12001 characters is not served for b.test'),
      },
    ])
  })

  it('holds nothing but hosts and printable ASCII, whatever an ingress says', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    const type = fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific')
    fc.assert(
      fc.property(fc.array(fc.tuple(text, type, text)), entries => {
        const rules = entries.map(([host, pathType, path]) => rule(host, [pathType, path, 'web']))
        for (const { host, path } of routeTable([ingress('any', { rules })]).routes) {
          expect(host).toMatch(/^(\*|(\*\.)?[a-z0-9.-]+)$/)
          expect(path).toMatch(/^[\x21-\x7e]*$/)
        }
      }),
    )
  })
})
