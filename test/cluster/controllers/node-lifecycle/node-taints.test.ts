import { describe, expect, it } from 'vitest'
import { EvictionRate } from '../../../../src/cluster/controllers/node-lifecycle/eviction-rate.ts'
import { evictionTime } from '../../../../src/cluster/controllers/node-lifecycle/eviction-time.ts'
import { nextTaints } from '../../../../src/cluster/controllers/node-lifecycle/node-taints.ts'
import type { Node, Taint, Toleration } from '../../../../src/kube/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { type NodeFacts, node, pod } from '../build.ts'

const now = Date.parse('2026-01-02T00:00:00Z')
const describeTaints = (taints: readonly Taint[]) =>
  taints.map(taint => `${taint.key}:${taint.effect}`).sort()

describe('nextTaints()', () => {
  const foreign: Taint = { key: 'gpu', effect: 'NoSchedule' }
  const unreachable = (effect: Taint['effect']): Taint => ({ key: 'node.kubernetes.io/unreachable', effect })

  it.each<[string, NodeFacts, boolean, readonly string[]]>([
    ['none of a ready node', {}, false, []],
    ['not-ready', { ready: 'False' }, false, ['node.kubernetes.io/not-ready:NoSchedule']],
    ['unreachable', { ready: 'Unknown' }, false, ['node.kubernetes.io/unreachable:NoSchedule']],
    [
      'both effects when pods are to go',
      { ready: 'Unknown' },
      true,
      ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule'],
    ],
    ['unschedulable', { unschedulable: true }, false, ['node.kubernetes.io/unschedulable:NoSchedule']],
    ['what others set stays', { taints: [foreign] }, false, ['gpu:NoSchedule']],
    [
      'all of its own go when the node is back',
      { taints: [foreign, unreachable('NoSchedule'), unreachable('NoExecute')] },
      false,
      ['gpu:NoSchedule'],
    ],
    [
      'one replaces the other',
      { ready: 'False', taints: [unreachable('NoSchedule'), unreachable('NoExecute')] },
      true,
      ['node.kubernetes.io/not-ready:NoExecute', 'node.kubernetes.io/not-ready:NoSchedule'],
    ],
  ])('gives %s', (_, facts, evict, expected) => {
    const taints = nextTaints(node('n1', facts), evict, now) ?? facts.taints ?? []
    expect(describeTaints(taints)).toEqual(expected)
  })

  it('is settled after one step', () => {
    const lost = node('n1', { ready: 'Unknown' })
    const taints = nextTaints(lost, true, now) ?? []
    const tainted: Node = { ...lost, spec: { taints } }
    expect(taints).toHaveLength(2)
    expect(nextTaints(tainted, true, now + 60_000)).toBeUndefined()
  })
})

describe('EvictionRate', () => {
  const ready = (count: number, facts: NodeFacts = {}, prefix = 'r') =>
    Array.from({ length: count }, (_, index) => node(`${prefix}${index}`, facts))
  const lost = (count: number, facts: NodeFacts = {}, prefix = 'l') =>
    ready(count, { ...facts, ready: 'Unknown' }, prefix)

  it('lets one node in ten seconds begin', async () => {
    const clock = new FakeClock()
    const rate = new EvictionRate(clock)
    const [first, second, ...others] = [...lost(2), ...ready(8)]
    const nodes = [first!, second!, ...others]
    expect(rate.waitMs(first!, nodes)).toBe(0)
    expect(rate.waitMs(second!, nodes)).toBe(10_000)
    await clock.advance(10_000)
    expect(rate.waitMs(second!, nodes)).toBe(0)
  })

  it('counts each zone for itself', () => {
    const rate = new EvictionRate(new FakeClock())
    const zone = (name: string) => ({ labels: { 'topology.kubernetes.io/zone': name } })
    const [a] = lost(1, zone('a'), 'a')
    const [b] = lost(1, zone('b'), 'b')
    const nodes = [a!, b!, ...ready(1)]
    expect([rate.waitMs(a!, nodes), rate.waitMs(b!, nodes)]).toEqual([0, 0])
  })

  it('evicts nothing while most of a small zone is lost, and slowly in a large one', async () => {
    const clock = new FakeClock()
    const rate = new EvictionRate(clock)
    const small = [...lost(6), ...ready(4)]
    expect(rate.waitMs(small[0]!, small)).toBeUndefined()
    const large = [...lost(40), ...ready(20)]
    expect([rate.waitMs(large[0]!, large), rate.waitMs(large[1]!, large)]).toEqual([0, 100_000])
  })

  it('evicts nothing when no node at all is ready', () => {
    const rate = new EvictionRate(new FakeClock())
    const nodes = lost(2)
    expect(rate.waitMs(nodes[0]!, nodes)).toBeUndefined()
  })

  it('two lost nodes of three are no disruption', () => {
    const nodes = [...lost(2), ...ready(1)]
    expect(new EvictionRate(new FakeClock()).waitMs(nodes[0]!, nodes)).toBe(0)
  })
})

describe('evictionTime()', () => {
  const taint: Taint = {
    key: 'node.kubernetes.io/unreachable',
    effect: 'NoExecute',
    timeAdded: '2026-01-02T00:00:00Z',
  }
  const tolerating = (tolerations: readonly Toleration[], created = '2026-01-01T00:00:00Z') =>
    pod('p', { created, spec: { tolerations } })
  const exists: Toleration = { key: taint.key, operator: 'Exists', effect: 'NoExecute' }

  it.each<[string, readonly Toleration[], number | undefined]>([
    ['at once without a toleration', [], 0],
    ['never with one without a time', [exists], undefined],
    ['after its time', [{ ...exists, tolerationSeconds: 300 }], 300_000],
    [
      'after the shortest of several',
      [
        { ...exists, tolerationSeconds: 300 },
        { ...exists, tolerationSeconds: 60 },
      ],
      60_000,
    ],
    ['at once for a negative time', [{ ...exists, tolerationSeconds: -1 }], 0],
    ['at once when only another taint is tolerated', [{ ...exists, key: 'other' }], 0],
  ])('is %s', (_, tolerations, after) => {
    expect(evictionTime(tolerating(tolerations), [taint], now)).toBe(
      after === undefined ? undefined : now + after,
    )
  })

  it('counts from the pod when the taint is older, and is never without taints', () => {
    const late = tolerating([{ ...exists, tolerationSeconds: 10 }], '2026-01-02T01:00:00Z')
    expect(evictionTime(late, [taint], now)).toBe(Date.parse('2026-01-02T01:00:10Z'))
    expect(evictionTime(late, [], now)).toBeUndefined()
  })
})
