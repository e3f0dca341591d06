import { describe, expect, it } from 'vitest'
import { findMatchingVolume, type MatchOptions, type PersistentVolume } from '../../../src/kube/index.ts'
import { node } from '../../cluster/controllers/build.ts'
import { claim, volume } from '../../cluster/controllers/volumes/build.ts'

const onHost1 = {
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: ['host-1'] }] },
    ],
  },
}

function match(
  wanted: Parameters<typeof claim>[1],
  volumes: readonly PersistentVolume[],
  options: Partial<MatchOptions> = {},
): string | undefined {
  return findMatchingVolume(claim('data', wanted), volumes, { waits: false, ...options })?.metadata.name
}

describe('findMatchingVolume()', () => {
  it('findMatchingVolume() takes the smallest volume that is large enough', () => {
    const sizes = ['500Mi', '5Gi', '2Gi', '1.5Gi'].map((storage, index) =>
      volume(`v${index}`, { capacity: { storage } }),
    )
    expect(match({}, sizes)).toBe('v3')
    expect(match({ resources: { requests: { storage: '6Gi' } } }, sizes)).toBeUndefined()
  })

  it('findMatchingVolume() needs every access mode, and prefers volumes with few of them', () => {
    const many = volume('many', { accessModes: ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'] })
    const two = volume('two', {
      accessModes: ['ReadWriteOnce', 'ReadWriteMany'],
      capacity: { storage: '9Gi' },
    })
    expect(match({ accessModes: ['ReadWriteMany'] }, [many, two, volume('one')])).toBe('two')
    expect(match({ accessModes: ['ReadOnlyMany', 'ReadWriteMany'] }, [two])).toBeUndefined()
  })

  it.each<[string, Parameters<typeof claim>[1], PersistentVolume]>([
    ['another class', { storageClassName: 'slow' }, volume('v', { storageClassName: 'fast' })],
    ['a class, and the claim names none', {}, volume('v', { storageClassName: 'fast' })],
    ['another mode', { volumeMode: 'Block' }, volume('v')],
    ['other labels', { selector: { matchLabels: { disk: 'ssd' } } }, volume('v')],
    ['another claim', {}, volume('v', { claimRef: { namespace: 'default', name: 'other' } })],
    [
      'a claim of the same name that is gone',
      {},
      volume('v', { claimRef: { namespace: 'default', name: 'data', uid: 'earlier' } }),
    ],
    ['been released', {}, volume('v', {}, { phase: 'Released' })],
    ['not been made available yet', {}, volume('v', {}, { phase: 'Pending' })],
    ['begun to end', {}, volume('v', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })],
  ])('findMatchingVolume() passes over a volume that has %s', (_, wanted, candidate) => {
    expect(match(wanted, [candidate])).toBeUndefined()
  })

  it('findMatchingVolume() finds a volume by its labels', () => {
    const labelled = volume('ssd', {}, { metadata: { labels: { disk: 'ssd' } } })
    expect(match({ selector: { matchLabels: { disk: 'ssd' } } }, [volume('a'), labelled])).toBe('ssd')
  })

  it('findMatchingVolume() takes the volume that names the claim before a smaller one, whatever its phase', () => {
    const kept = volume(
      'kept',
      { claimRef: { namespace: 'default', name: 'data' }, capacity: { storage: '9Gi' } },
      { phase: 'Pending' },
    )
    expect(match({}, [volume('small'), kept])).toBe('kept')
  })

  it('findMatchingVolume() leaves volumes to the scheduler when the class waits, but for one that names the claim', () => {
    expect(match({}, [volume('v')], { waits: true })).toBeUndefined()
    const kept = volume('kept', { claimRef: { namespace: 'default', name: 'data' } })
    expect(match({}, [kept], { waits: true })).toBe('kept')
  })

  it('findMatchingVolume() looks at the node affinity only for a node', () => {
    const here = volume('here', { nodeAffinity: onHost1 })
    expect(match({}, [here])).toBe('here')
    expect(match({}, [here], { node: node('host-1'), waits: true })).toBe('here')
    expect(match({}, [here], { node: node('host-2'), waits: true })).toBeUndefined()
  })

  it('findMatchingVolume() gives no volume twice to one pod', () => {
    expect(match({}, [volume('a'), volume('b')], { taken: new Set(['a']) })).toBe('b')
  })
})
