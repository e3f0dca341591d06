import { describe, expect, it } from 'vitest'
import {
  claimOwners,
  claimsOf,
  isClaimGoing,
} from '../../../../src/cluster/controllers/statefulset/claims.ts'
import type { OwnerReference, PersistentVolumeClaim, StatefulSet } from '../../../../src/kube/index.ts'
import { claimTemplate, pod, statefulSet } from './build.ts'

type Policy = 'Retain' | 'Delete'

function setWith(whenDeleted: Policy, whenScaled: Policy): StatefulSet {
  return statefulSet({
    replicas: 2,
    volumeClaimTemplates: [claimTemplate('data')],
    persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
  })
}

function claim(...ownerReferences: readonly OwnerReference[]): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data-db-0', namespace: 'shop', ownerReferences },
  }
}

const owner = (kind: string, name: string, uid: string, controller = true): OwnerReference => ({
  apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
  kind,
  name,
  uid,
  controller,
  blockOwnerDeletion: true,
})
const SET = owner('StatefulSet', 'db', 'set')
const STAYING = pod('db-0@a')
const LEAVING = pod('db-2@a')
const LEAVING_OWNER = owner('Pod', 'db-2', 'db-2@a')

describe('claimsOf()', () => {
  it('names a claim for its template, its set and its pod, and labels it as both', () => {
    expect(claimsOf(setWith('Retain', 'Retain'), 4)).toEqual([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data-db-4', namespace: 'shop', labels: { tier: 'data', app: 'db' } },
        spec: claimTemplate('data').spec,
      },
    ])
  })
})

describe('claimOwners()', () => {
  it.each<[Policy, Policy, string, typeof STAYING | undefined, readonly OwnerReference[]]>([
    ['Retain', 'Retain', 'stays', STAYING, []],
    ['Retain', 'Retain', 'leaves', LEAVING, []],
    ['Delete', 'Retain', 'stays', STAYING, [SET]],
    ['Delete', 'Retain', 'leaves', LEAVING, [SET]],
    ['Delete', 'Retain', 'is to be made', undefined, [SET]],
    ['Retain', 'Delete', 'stays', STAYING, []],
    ['Retain', 'Delete', 'leaves', LEAVING, [LEAVING_OWNER]],
    ['Delete', 'Delete', 'stays', STAYING, [SET]],
    ['Delete', 'Delete', 'leaves', LEAVING, [LEAVING_OWNER]],
  ])('whenDeleted %s, whenScaled %s, a pod that %s', (whenDeleted, whenScaled, _, of, expected) => {
    const set = setWith(whenDeleted, whenScaled)
    for (const known of [[], [SET], [LEAVING_OWNER]]) {
      // The owner of another pod is that pod's affair.
      if (known.includes(LEAVING_OWNER) && of !== LEAVING) continue
      const owners = claimOwners(set, claim(...known), of) ?? known
      expect(owners).toEqual(expected)
      expect(claimOwners(set, claim(...owners), of)).toBeUndefined()
    }
  })

  it('keeps the owners that others gave, and keeps away from what others control', () => {
    const other = owner('ConfigMap', 'x', 'x', false)
    expect(claimOwners(setWith('Delete', 'Retain'), claim(other), STAYING)).toEqual([other, SET])
    expect(
      claimOwners(setWith('Delete', 'Retain'), claim(owner('Backup', 'x', 'x')), STAYING),
    ).toBeUndefined()
  })

  it('takes the place of a former set of the same name', () => {
    const former = owner('StatefulSet', 'db', 'former')
    expect(claimOwners(setWith('Delete', 'Retain'), claim(former), STAYING)).toEqual([SET])
  })
})

describe('isClaimGoing()', () => {
  it.each<[string, Policy, PersistentVolumeClaim, boolean]>([
    ['a free one', 'Delete', claim(), false],
    ['one of the set', 'Delete', claim(SET), false],
    ['one of a pod that was scaled away', 'Delete', claim(LEAVING_OWNER), true],
    ['one of a pod, where claims are kept', 'Retain', claim(LEAVING_OWNER), false],
    [
      'one that is being deleted',
      'Retain',
      { ...claim(), metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
      true,
    ],
  ])('%s (whenScaled %s)', (_, whenScaled, of, expected) => {
    expect(isClaimGoing(setWith('Retain', whenScaled), of)).toBe(expected)
  })
})
