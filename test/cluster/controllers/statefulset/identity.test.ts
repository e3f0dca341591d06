import { describe, expect, it } from 'vitest'
import { newPod, ordinalOf } from '../../../../src/cluster/controllers/statefulset/identity.ts'
import { claimTemplate, pod, statefulSet, template } from './build.ts'

describe('ordinalOf()', () => {
  it.each([
    ['db-0', 0],
    ['db-12', 12],
    ['db-01', undefined],
    ['db--1', undefined],
    ['db-x', undefined],
    ['db', undefined],
    ['other-db-0', undefined],
    ['db-0-0', undefined],
  ])('of %s is %s', (name, ordinal) => {
    const { metadata, ...rest } = pod('db-0@a')
    expect(ordinalOf(statefulSet(), { ...rest, metadata: { ...metadata, name } })).toBe(ordinal)
  })
})

describe('newPod()', () => {
  it('gives a pod its name, its names in DNS, its labels and its owner', () => {
    const { metadata, spec } = newPod({
      set: statefulSet(),
      ordinal: 2,
      revision: { name: 'db-abc', template: template('db:1') },
    })
    expect(metadata).toMatchObject({
      name: 'db-2',
      namespace: 'shop',
      labels: {
        app: 'db',
        'controller-revision-hash': 'db-abc',
        'statefulset.kubernetes.io/pod-name': 'db-2',
        'apps.kubernetes.io/pod-index': '2',
      },
      ownerReferences: [{ kind: 'StatefulSet', name: 'db', uid: 'set', controller: true }],
    })
    expect(spec).toEqual({ containers: [{ name: 'db', image: 'db:1' }], hostname: 'db-2', subdomain: 'db' })
  })

  it('mounts its own claims, in the place of volumes of the same name', () => {
    const own = [
      { name: 'data', emptyDir: {} },
      { name: 'scratch', emptyDir: {} },
    ]
    const { spec } = newPod({
      set: statefulSet({ volumeClaimTemplates: [claimTemplate('data')] }),
      ordinal: 1,
      revision: { name: 'r', template: { spec: { ...template('db:1').spec, volumes: own } } },
    })
    expect(spec?.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
      { name: 'scratch', emptyDir: {} },
    ])
  })
})
