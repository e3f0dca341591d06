import { describe, expect, it } from 'vitest'
import { nodeNews } from '../../../../src/cluster/controllers/node-lifecycle/node-news.ts'
import type { Node } from '../../../../src/kube/index.ts'
import { node } from '../build.ts'

const ready = node('n1', { ready: 'True' })
const failed = node('n1', { ready: 'False' })
const silent = node('n1', { ready: 'Unknown' })
const cordoned = node('n1', { ready: 'True', unschedulable: true })

describe('nodeNews()', () => {
  it.each<[string, Node | undefined, Node | undefined, readonly string[]]>([
    ['is known', undefined, ready, ['RegisteredNode Node n1 event: Registered Node n1 in Controller']],
    ['is gone', ready, undefined, ['RemovingNode Node n1 event: Removing Node n1 from Controller']],
    ['beats', ready, ready, []],
    ['fails', ready, failed, ['NodeNotReady Node n1 status is now: NodeNotReady']],
    ['falls silent, which the controller tells', ready, silent, []],
    ['stays away', silent, failed, []],
    ['returns', silent, ready, ['NodeReady Node n1 status is now: NodeReady']],
    ['is cordoned', ready, cordoned, ['NodeNotSchedulable Node n1 status is now: NodeNotSchedulable']],
    [
      'returns and takes pods again',
      { ...cordoned, status: failed.status ?? {} },
      ready,
      [
        'NodeReady Node n1 status is now: NodeReady',
        'NodeSchedulable Node n1 status is now: NodeSchedulable',
      ],
    ],
  ])('tells of a node that %s', (_, previous, current, expected) => {
    expect(nodeNews(previous, current).map(({ reason, message }) => `${reason} ${message}`)).toEqual(expected)
  })
})
