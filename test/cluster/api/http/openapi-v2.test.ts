import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestApi } from '../support/api-server.ts'
import { startControlledApi } from '../support/controlled-api.ts'
import { define, definition, schemaOf, version } from '../support/definitions.ts'
import { ask } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const KUBECTL_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

let api: TestApi

beforeAll(async () => {
  api = await startControlledApi()
})
afterAll(() => api.close())

const HERE = '/api/v1/namespaces/default'
const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)
const feed = (object: object, ...args: readonly string[]): Promise<string> =>
  kubectlOk(api, [...args, '-f', '-'], JSON.stringify(object))

function listOf(...items: readonly object[]): object {
  return { apiVersion: 'v1', kind: 'List', items }
}

function map(name: string, fields: object = { data: { a: '1' } }): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...fields }
}

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'listed' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'listed' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'listed' } },
      spec: {
        containers: [
          {
            name: 'a',
            image: 'a',
            resources: { limits: { cpu: '1', memory: '1Gi' } },
            ports: [{ containerPort: 80 }],
          },
        ],
      },
    },
  },
}

describe('/openapi/v2', () => {
  it('is JSON to whoever takes JSON, and protobuf to whoever asks for it', async () => {
    for (const accept of [undefined, '*/*', 'application/json', `application/json,${PROTOBUF}`]) {
      const reply = await ask(api, '/openapi/v2', { headers: accept === undefined ? {} : { accept } })
      expect(reply.headers['content-type']).toBe('application/json')
      expect(reply.json).toMatchObject({
        swagger: '2.0',
        paths: expect.any(Object),
        definitions: expect.any(Object),
      })
    }
    for (const accept of [PROTOBUF, KUBECTL_PROTOBUF]) {
      const reply = await ask(api, '/openapi/v2', { headers: { accept } })
      expect([reply.code, reply.headers['content-type']]).toEqual([200, PROTOBUF])
      expect(reply.text.startsWith('\n\x032.0')).toBe(true)
    }
  })

  it('is not acceptable in another form, and nothing is below it', async () => {
    const other = await ask(api, '/openapi/v2', { headers: { accept: 'application/x-gzip' } })
    expect([other.code, other.json.reason]).toEqual([406, 'NotAcceptable'])
    expect(other.json.message).toContain(PROTOBUF)
    expect((await ask(api, '/openapi/v2/apis')).code).toBe(404)
    expect((await ask(api, '/openapi/v2', { method: 'POST', body: {} })).code).toBe(405)
  })

  it('has an ETag for each form, and 304 for whoever has it', async () => {
    const tags = new Set<string>()
    for (const accept of ['application/json', PROTOBUF]) {
      const { headers } = await ask(api, '/openapi/v2', { headers: { accept } })
      expect(headers.vary).toContain('Accept')
      const again = await ask(api, '/openapi/v2', {
        headers: { accept, 'if-none-match': headers.etag ?? '' },
      })
      expect([again.code, again.text]).toEqual([304, ''])
      tags.add(headers.etag ?? '')
    }
    expect(tags.size).toBe(2)
  })

  it('has a custom kind as soon as that is defined, in what v2 can say', async () => {
    const before = await ask(api, '/openapi/v2')
    const spec = {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 1, default: 3 },
        note: { type: 'string', nullable: true },
        port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      },
    }
    await define(api, definition('Gadget', { versions: [version({ schema: schemaOf(spec) })] }))
    const { json, headers } = await ask(api, '/openapi/v2')
    expect(headers.etag).not.toBe(before.headers.etag)
    const gvk = { group: 'example.com', version: 'v1', kind: 'Gadget' }
    const found = Object.values<{ 'x-kubernetes-group-version-kind'?: object[]; properties: object }>(
      json.definitions,
    ).find(schema => JSON.stringify(schema['x-kubernetes-group-version-kind']) === JSON.stringify([gvk]))
    expect(found?.properties).toMatchObject({
      metadata: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer', minimum: 1 },
          note: {},
          port: { 'x-kubernetes-int-or-string': true },
        },
      },
    })
    expect(JSON.stringify(found)).not.toMatch(/"(default|nullable|anyOf)"/)
    const { patch } = json.paths['/apis/example.com/v1/namespaces/{namespace}/gadgets/{name}']
    expect(patch['x-kubernetes-group-version-kind']).toEqual(gvk)
  })
})

describe('kubectl 1.32 and kind: List', () => {
  it('creates, applies and applies again what a list holds', async () => {
    expect(await feed(listOf(map('one'), map('two')), 'create')).toBe(
      'configmap/one created\nconfigmap/two created\n',
    )
    const both = listOf(map('three'), deployment)
    expect(await feed(both, 'apply')).toBe('configmap/three created\ndeployment.apps/listed created\n')
    expect(await feed(both, 'apply')).toBe('configmap/three unchanged\ndeployment.apps/listed unchanged\n')
    expect((await ask(api, `${HERE}/configmaps/two`)).json.data).toEqual({ a: '1' })
  })

  it('applies what it got', async () => {
    await feed(map('got', { data: { of: 'mine' } }), 'apply')
    const all = await run('get', 'configmaps', '-o', 'yaml')
    expect(all).toContain('kind: List')
    // Its annotation of what was applied last now holds what the server had added.
    expect(await kubectlOk(api, ['apply', '-f', '-'], all)).toContain('configmap/got configured\n')
    expect((await ask(api, `${HERE}/configmaps/got`)).json.data).toEqual({ of: 'mine' })
  })

  it('refuses a field that a kind does not have, and creates nothing', async () => {
    const list = JSON.stringify(listOf(map('fine'), map('wrong', { dada: {} })))
    for (const verb of ['create', 'apply']) {
      const { code, stderr } = await kubectl(api, [verb, '-f', '-'], list)
      expect(code).toBe(1)
      expect(stderr).toContain('unknown field "dada" in io.k8s.api.core.v1.ConfigMap')
    }
    for (const name of ['fine', 'wrong'])
      expect((await ask(api, `${HERE}/configmaps/${name}`)).code).toBe(404)
  })

  it('knows the fields of custom kinds', async () => {
    const spec = { type: 'object', properties: { size: { type: 'integer' } } }
    await define(api, definition('Gauge', { versions: [version({ schema: schemaOf(spec) })] }))
    await define(api, definition('Anything'))
    const gauge = (name: string, fields: object): object => ({
      apiVersion: 'example.com/v1',
      kind: 'Gauge',
      metadata: { name },
      spec: fields,
    })
    const anything = { apiVersion: 'example.com/v1', kind: 'Anything', metadata: { name: 'a' }, what: [1] }
    expect(await feed(listOf(gauge('a', { size: 1 }), anything), 'create')).toBe(
      'gauge.example.com/a created\nanything.example.com/a created\n',
    )
    const bad = await kubectl(api, ['create', '-f', '-'], JSON.stringify(listOf(gauge('b', { sighs: 1 }))))
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('unknown field "sighs"')])
  })

  it('is not put off by any schema that a custom kind may have', async () => {
    const open = { 'x-kubernetes-preserve-unknown-fields': true }
    const text = { type: 'string' }
    const spec = {
      type: 'object',
      nullable: true,
      properties: {
        list: { type: 'array', nullable: true, items: text },
        openList: { type: 'array', items: { type: 'object', ...open, properties: { a: text } } },
        object: { type: 'object', ...open, properties: { a: { type: 'array', items: text } } },
        embedded: { type: 'object', 'x-kubernetes-embedded-resource': true, ...open },
        whole: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          properties: { spec: { type: 'object' } },
        },
        either: { 'x-kubernetes-int-or-string': true },
        any: { ...open },
        map: { type: 'object', additionalProperties: { type: 'array', nullable: true, items: text } },
        all: { type: 'object', allOf: [{ required: ['a'] }], properties: { a: { ...text, default: 'a' } } },
        choice: { type: 'string', enum: ['a', '\u007f: "\u2028'], default: 'a' },
      },
    }
    const status = { type: 'object', properties: (spec as { properties: object }).properties }
    await define(api, definition('Oddity', { versions: [version({ schema: schemaOf(spec, status) })] }))
    const oddity = {
      apiVersion: 'example.com/v1',
      kind: 'Oddity',
      metadata: { name: 'odd' },
      spec: { list: null, openList: [{ b: 1 }], object: { b: 1 }, either: 5, any: [1], map: { a: null } },
    }
    expect(await feed(listOf(oddity, map('beside')), 'create')).toBe(
      'oddity.example.com/odd created\nconfigmap/beside created\n',
    )
  })

  it('applies a Deployment twice and changes nothing the second time', async () => {
    const single = { ...deployment, metadata: { name: 'single' } }
    expect(await feed(single, 'apply')).toBe('deployment.apps/single created\n')
    const path = '/apis/apps/v1/namespaces/default/deployments/single'
    const { spec } = (await ask(api, path)).json
    expect(await feed(single, 'apply')).toBe('deployment.apps/single unchanged\n')
    expect((await ask(api, path)).json.spec).toEqual(spec)
  })
})
