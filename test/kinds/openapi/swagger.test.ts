import { describe, expect, it } from 'vitest'
import { openApiPaths, openApiV2Parts, openApiV3 } from '../../../src/kinds/index.ts'
import { swaggerSchema } from '../../../src/kinds/openapi/swagger-schema.ts'
import { allKinds } from '../../../src/kube/index.ts'
import { wholeOpenApiV2 } from './whole-openapi.ts'

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly consumes?: readonly string[]
  readonly 'x-kubernetes-group-version-kind': object
}

interface Definition {
  readonly type?: string
  readonly properties?: object
  readonly 'x-kubernetes-group-version-kind'?: readonly object[]
}

const { paths, definitions } = wholeOpenApiV2() as {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly definitions: { readonly [name: string]: Definition }
}

describe('openApiV2Parts()', () => {
  it('has every path with every method, and every schema, of the documents of v3', () => {
    const all = openApiPaths().map(
      path => openApiV3(path) as { paths: object; components: { schemas: object } },
    )
    const methods = (of: object): string[] =>
      Object.entries(of).flatMap(([path, item]) =>
        Object.keys(item)
          .filter(key => key !== 'parameters')
          .map(method => `${method} ${path}`),
      )
    expect(methods(paths).sort()).toEqual(all.flatMap(document => methods(document.paths)).sort())
    const names = new Set(all.flatMap(({ components }) => Object.keys(components.schemas)))
    expect(new Set(Object.keys(definitions))).toEqual(names)
  })

  it('divides the document into small parts and tells nothing twice', () => {
    const parts = [...openApiV2Parts()]
    const told = parts.map(part => [...Object.keys(part.paths), ...Object.keys(part.definitions)])
    expect(Math.max(...told.map(some => some.length))).toBeLessThanOrEqual(16)
    const names = told.flat()
    expect(new Set(names).size).toBe(names.length)
  })

  it('names the definition of every kind, once', () => {
    const named = Object.values(definitions).flatMap(
      schema => schema['x-kubernetes-group-version-kind'] ?? [],
    )
    for (const { group, version, kind } of allKinds)
      expect(
        named.filter(gvk => JSON.stringify(gvk) === JSON.stringify({ group, version, kind })),
        `${group}/${version} ${kind}`,
      ).toHaveLength(1)
  })

  it('refers only to definitions that it holds', () => {
    const text = JSON.stringify({ paths, definitions })
    expect(text).not.toContain('#/components/')
    const names = [...text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(([, name]) => name as string)
    expect(names.length).toBeGreaterThan(1000)
    for (const name of new Set(names)) expect(Object.hasOwn(definitions, name), name).toBe(true)
  })

  it('writes bodies and types as parameters', () => {
    const { patch, put } = paths['/api/v1/namespaces/{namespace}/configmaps/{name}'] ?? {}
    expect(patch?.parameters).toEqual([
      { name: 'body', in: 'body', required: true, schema: { type: 'object' } },
      { name: 'dryRun', in: 'query', type: 'string' },
      { name: 'fieldManager', in: 'query', type: 'string' },
      { name: 'fieldValidation', in: 'query', type: 'string' },
      { name: 'force', in: 'query', type: 'boolean' },
    ])
    expect(patch?.consumes).toContain('application/strategic-merge-patch+json')
    expect(patch?.['x-kubernetes-group-version-kind']).toEqual({
      group: '',
      version: 'v1',
      kind: 'ConfigMap',
    })
    expect(put?.parameters?.[0]).toEqual({
      name: 'body',
      in: 'body',
      schema: { $ref: '#/definitions/io.k8s.api.core.v1.ConfigMap' },
    })
  })

  it('keeps how lists are merged', () => {
    expect(definitions['io.k8s.api.core.v1.PodSpec']?.properties).toHaveProperty('containers', {
      description: expect.stringContaining('List of containers'),
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    })
  })

  it('makes texts of quantities and of numbers that may be texts', () => {
    expect(definitions['io.k8s.apimachinery.pkg.api.resource.Quantity']).toEqual({
      description: expect.any(String),
      type: 'string',
    })
    expect(definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toEqual({
      description: expect.any(String),
      type: 'string',
      format: 'int-or-string',
    })
  })
})

describe('swaggerSchema()', () => {
  const text = { type: 'string' }

  it.each([
    [
      'a choice',
      { type: 'object', oneOf: [text], anyOf: [text], not: text, allOf: [text] },
      { type: 'object' },
    ],
    ['a default', { type: 'string', default: 'a', pattern: 'a+' }, { type: 'string', pattern: 'a+' }],
    ['what may be null', { type: 'object', nullable: true, properties: { a: text } }, {}],
    ['a list that may be null', { type: 'array', nullable: true, items: text }, {}],
    [
      'a field that may be null',
      { type: 'object', required: ['a', 'b'], properties: { a: { ...text, nullable: true }, b: text } },
      { type: 'object', required: ['b'], properties: { a: {}, b: text } },
    ],
    [
      'unknown fields',
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: text } },
      { 'x-kubernetes-preserve-unknown-fields': true },
    ],
    ['no fields', { type: 'object', properties: {} }, { type: 'object' }],
    [
      'a reference with something beside it',
      { description: 'What', default: {}, allOf: [{ $ref: '#/components/schemas/a.B' }] },
      { $ref: '#/definitions/a.B', description: 'What' },
    ],
    [
      'maps',
      { type: 'object', additionalProperties: { type: 'array', items: { ...text, default: 'a' } } },
      { type: 'object', additionalProperties: { type: 'array', items: text } },
    ],
    [
      'any fields',
      { type: 'object', additionalProperties: true },
      { type: 'object', additionalProperties: true },
    ],
  ])('writes %s as v2 does', (_, schema, expected) => {
    expect(swaggerSchema(schema)).toEqual(expected)
  })
})
