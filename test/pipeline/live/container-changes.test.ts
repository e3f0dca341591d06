import { describe, expect, it } from 'vitest'
import type { ContainerStatus, Pod } from '../../../src/kube/index.ts'
import { containerChanges } from '../../../src/pipeline/live/container-changes.ts'

const START = '2026-01-01T00:00:00Z'
const END = '2026-01-01T00:01:00Z'
const running = (id: string) => ({ containerID: id, state: { running: { startedAt: START } } })
const waiting = (id: string) => ({ containerID: id, state: { waiting: { reason: 'CrashLoopBackOff' } } })
const ended = (id: string, exitCode: number, reason: string) => ({
  terminated: { containerID: id, exitCode, reason, finishedAt: END },
})

describe('containerChanges()', () => {
  const place = { node: 'host-1', pod: 'shop/web-1', container: 'web' }

  it.each<[string, Partial<ContainerStatus> | undefined, Partial<ContainerStatus> | undefined, unknown[]]>([
    ['a start', waiting(''), running('a'), [{ ...place, action: 'started', at: START }]],
    ['nothing, when only readiness changes', running('a'), { ...running('a'), ready: true }, []],
    [
      'a crash',
      running('a'),
      { ...waiting('a'), lastState: ended('a', 1, 'Error') },
      [{ ...place, action: 'stopped', reason: 'Error (exit 1)', at: END }],
    ],
    [
      'a restart that was reported in one go',
      running('a'),
      { ...running('b'), lastState: ended('a', 137, 'OOMKilled') },
      [
        { ...place, action: 'stopped', reason: 'OOMKilled (exit 137)', at: END },
        { ...place, action: 'started', at: START },
      ],
    ],
    [
      'an end that was meant',
      running('a'),
      { containerID: 'a', state: ended('a', 0, 'Completed') },
      [{ ...place, action: 'stopped', reason: 'Completed', at: END }],
    ],
    ['the stop of a pod that is gone', running('a'), undefined, [{ ...place, action: 'stopped' }]],
    [
      'nothing, when a pod that ended goes',
      { containerID: 'a', state: ended('a', 0, 'Completed') },
      undefined,
      [],
    ],
  ])('tells %s', (_what, before, after, changes) => {
    expect(containerChanges(before && pod(before), after && pod(after))).toEqual(changes)
  })
})

function pod(status: Partial<ContainerStatus>): Pod {
  const base = { name: 'web', image: 'web', imageID: '', ready: false, restartCount: 0 }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop' },
    spec: { nodeName: 'host-1', containers: [] },
    status: { containerStatuses: [{ ...base, ...status }] },
  }
}
