import { describe, expect, it } from 'vitest'
import { openApiIndex, openApiPaths, openApiV3 } from '../../../src/kinds/index.ts'

interface Operation {
  readonly parameters?: readonly { readonly name: string }[]
  readonly requestBody?: { readonly content: object }
  readonly 'x-kubernetes-group-version-kind': object
}

interface Document {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components: { readonly schemas: { readonly [name: string]: { readonly properties?: object } } }
}

interface Described {
  readonly description?: string
  readonly allOf?: readonly { readonly $ref: string }[]
  readonly properties?: { readonly [field: string]: Described }
}

function documentOf(path: string): Document {
  return openApiV3(path) as Document
}

describe('openApiV3()', () => {
  it('says in every PATCH what kubectl asks before it applies', () => {
    for (const path of openApiPaths()) {
      for (const [url, methods] of Object.entries(documentOf(path).paths)) {
        const { patch } = methods
        if (patch === undefined) continue
        expect(
          patch.parameters?.map(({ name }) => name),
          url,
        ).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force'])
        expect(Object.keys(patch.requestBody?.content ?? {}), url).toEqual([
          'application/apply-patch+yaml',
          'application/json-patch+json',
          'application/merge-patch+json',
          'application/strategic-merge-patch+json',
        ])
      }
    }
  })

  it('refers only to schemas that the document holds', () => {
    for (const path of openApiPaths()) {
      const text = JSON.stringify(openApiV3(path))
      const { schemas } = documentOf(path).components
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
        expect(Object.hasOwn(schemas, name as string), `${path}: ${name}`).toBe(true)
    }
  })

  it('offers the paths of the resources, their subresources and no others', () => {
    const { paths } = documentOf('apis/apps/v1')
    const base = '/apis/apps/v1/namespaces/{namespace}/deployments'
    expect(Object.keys(paths).filter(path => path.includes('deployments'))).toEqual([
      base,
      `${base}/{name}`,
      '/apis/apps/v1/deployments',
      `${base}/{name}/scale`,
      `${base}/{name}/status`,
    ])
    expect(Object.keys(paths[`${base}/{name}`] ?? {})).toEqual([
      'get',
      'put',
      'patch',
      'delete',
      'parameters',
    ])
    expect(paths[`${base}/{name}/scale`]?.patch?.['x-kubernetes-group-version-kind']).toEqual({
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
    })
    const records = documentOf('apis/bowline.dev/v1alpha1').paths['/apis/bowline.dev/v1alpha1/records/{name}']
    expect(Object.keys(records ?? {})).toEqual(['get', 'parameters'])
  })

  it('carries the merge keys of lists', () => {
    const { schemas } = documentOf('api/v1').components
    expect(schemas['io.k8s.api.core.v1.PodSpec']?.properties).toHaveProperty('containers', {
      description: expect.stringContaining('List of containers'),
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    })
  })

  it('says of a field what it is for, once, beside what its type is', () => {
    for (const path of openApiPaths()) {
      const schemas = documentOf(path).components.schemas as { readonly [name: string]: Described }
      for (const [name, { properties = {} }] of Object.entries(schemas))
        for (const [field, { description, allOf: [type] = [] }] of Object.entries(properties)) {
          if (type === undefined) continue
          const ofType = schemas[type.$ref.split('/').at(-1) as string]?.description
          expect(description, `${name}.${field}`).not.toBe(ofType)
          expect(description, `${name}.${field}`).not.toMatch(/^IntOrString is/)
        }
    }
  })

  it.each(['', 'api', 'api/v2', 'apis/apps', 'apis/apps/v1/pods', '../api/v1'])(
    'has no document at "%s"',
    path => {
      expect(openApiV3(path)).toBeUndefined()
    },
  )
})

describe('openApiIndex()', () => {
  it('names every document with the hash it is given', () => {
    expect(openApiIndex(path => path.toUpperCase())).toMatchObject({
      paths: {
        'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=API%2FV1' },
        'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=APIS%2FAPPS%2FV1' },
      },
    })
  })
})
