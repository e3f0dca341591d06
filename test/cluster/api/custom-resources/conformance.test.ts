/**
 * The lines of Kubernetes' conformance suite (wave W2, and those of W1 that need a definition) that are about CustomResourceDefinitions,
 * one test for each, by clients that are not Bowline's own.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiextensionsV1Api, CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { TestApi } from '../support/api-server.ts'
import { startControlledApi } from '../support/controlled-api.ts'
import {
  DEFINITIONS,
  define,
  definition,
  established,
  object,
  objectsPath,
  schemaOf,
  version,
} from '../support/definitions.ts'
import { ask } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

let api: TestApi
let config: KubeConfig
let extensions: ApiextensionsV1Api
let customs: CustomObjectsApi

beforeAll(async () => {
  api = await startControlledApi()
  config = new KubeConfig()
  config.loadFromString(readFileSync(api.kubeconfig, 'utf8'))
  extensions = config.makeApiClient(ApiextensionsV1Api)
  customs = config.makeApiClient(CustomObjectsApi)
})
afterAll(() => api.close())

const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)
const feed = (input: unknown, ...args: readonly string[]): Promise<string> =>
  kubectlOk(api, args, JSON.stringify(input))

/** The definition of a kind in the published document of its group and version. */
async function published(name: string, versionName = 'v1', group = 'example.com') {
  const { code, json } = await ask(api, `/openapi/v3/apis/${group}/${versionName}`)
  return code === 200 ? json.components.schemas[name] : undefined
}

const barSchema = schemaOf(
  {
    type: 'object',
    description: 'Specification of Waldo',
    properties: {
      bars: {
        type: 'array',
        description: 'List of Bars and their specs.',
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string', description: 'Name of Bar.' },
            age: { type: 'string', description: 'Age of Bar.' },
          },
        },
      },
    },
  },
  { type: 'object', description: 'Status of Waldo' },
)

describe('CustomResourcePublishOpenAPI', () => {
  it('works for CRD with validation schema', async () => {
    await define(api, definition('Waldo', { versions: [version({ schema: barSchema })] }))
    expect(
      await feed(object('Waldo', 'good', { spec: { bars: [{ name: 'a', age: '1' }] } }), 'create', '-f', '-'),
    ).toContain('waldo.example.com/good created')
    const unknown = await kubectl(
      api,
      ['create', '-f', '-'],
      JSON.stringify(object('Waldo', 'bad', { spec: { foo: 'bar' } })),
    )
    expect(unknown.code).not.toBe(0)
    expect(unknown.stderr).toContain('unknown field "spec.foo"')
    const missing = await kubectl(
      api,
      ['create', '-f', '-'],
      JSON.stringify(object('Waldo', 'bad', { spec: { bars: [{ age: '10' }] } })),
    )
    expect(missing.stderr).toContain('spec.bars[0].name: Required value')
    expect(await run('explain', 'waldos.spec.bars')).toMatch(
      /List of Bars and their specs\.[\s\S]*age\s+<string>[\s\S]*name\s+<string> -required-/,
    )
    expect(await run('explain', 'waldos', '--recursive')).toMatch(/bars\s+<\[\]Object>/)
  })

  it('works for CRD without validation schema', async () => {
    await define(api, definition('Plain'))
    expect(await feed(object('Plain', 'any', { a: { b: [1] } }), 'apply', '-f', '-')).toContain('created')
    expect(await run('explain', 'plains')).toContain('KIND:       Plain')
  })

  it('works for CRD preserving unknown fields at the schema root', async () => {
    const schema = { ...schemaOf({ type: 'object' }), 'x-kubernetes-preserve-unknown-fields': true }
    await define(api, definition('Rooted', { versions: [version({ schema })] }))
    await feed(object('Rooted', 'any', { a: { b: [1] } }), 'create', '-f', '-')
    const { json } = await ask(api, `${objectsPath('rooteds')}/any`)
    expect(json.a).toEqual({ b: [1] })
    expect(await published('com.example.v1.Rooted')).toMatchObject({
      'x-kubernetes-preserve-unknown-fields': true,
    })
  })

  it('works for CRD preserving unknown fields in an embedded object', async () => {
    const embedded = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    }
    const schema = schemaOf({ type: 'object', properties: { template: embedded } })
    await define(api, definition('Holder', { versions: [version({ schema })] }))
    const template = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' }, free: { a: 1 } }
    await feed(object('Holder', 'any', { spec: { template } }), 'create', '-f', '-')
    expect((await ask(api, `${objectsPath('holders')}/any`)).json.spec.template).toEqual(template)
    expect(await run('explain', 'holders.spec.template')).toContain('metadata')
  })

  it('works for multiple CRDs of different groups', async () => {
    await define(api, definition('Alike', { group: 'one.example.com' }))
    await define(api, definition('Alike', { group: 'two.example.com' }))
    expect(await published('com.example.one.v1.Alike', 'v1', 'one.example.com')).toBeDefined()
    expect(await published('com.example.two.v1.Alike', 'v1', 'two.example.com')).toBeDefined()
  })

  it('works for multiple CRDs of same group but different versions', async () => {
    await define(
      api,
      definition('Early', { group: 'same.example.com', versions: [version({ name: 'v1beta1' })] }),
    )
    await define(api, definition('Late', { group: 'same.example.com', versions: [version({ name: 'v2' })] }))
    expect(await published('com.example.same.v1beta1.Early', 'v1beta1', 'same.example.com')).toBeDefined()
    expect(await published('com.example.same.v2.Late', 'v2', 'same.example.com')).toBeDefined()
    const { json } = await ask(api, '/apis/same.example.com')
    expect(json.preferredVersion.version).toBe('v2')
  })

  it('works for multiple CRDs of same group and version but different kinds', async () => {
    await define(api, definition('Left', { group: 'pair.example.com' }))
    await define(api, definition('Right', { group: 'pair.example.com' }))
    expect(await published('com.example.pair.v1.Left', 'v1', 'pair.example.com')).toBeDefined()
    expect(await published('com.example.pair.v1.Right', 'v1', 'pair.example.com')).toBeDefined()
  })

  it('updates the published spec when one version gets renamed', async () => {
    const versions = [version({ name: 'v2', storage: false }), version({ name: 'v3' })]
    await define(api, definition('Renamed', { group: 'rename.example.com', versions }))
    expect(await published('com.example.rename.v2.Renamed', 'v2', 'rename.example.com')).toBeDefined()
    const body = [{ op: 'replace', path: '/spec/versions/0/name', value: 'v4' }]
    await run('patch', 'crd', 'renameds.rename.example.com', '--type=json', '-p', JSON.stringify(body))
    expect(await published('com.example.rename.v4.Renamed', 'v4', 'rename.example.com')).toBeDefined()
    expect(await published('com.example.rename.v2.Renamed', 'v2', 'rename.example.com')).toBeUndefined()
    expect(await published('com.example.rename.v3.Renamed', 'v3', 'rename.example.com')).toBeDefined()
  })

  it('removes definition from spec when one version gets changed to not be served', async () => {
    const versions = [version({ name: 'v5' }), version({ name: 'v6alpha1', storage: false })]
    await define(api, definition('Unserved', { group: 'unserve.example.com', versions }))
    expect(
      await published('com.example.unserve.v6alpha1.Unserved', 'v6alpha1', 'unserve.example.com'),
    ).toBeDefined()
    const body = [{ op: 'replace', path: '/spec/versions/1/served', value: false }]
    await run('patch', 'crd', 'unserveds.unserve.example.com', '--type=json', '-p', JSON.stringify(body))
    expect(
      await published('com.example.unserve.v6alpha1.Unserved', 'v6alpha1', 'unserve.example.com'),
    ).toBeUndefined()
    expect(await published('com.example.unserve.v5.Unserved', 'v5', 'unserve.example.com')).toBeDefined()
    expect((await ask(api, '/apis/unserve.example.com/v6alpha1/unserveds')).code).toBe(404)
  })
})

describe('CustomResourceFieldSelectors', () => {
  it('MUST list and watch custom resources matching the field selector', async () => {
    const schema = schemaOf({
      type: 'object',
      properties: { color: { type: 'string' }, quantity: { type: 'integer' } },
    })
    const selectableFields = [{ jsonPath: '.spec.color' }, { jsonPath: '.spec.quantity' }]
    await define(api, definition('Shirt', { versions: [version({ schema, selectableFields })] }))
    const path = objectsPath('shirts')
    const seen: string[] = []
    const watch = new Watch(config)
    const controller = await watch.watch(
      path,
      { fieldSelector: 'spec.color=blue' },
      (type, { metadata }) => seen.push(`${type} ${metadata.name}`),
      () => undefined,
    )
    await feed(object('Shirt', 'a', { spec: { color: 'blue', quantity: 2 } }), 'create', '-f', '-')
    await feed(object('Shirt', 'b', { spec: { color: 'green', quantity: 2 } }), 'create', '-f', '-')
    expect(await run('get', 'shirts', '-o', 'name', '--field-selector', 'spec.color=blue')).toBe(
      'shirt.example.com/a\n',
    )
    expect(
      await run('get', 'shirts', '-o', 'name', '--field-selector', 'spec.quantity=2,spec.color!=blue'),
    ).toBe('shirt.example.com/b\n')
    await run('patch', 'shirt', 'a', '--type=merge', '-p', '{"spec":{"color":"red"}}')
    await vi.waitFor(() => expect(seen).toEqual(['ADDED a', 'DELETED a']))
    controller.abort()
    const refused = await ask(api, `${path}?fieldSelector=spec.size%3D1`)
    expect([refused.code, refused.json.message]).toEqual([400, 'field label not supported: spec.size'])
  })
})

describe('CustomResourceDefinition Watch', () => {
  it('watch on custom resource definition objects', async () => {
    await define(api, definition('Seen', { scope: 'Cluster' }))
    const seen: string[] = []
    const watch = new Watch(config)
    const controller = await watch.watch(
      '/apis/example.com/v1/seens',
      {},
      (type, { metadata }) => seen.push(`${type} ${metadata.name}`),
      () => undefined,
    )
    for (const name of ['a', 'b']) await feed(object('Seen', name), 'create', '-f', '-')
    await run('label', 'seen', 'a', 'x=y')
    await run('delete', 'seen', 'a')
    await run('delete', 'seen', 'b')
    await vi.waitFor(() =>
      expect(seen).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED a', 'DELETED b']),
    )
    controller.abort()
  })
})

describe('CustomResourceDefinition resources', () => {
  it('Simple CustomResourceDefinition creating/deleting custom resource definition objects works', async () => {
    await extensions.createCustomResourceDefinition({ body: definition('Brief') as never })
    await established(api, 'briefs.example.com')
    await extensions.deleteCustomResourceDefinition({ name: 'briefs.example.com' })
    await vi.waitFor(async () => expect((await ask(api, `${DEFINITIONS}/briefs.example.com`)).code).toBe(404))
    expect((await ask(api, objectsPath('briefs'))).code).toBe(404)
  })

  it('Simple CustomResourceDefinition listing custom resource definition objects works', async () => {
    for (const kind of ['Listone', 'Listtwo'])
      await define(api, definition(kind, { group: 'list.example.com', labels: { set: 'listed' } }))
    const list = await extensions.listCustomResourceDefinition({ labelSelector: 'set=listed' })
    expect(list.items.map(({ spec }) => spec.names.kind)).toEqual(['Listone', 'Listtwo'])
    await extensions.deleteCollectionCustomResourceDefinition({ labelSelector: 'set=listed' })
    await vi.waitFor(async () => {
      const { items } = await extensions.listCustomResourceDefinition({ labelSelector: 'set=listed' })
      expect(items).toEqual([])
    })
  })

  it('Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works', async () => {
    await define(api, definition('Stated'))
    const name = 'stateds.example.com'
    const got = await extensions.readCustomResourceDefinitionStatus({ name })
    expect(got.status?.acceptedNames).toMatchObject({
      plural: 'stateds',
      kind: 'Stated',
      listKind: 'StatedList',
    })
    const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set by a test' }
    got.status?.conditions?.push(condition as never)
    const put = await extensions.replaceCustomResourceDefinitionStatus({ name, body: got })
    expect(put.status?.conditions).toContainEqual(expect.objectContaining(condition))
    const patch = [
      { op: 'add', path: '/status/conditions/0', value: { ...condition, type: 'StatusPatched' } },
    ]
    const patched = await ask(api, `${DEFINITIONS}/${name}/status`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json-patch+json' },
      body: JSON.stringify(patch),
    })
    expect(patched.json.status.conditions[0].type).toBe('StatusPatched')
  })

  it('should include custom resource definition resources in discovery documents', async () => {
    const { json: groups } = await ask(api, '/apis')
    const group = groups.groups.find(({ name }: { name: string }) => name === 'apiextensions.k8s.io')
    expect(group.versions).toContainEqual({ groupVersion: 'apiextensions.k8s.io/v1', version: 'v1' })
    const { json: list } = await ask(api, '/apis/apiextensions.k8s.io/v1')
    expect(list.resources).toContainEqual(
      expect.objectContaining({ name: 'customresourcedefinitions', kind: 'CustomResourceDefinition' }),
    )
  })

  it('custom resource defaulting for requests and from storage works', async () => {
    const a = { type: 'string', default: 'A' }
    const b = { type: 'string' }
    const body = definition('Defaulted', {
      versions: [version({ schema: { type: 'object', properties: { a, b } } })],
    })
    await define(api, body)
    const path = objectsPath('defaulteds')
    const made = await ask(api, path, { method: 'POST', body: object('Defaulted', 'x') })
    expect([made.json.a, made.json.b]).toEqual(['A', undefined])
    const patch = [
      { op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/properties/b/default', value: 'B' },
      { op: 'remove', path: '/spec/versions/0/schema/openAPIV3Schema/properties/a/default' },
    ]
    await run('patch', 'crd', 'defaulteds.example.com', '--type=json', '-p', JSON.stringify(patch))
    const read = await ask(api, `${path}/x`)
    expect([read.json.a, read.json.b]).toEqual(['A', 'B'])
    const later = await ask(api, path, { method: 'POST', body: object('Defaulted', 'y') })
    expect([later.json.a, later.json.b]).toEqual([undefined, 'B'])
    expect(later.json.metadata.resourceVersion).not.toBe(read.json.metadata.resourceVersion)
    const { items } = (await customs.listNamespacedCustomObject({
      group: 'example.com',
      version: 'v1',
      namespace: 'default',
      plural: 'defaulteds',
    })) as { items: { b: string }[] }
    expect(items.map(item => item.b)).toEqual(['B', 'B'])
  })
})

describe('AggregatedDiscovery', () => {
  it('should support aggregated discovery interface for CRDs, and a raw request for them', async () => {
    const before = await ask(api, '/apis', { headers: { accept: AGGREGATED } })
    const names = { shortNames: ['dc'], categories: ['all'], singular: 'disco' }
    const status = { subresources: { status: {} } }
    await define(api, definition('Disco', { names, versions: [version(status)] }))
    const after = await ask(api, '/apis', { headers: { accept: AGGREGATED } })
    expect(after.headers.etag).not.toBe(before.headers.etag)
    const group = after.json.items.find(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === 'example.com',
    )
    const resources = group.versions.flatMap(({ resources: all }: { resources: object[] }) => all)
    expect(resources).toContainEqual(
      expect.objectContaining({
        resource: 'discos',
        responseKind: { group: 'example.com', version: 'v1', kind: 'Disco' },
        scope: 'Namespaced',
        singularResource: 'disco',
        shortNames: ['dc'],
        categories: ['all'],
        subresources: [expect.objectContaining({ subresource: 'status' })],
      }),
    )
    const again = await ask(api, '/apis', {
      headers: { accept: AGGREGATED, 'if-none-match': after.headers.etag },
    })
    expect(again.code).toBe(304)
    expect(await run('api-resources', '--api-group=example.com', '--no-headers')).toMatch(
      /^discos\s+dc\s+example.com\/v1\s+true\s+Disco$/m,
    )
  })
})

describe('FieldValidation', () => {
  const schema = schemaOf({
    type: 'object',
    properties: {
      foo: { type: 'string' },
      template: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
  })

  it('should create/apply a CR with unknown fields for CRD with no validation schema', async () => {
    await define(api, definition('Loose', { group: 'loose.example.com' }))
    const body = {
      apiVersion: 'loose.example.com/v1',
      kind: 'Loose',
      metadata: { name: 'x' },
      foo: { bar: 1 },
    }
    expect(await feed(body, 'apply', '--validate=strict', '-f', '-')).toContain('created')
  })

  it('should create/apply a valid CR for CRD with validation schema', async () => {
    await define(api, definition('Strict', { versions: [version({ schema })] }))
    expect(
      await feed(object('Strict', 'good', { spec: { foo: 'a' } }), 'apply', '--validate=strict', '-f', '-'),
    ).toContain('created')
    expect(
      await feed(
        object('Strict', 'good', { spec: { foo: 'b' } }),
        'apply',
        '--server-side',
        '--force-conflicts',
        '-f',
        '-',
      ),
    ).toContain('serverside-applied')
  })

  it('should create/apply an invalid CR with extra properties for CRD with validation schema', async () => {
    const body = object('Strict', 'extra', { spec: { foo: 'a', extra: 'b' } })
    const path = objectsPath('stricts')
    const strict = await ask(api, `${path}?fieldValidation=Strict`, { method: 'POST', body })
    expect([strict.code, strict.json.message]).toEqual([
      400,
      'Strict in version "v1" cannot be handled as a Strict: strict decoding error: unknown field "spec.extra"',
    ])
    const warned = await ask(api, `${path}?fieldValidation=Warn`, { method: 'POST', body })
    expect(warned.headers.warning).toContain('unknown field \\"spec.extra\\"')
    expect(warned.json.spec).toEqual({ foo: 'a' })
    const applied = await ask(api, `${path}/applied?fieldManager=me&fieldValidation=Strict`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({ ...body, metadata: { name: 'applied' } }),
    })
    expect([applied.code, applied.json.message]).toEqual([
      400,
      'Strict in version "v1" cannot be handled as a Strict: strict decoding error: unknown field "spec.extra"',
    ])
  })

  it('should detect unknown metadata fields in both the root and embedded object of a CR', async () => {
    const template = { apiVersion: 'v1', kind: 'T', metadata: { name: 'x', unknownSubMeta: 1 } }
    const body = object('Strict', 'meta', { spec: { template } }) as { metadata: Record<string, unknown> }
    body.metadata.unknownMeta = 1
    const { json } = await ask(api, `${objectsPath('stricts')}?fieldValidation=Strict`, {
      method: 'POST',
      body,
    })
    expect(json.message).toContain('unknown field "metadata.unknownMeta"')
    expect(json.message).toContain('unknown field "spec.template.metadata.unknownSubMeta"')
  })

  it('should detect duplicates in a CR when preserving unknown fields', async () => {
    const text =
      '{"apiVersion":"loose.example.com/v1","kind":"Loose","metadata":{"name":"twice"},"foo":1,"foo":2}'
    const path = objectsPath('looses', 'v1', 'loose.example.com')
    const headers = { 'content-type': 'application/json' }
    const strict = await ask(api, `${path}?fieldValidation=Strict`, { method: 'POST', body: text, headers })
    expect([strict.code, strict.json.message]).toEqual([
      400,
      expect.stringContaining('duplicate field "foo"'),
    ])
    const warned = await ask(api, `${path}?fieldValidation=Warn`, { method: 'POST', body: text, headers })
    expect(warned.headers.warning).toContain('duplicate field')
  })
})

it('kubectl applies a file with a definition, and its objects once it is established', async () => {
  const file = join(api.folder, 'crontab.yaml')
  writeFileSync(file, JSON.stringify(definition('CronTab', { group: 'stable.example.com' })))
  await run('apply', '-f', file)
  await run('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com', '--timeout=20s')
  const body = { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: 'x' } }
  expect(await feed(body, 'apply', '-f', '-')).toContain('created')
  expect(await run('get', 'crontab')).toMatch(/^NAME +AGE\nx +\d+s\n$/)
})
