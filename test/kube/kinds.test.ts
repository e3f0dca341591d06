import { describe, expect, it } from 'vitest'
import { allKinds, findKind, findResource, Kinds } from '../../src/kube/index.ts'

describe('findKind() and findResource()', () => {
  it('find every served kind and nothing else', () => {
    for (const kind of allKinds) {
      const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
      expect(findKind(apiVersion, kind.kind)).toBe(kind)
      expect(findResource(kind.group, kind.version, kind.plural)).toBe(kind)
    }
    expect(allKinds).toHaveLength(Object.keys(Kinds).length)
    expect(findKind('apps/v1', 'Pod')).toBeUndefined()
    expect(findResource('', 'v1', 'deployments')).toBeUndefined()
  })
})
