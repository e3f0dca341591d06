import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/kube/index.ts'
import { stampOf } from '../../../src/pipeline/live/stamp.ts'

const metadata = {
  name: 'web',
  uid: 'u-1',
  generation: 3,
  resourceVersion: '10',
  labels: { a: '1', b: '2' },
  annotations: { note: 'x' },
}
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata } as KubeObject
const changed = (change: object): string =>
  stampOf({ ...deployment, metadata: { ...metadata, ...change } } as KubeObject)

describe('stampOf()', () => {
  it('stays the same over a status update and another order of labels', () => {
    expect(changed({ resourceVersion: '11', labels: { b: '2', a: '1' } })).toBe(stampOf(deployment))
  })

  it('differs with everything that Git or a deletion may be about', () => {
    const changes = [
      { uid: 'u-2' },
      { generation: 4 },
      { labels: { a: '1' } },
      { annotations: { note: 'y' } },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
      { finalizers: ['x'] },
      { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u-3' }] },
    ]
    const stamps = [stampOf(deployment), ...changes.map(changed)]
    expect(new Set(stamps).size).toBe(stamps.length)
  })

  it('is the version of an object without a generation', () => {
    expect(changed({ generation: undefined })).toBe('10')
    expect(changed({ generation: undefined, resourceVersion: '11' })).toBe('11')
  })
})
