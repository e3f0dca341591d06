import { describe, expect, it } from 'vitest'
import { equalValues } from '../../src/kinds/equality.ts'
import { definition } from '../../src/kinds/schema/schema.ts'
import type { KubeObject } from '../../src/kube/object.ts'

const pods = definition('io.k8s.api.core.v1.Pod')

describe('equalValues()', () => {
  it.each([
    ['quantities by amount', limits({ cpu: '1000m' }), limits({ cpu: '1' }), true],
    ['quantities written as numbers', limits({ cpu: 0.5 }), limits({ cpu: '500m' }), true],
    ['different quantities', limits({ memory: '1G' }), limits({ memory: '1Gi' }), false],
    [
      'key order',
      { spec: { nodeName: 'a', hostname: 'b' } },
      { spec: { hostname: 'b', nodeName: 'a' } },
      true,
    ],
    ['an empty list and none', { spec: { tolerations: [] } }, { spec: {} }, true],
    ['an empty map and none', { metadata: { name: 'p', labels: {} } }, {}, true],
    ['null and none', { spec: { nodeName: null } }, { spec: {} }, true],
    ['a zero that is not stored and none', { spec: { hostNetwork: false } }, { spec: {} }, true],
    ['a zero that is stored and none', { spec: { priority: 0 } }, { spec: {} }, false],
    ['a default and none', port({ protocol: 'TCP' }), port({}), true],
    ['a struct of defaults and none', { spec: { securityContext: {} } }, { spec: {} }, true],
    ['another value than the default and none', port({ protocol: 'UDP' }), port({}), false],
    ['an empty struct and none', volume({ emptyDir: {} }), volume({}), false],
    ['the order of a list', args('a', 'b'), args('b', 'a'), false],
    ['a text and a number', { spec: { priority: 1 } }, { spec: { priority: '1' } }, false],
    ['unknown fields', { spec: { unknown: [1, { a: 1 }] } }, { spec: { unknown: [1, { a: 1 }] } }, true],
  ])('compares %s', (_, a, b, equal) => {
    expect(equalValues(pods, pod(a), pod(b))).toBe(equal)
    expect(equalValues(pods, pod(b), pod(a))).toBe(equal)
  })
})

function pod(parts: object): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, ...parts }
}

function limits(limits: object): object {
  return { spec: { containers: [{ name: 'c', resources: { limits } }] } }
}

function volume(source: object): object {
  return { spec: { volumes: [{ name: 'v', ...source }] } }
}

function port(fields: object): object {
  return { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, ...fields }] }] } }
}

function args(...args: string[]): object {
  return { spec: { containers: [{ name: 'c', args }] } }
}
