import { describe, expect, it } from 'vitest'
import { replacementDelayMs } from '../../../../src/cluster/controllers/replicaset/replacement-delay.ts'
import type { Pod } from '../../../../src/kube/index.ts'

const T0 = Date.parse('2026-01-01T00:00:00Z')

describe('replacementDelayMs()', () => {
  it('is nothing while no pod has failed', () => {
    expect(replacementDelayMs([], T0)).toBe(0)
    expect(replacementDelayMs([pod('Running', T0), pod('Pending', T0)], T0)).toBe(0)
  })

  it.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [6, 300_000],
    [100, 300_000],
  ])('after %i failed pods is %i ms from the newest one', (count, delay) => {
    const failed = Array.from({ length: count }, () => pod('Failed', T0))
    expect(replacementDelayMs(failed, T0)).toBe(delay)
    expect(replacementDelayMs(failed, T0 + delay)).toBe(0)
  })

  it('does not count failed pods that are on their way out', () => {
    const leaving = pod('Failed', T0)
    const metadata = { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
    expect(replacementDelayMs([{ ...leaving, metadata }], T0)).toBe(0)
  })
})

function pod(phase: 'Failed' | 'Pending' | 'Running', createdAt: number): Pod {
  const creationTimestamp = new Date(createdAt).toISOString().replace('.000', '')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop', creationTimestamp },
    spec: { containers: [] },
    status: { phase },
  }
}
