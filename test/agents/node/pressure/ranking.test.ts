import { describe, expect, it } from 'vitest'
import {
  evictionMessage,
  type PodUsage,
  rankForEviction,
} from '../../../../src/agents/node/pressure/ranking.ts'
import { pod } from '../../support/pod-view.ts'

const MI = 2 ** 20

interface Shape {
  readonly memory?: number
  readonly disk?: number
  readonly request?: string
  readonly diskRequest?: string
  readonly priority?: number
}

function usage(name: string, { memory = 0, disk = 0, request, diskRequest, priority }: Shape): PodUsage {
  const requests = {
    ...(request === undefined ? {} : { memory: request }),
    ...(diskRequest === undefined ? {} : { 'ephemeral-storage': diskRequest }),
  }
  return {
    pod: pod(
      {
        containers: [{ name: 'app', image: 'app:1', resources: { requests } }],
        ...(priority === undefined ? {} : { priority }),
      },
      { metadata: { name } },
    ),
    memoryBytes: memory * MI,
    diskBytes: disk * MI,
    containers: [{ name: 'app', memoryBytes: memory * MI }],
  }
}

const order = (pods: readonly PodUsage[], resource: 'memory' | 'ephemeral-storage') =>
  rankForEviction(pods, resource).map(({ pod }) => pod.metadata.name)

describe('rankForEviction()', () => {
  it('rankForEviction() takes those beyond their request first, then by priority, then by the excess', () => {
    const pods = [
      usage('within', { memory: 500, request: '1Gi', priority: -5 }),
      usage('important', { memory: 900, request: '100Mi', priority: 10 }),
      usage('little', { memory: 110, request: '100Mi' }),
      usage('much', { memory: 400, request: '100Mi' }),
      usage('besteffort', { memory: 350 }),
    ]
    const expected = ['besteffort', 'much', 'little', 'important', 'within']
    expect(order(pods, 'memory')).toEqual(expected)
    expect(order(pods.toReversed(), 'memory')).toEqual(expected)
  })

  it('rankForEviction() goes by disk when the disk is short, and never takes what is critical', () => {
    const pods = [
      usage('small', { disk: 1, memory: 900 }),
      usage('asked', { disk: 800, diskRequest: '1Gi' }),
      usage('large', { disk: 500 }),
      usage('critical', { disk: 5000, priority: 2_000_001_000 }),
    ]
    expect(order(pods, 'ephemeral-storage')).toEqual(['large', 'small', 'asked'])
  })
})

describe('evictionMessage()', () => {
  it("evictionMessage() says it in upstream's words", () => {
    expect(
      evictionMessage(usage('a', { memory: 200, request: '100Mi' }), {
        signal: 'memory.available',
        resource: 'memory',
        threshold: 100 * MI,
        available: 50 * MI,
      }),
    ).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container app was using 200Mi, request is 100Mi, has larger consumption of memory. ',
    )
    expect(
      evictionMessage(usage('a', { disk: 200 }), {
        signal: 'nodefs.inodesFree',
        resource: 'inodes',
        threshold: 50,
        available: 7,
      }),
    ).toBe('The node was low on resource: inodes. Threshold quantity: 50, available: 7. ')
  })
})
