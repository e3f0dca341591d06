import { describe, expect, it } from 'vitest'
import { replacedPods } from '../../../../src/cluster/controllers/replicaset/replaced-pods.ts'
import { LEAVING_ANNOTATION, type Pod } from '../../../../src/kube/index.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')

/** `l` leaving, `r` ready: `lr` is a ready pod that is leaving. */
function pods(...shapes: readonly string[]): readonly Pod[] {
  return shapes.map((shape, index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${shape}-${index}`,
      ...(shape.includes('l') ? { annotations: { [LEAVING_ANNOTATION]: 'true' } } : {}),
    },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: shape.includes('r') ? 'True' : 'False',
          lastTransitionTime: '2026-01-31T11:59:50Z',
        },
      ],
    },
  }))
}

describe('replacedPods()', () => {
  it.each([
    ['a ready one waits for its replacement', ['lr', 'r', '-'], 2, 0, []],
    ['and goes when that is ready', ['lr', 'r', 'r'], 2, 0, ['lr-0']],
    ['not before it has been ready long enough', ['lr', 'r', 'r'], 2, 30, []],
    ['of several so many as are made up for', ['lr', 'lr', 'r', 'r', '-'], 3, 0, ['lr-0']],
    ['one that is not ready serves nobody', ['l', 'r', '-'], 2, 0, ['l-0']],
    ['nobody leaves', ['r', 'r', 'r'], 2, 0, []],
    ['nothing is wanted any more', ['lr'], 0, 0, ['lr-0']],
  ] as const)('replacedPods(): %s', (_, shapes, replicas, minReadySeconds, names) => {
    const going = replacedPods(pods(...shapes), { replicas, minReadySeconds, now: NOW })
    expect(going.map(({ metadata }) => metadata.name)).toEqual(names)
  })
})
