import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { subresourcesOf } from '../../../../src/kinds/index.ts'
import { allKinds, apiVersionOf } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask } from '../support/https.ts'
import { kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`

interface Discovered {
  readonly metadata: { readonly name?: string }
  readonly versions: readonly {
    readonly version: string
    readonly freshness: string
    readonly resources: readonly {
      readonly resource: string
      readonly scope: string
      readonly verbs: readonly string[]
      readonly responseKind: { readonly kind: string }
      readonly subresources?: readonly { readonly subresource: string }[]
    }[]
  }[]
}

// Upstream's conformance tests aggregated_discovery.go.
describe('aggregated discovery', () => {
  it('names every kind with its scope, verbs and subresources, in two requests', async () => {
    const [core, named] = await Promise.all(
      ['/api', '/apis'].map(path => ask(api, path, { headers: { accept: aggregated('v2') } })),
    )
    const groups: Discovered[] = [...(core?.json.items ?? []), ...(named?.json.items ?? [])]
    for (const kind of allKinds) {
      const group = groups.find(({ metadata }) => (metadata.name ?? '') === kind.group)
      const version = group?.versions.find(one => one.version === kind.version)
      expect(version?.freshness).toBe('Current')
      expect(version?.resources.find(({ resource }) => resource === kind.plural)).toMatchObject({
        responseKind: { kind: kind.kind },
        scope: kind.namespaced ? 'Namespaced' : 'Cluster',
        verbs: kind.verbs,
        ...(kind.subresources.length === 0
          ? {}
          : { subresources: subresourcesOf(kind).map(({ name }) => ({ subresource: name })) }),
      })
    }
  })

  it.each([
    ['v2', aggregated('v2')],
    ['v2beta1', aggregated('v2beta1')],
    ['v2', `${aggregated('v2')},${aggregated('v2beta1')},application/json`],
    ['v2beta1', `${aggregated('v2beta1')},${aggregated('v2')},application/json`],
    ['v2', `application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,${aggregated('v2')}`],
  ])('is answered as %s to Accept: %s, under the name of the form', async (version, accept) => {
    for (const path of ['/api', '/apis']) {
      const reply = await ask(api, path, { headers: { accept } })
      expect(reply.code).toBe(200)
      expect(reply.headers['content-type']).toBe(aggregated(version))
      expect(reply.json).toMatchObject({
        kind: 'APIGroupDiscoveryList',
        apiVersion: `apidiscovery.k8s.io/${version}`,
      })
    }
  })

  it.each([undefined, 'application/json', '*/*', `${aggregated('v9')},application/json`])(
    'is the plain form to Accept: %s',
    async accept => {
      const reply = await ask(api, '/apis', accept === undefined ? {} : { headers: { accept } })
      expect(reply.headers['content-type']).toBe('application/json')
      expect(reply.json.kind).toBe('APIGroupList')
    },
  )

  it('is 406 to those who take nothing that there is', async () => {
    const reply = await ask(api, '/apis', { headers: { accept: aggregated('v9') } })
    expect([reply.code, reply.json.reason]).toEqual([406, 'NotAcceptable'])
  })

  it('is not sent again to those who have it', async () => {
    const first = await ask(api, '/apis', { headers: { accept: aggregated('v2') } })
    const tag = first.headers.etag as string
    expect(tag).toMatch(/^"[0-9A-F]{64}"$/)
    const again = await ask(api, '/apis', { headers: { accept: aggregated('v2'), 'if-none-match': tag } })
    expect([again.code, again.text]).toEqual([304, ''])
    const other = await ask(api, '/apis', { headers: { accept: aggregated('v2'), 'if-none-match': '"old"' } })
    expect(other.code).toBe(200)
  })
})

// Upstream's conformance tests discovery.go.
describe('discovery by group', () => {
  it('has a preferred version of every group, which is one of its versions and serves something', async () => {
    const { groups } = (await ask(api, '/apis')).json
    expect(groups.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining([...new Set(allKinds.flatMap(({ group }) => group || []))]),
    )
    for (const group of groups) {
      expect((await ask(api, `/apis/${group.name}`)).json).toMatchObject({ kind: 'APIGroup', ...group })
      expect(group.versions).toContainEqual(group.preferredVersion)
      for (const { groupVersion } of group.versions) {
        const list = (await ask(api, `/apis/${groupVersion}`)).json
        expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion })
        expect(list.resources.length).toBeGreaterThan(0)
      }
    }
  })

  it('prefers the newer of two versions', async () => {
    const { json } = await ask(api, '/apis/autoscaling')
    expect(json.versions.map(({ version }: { version: string }) => version)).toEqual(['v2', 'v1'])
    expect(json.preferredVersion).toEqual({ groupVersion: 'autoscaling/v2', version: 'v2' })
  })
})

describe('kubectl explain --recursive', () => {
  it.each(allKinds.map(kind => [`${apiVersionOf(kind)} ${kind.kind}`, kind] as const))(
    '%s',
    async (_, kind) => {
      const text = await kubectlOk(api, [
        'explain',
        kind.plural,
        `--api-version=${apiVersionOf(kind)}`,
        '--recursive',
      ])
      expect(text).toMatch(
        new RegExp(`^(GROUP: +${kind.group}\n)?KIND: +${kind.kind}\nVERSION: +${kind.version}\n`),
      )
      expect(text).toMatch(/FIELDS:\n +\w+\t<\w+/)
      expect(text).toContain('  metadata\t<ObjectMeta>')
      expect(text).toContain('    finalizers\t<[]string>')
    },
  )
})

describe('GET /', () => {
  it('tells of every path at which there is a document, and each answers', async () => {
    const { code, json } = await ask(api, '/')
    expect(code).toBe(200)
    const paths: readonly string[] = json.paths
    for (const path of ['/api/v1', '/apis', '/apis/apps/v1', '/readyz', '/version', '/openapi/v3'])
      expect(paths).toContain(path)
    for (const path of paths) expect((await ask(api, path)).code, path).toBe(200)
  })

  it('is not for everyone, as upstream', async () => {
    const nobody = await api.identity('nobody', [])
    expect((await ask(api, '/', { as: nobody })).code).toBe(403)
  })
})
