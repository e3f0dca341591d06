import { describe, expect, it } from 'vitest'
import { inDeletionOrder } from '../../../../src/cluster/controllers/replicaset/deletion-order.ts'
import { type PodFacts, pod } from '../build.ts'

const now = Date.parse('2026-01-02T00:00:00Z')
const ready = { node: 'n1', readySince: '2026-01-01T00:00:00Z' }

describe('inDeletionOrder()', () => {
  it.each<[string, PodFacts, PodFacts]>([
    ['unassigned before assigned', { phase: 'Pending' }, { node: 'n1', phase: 'Pending' }],
    ['pending before running', { node: 'n1', phase: 'Pending' }, { node: 'n1' }],
    ['unknown before running', { node: 'n1', phase: 'Unknown' }, { node: 'n1' }],
    ['not ready before ready', { node: 'n1' }, ready],
    [
      'cheaper before dearer',
      { ...ready, annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } },
      { ...ready, readySince: '2026-01-01T23:59:00Z' },
    ],
    ['on a crowded node before alone', ready, { ...ready, node: 'n2', readySince: '2026-01-01T23:59:00Z' }],
    ['ready shortly before ready for long', { ...ready, readySince: '2026-01-01T23:59:00Z' }, ready],
    ['more restarts before fewer', { ...ready, restarts: 2 }, { ...ready, restarts: 1 }],
    ['younger before older', { ...ready, created: '2026-01-01T23:00:00Z' }, ready],
  ])('puts %s', (_, first, second) => {
    const pods = [pod('second', second), pod('first', first)]
    const others = [pod('other', ready)]
    const order = inDeletionOrder(pods, [...pods, ...others], now)
    expect(order.map(one => one.metadata.name)).toEqual(['first', 'second'])
  })

  it('goes by uid when nothing else tells pods apart', () => {
    const pods = ['c', 'a', 'b'].map(name => pod(name, ready))
    expect(inDeletionOrder(pods, pods, now).map(one => one.metadata.name)).toEqual(['a', 'b', 'c'])
  })
})
