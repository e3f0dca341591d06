import { describe, expect, it } from 'vitest'
import { definitionOf } from '../../../src/kinds/definitions/definitions.ts'
import { definition, resolveSchema, type Schema } from '../../../src/kinds/schema/schema.ts'
import { definitions } from '../../../src/kube/generated/schemas.ts'
import { allKinds } from '../../../src/kube/kinds.ts'

const all = Object.entries(definitions() as { readonly [name: string]: Schema })
const lists = all.flatMap(([name, schema]) =>
  Object.entries(schema.properties ?? {})
    .filter(([, property]) => property.type === 'array')
    .map(([field, property]) => [`${name}.${field}`, property] as const),
)

describe('overlay', () => {
  it('gives every list a list type, so that applying it is never a guess', () => {
    const unmarked = lists.filter(([, list]) => list['x-kubernetes-list-type'] === undefined)
    expect(unmarked.map(([path]) => path)).toEqual([])
  })

  it('names only keys that the items of a list of type map have', () => {
    for (const [path, list] of lists) {
      if (list['x-kubernetes-list-type'] !== 'map') continue
      const keys = list['x-kubernetes-list-map-keys'] ?? []
      const fields = Object.keys(resolveSchema(list.items ?? {}).properties ?? {})
      expect(keys.length, path).toBeGreaterThan(0)
      expect(fields, path).toEqual(expect.arrayContaining([...keys]))
    }
  })

  it('makes every map key of an item required or gives it a default', () => {
    for (const [path, list] of lists) {
      const { properties = {}, required = [] } = resolveSchema(list.items ?? {})
      for (const key of list['x-kubernetes-list-map-keys'] ?? []) {
        const isKnown = required.includes(key) || properties[key]?.default !== undefined
        // kubernetes lets references without a name exist, and lists of them merge by the empty name.
        const mayBeEmpty = resolveSchema(list.items ?? {})['x-kubernetes-map-type'] === 'atomic'
        // kubernetes leaves the type of these conditions optional.
        const isFlowControl = path.startsWith('io.k8s.api.flowcontrol.v1.') && key === 'type'
        expect(isKnown || mayBeEmpty || isFlowControl, `${path} by ${key}`).toBe(true)
      }
    }
  })

  it('names a merge key that the items have wherever strategic patches merge lists of objects', () => {
    for (const [path, list] of lists) {
      const mergeKey = list['x-kubernetes-patch-merge-key']
      const fields = Object.keys(resolveSchema(list.items ?? {}).properties ?? {})
      if (list['x-kubernetes-patch-strategy']?.includes('merge') && fields.length > 0)
        expect(fields, path).toContain(mergeKey)
    }
  })

  // From the v1.32 API: how strategic merge and server-side apply see the lists that people write.
  it.each([
    ['core.v1.PodSpec', 'containers', 'map', ['name'], 'merge', 'name'],
    ['core.v1.PodSpec', 'volumes', 'map', ['name'], 'merge,retainKeys', 'name'],
    ['core.v1.PodSpec', 'tolerations', 'atomic', undefined, undefined, undefined],
    ['core.v1.PodSpec', 'imagePullSecrets', 'map', ['name'], 'merge', 'name'],
    [
      'core.v1.PodSpec',
      'topologySpreadConstraints',
      'map',
      ['topologyKey', 'whenUnsatisfiable'],
      'merge',
      'topologyKey',
    ],
    ['core.v1.Container', 'ports', 'map', ['containerPort', 'protocol'], 'merge', 'containerPort'],
    ['core.v1.Container', 'env', 'map', ['name'], 'merge', 'name'],
    ['core.v1.Container', 'volumeMounts', 'map', ['mountPath'], 'merge', 'mountPath'],
    ['core.v1.Container', 'args', 'atomic', undefined, undefined, undefined],
    ['core.v1.NodeSpec', 'taints', 'atomic', undefined, undefined, undefined],
    ['core.v1.ServiceAccount', 'secrets', 'map', ['name'], 'merge', 'name'],
    ['apps.v1.DeploymentStatus', 'conditions', 'map', ['type'], 'merge', 'type'],
    ['certificates.v1.CertificateSigningRequestStatus', 'conditions', 'map', ['type'], undefined, undefined],
  ])('marks %s.%s as upstream does', (name, field, type, keys, strategy, mergeKey) => {
    const list = definition(`io.k8s.api.${name}`).properties?.[field]
    expect(list?.['x-kubernetes-list-type']).toBe(type)
    expect(list?.['x-kubernetes-list-map-keys']).toEqual(keys)
    expect(list?.['x-kubernetes-patch-strategy']).toBe(strategy)
    expect(list?.['x-kubernetes-patch-merge-key']).toBe(mergeKey)
  })

  it('marks a Deployment strategy to drop the fields of another strategy', () => {
    const { properties = {} } = definition('io.k8s.api.apps.v1.DeploymentSpec')
    expect(resolveSchema(properties.strategy ?? {})['x-kubernetes-patch-strategy']).toBe('retainKeys')
  })

  it('marks the definition of every served kind with its group, version and kind', () => {
    for (const kind of allKinds) {
      const schema = definition(definitionOf(kind).definition)
      const { group, version } = kind
      expect(schema['x-kubernetes-group-version-kind'], kind.kind).toEqual([
        { group, version, kind: kind.kind },
      ])
    }
  })
})

describe('resolveSchema()', () => {
  it('lets keywords beside a reference win and answers with the same object each time', () => {
    const { properties = {} } = definition('io.k8s.api.apps.v1.DeploymentSpec')
    const first = resolveSchema(properties.strategy ?? {})
    expect(first.default).toEqual({})
    expect(Object.keys(first.properties ?? {})).toEqual(['rollingUpdate', 'type'])
    expect(resolveSchema(properties.strategy ?? {})).toBe(first)
  })

  it('finds every reference that any definition makes', () => {
    function visit(schema: Schema): void {
      const resolved = resolveSchema(schema)
      for (const child of [resolved.items, resolved.additionalProperties])
        if (child !== undefined) resolveSchema(child)
    }
    for (const [, schema] of all)
      for (const property of Object.values(schema.properties ?? {})) visit(property)
  })
})

describe('definition()', () => {
  it('throws for a name that is no definition', () => {
    expect(() => definition('io.k8s.api.core.v1.Nothing')).toThrow(RangeError)
    expect(() => definition('constructor')).toThrow(RangeError)
  })
})
