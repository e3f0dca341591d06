import { describe, expect, it } from 'vitest'
import { FILTERS } from '../../../src/cluster/scheduler/filters.ts'
import {
  explainRefusals,
  NodeState,
  pickNode,
  podFacts,
  spreadingProfile,
} from '../../../src/cluster/scheduler/index.ts'
import { relationFilter } from '../../../src/cluster/scheduler/relation-filter.ts'
import type { Node, Pod, PodAffinityTerm, TopologySpreadConstraint } from '../../../src/kube/index.ts'
import { node } from '../controllers/build.ts'

type Labels = { readonly [key: string]: string }

interface Parts {
  readonly at?: string
  readonly labels?: Labels
  readonly namespace?: string
  readonly with?: readonly PodAffinityTerm[]
  readonly without?: readonly PodAffinityTerm[]
  readonly spread?: readonly Partial<TopologySpreadConstraint>[]
  readonly spec?: object
  readonly ending?: boolean
}

let made = 0

function pod({
  at,
  labels = { app: 'db' },
  namespace = 'shop',
  with: wanted,
  without,
  spread,
  ending,
  ...rest
}: Parts = {}): Pod {
  made += 1
  const required = (terms: readonly PodAffinityTerm[]) => ({
    requiredDuringSchedulingIgnoredDuringExecution: terms,
  })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${made}`,
      uid: `p${made}`,
      namespace,
      labels,
      ...(ending && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      containers: [{ name: 'c', image: 'i' }],
      ...(at === undefined ? {} : { nodeName: at }),
      affinity: {
        ...(wanted && { podAffinity: required(wanted) }),
        ...(without && { podAntiAffinity: required(without) }),
      },
      ...(spread && {
        topologySpreadConstraints: spread.map(rule => ({
          ...{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule' as const },
          labelSelector: { matchLabels: { app: 'db' } },
          ...rule,
        })),
      }),
      ...rest.spec,
    },
  }
}

const HOST = 'kubernetes.io/hostname'
const ZONE = 'topology.kubernetes.io/zone'

const host = (name: string, zone?: string, labels: Labels = {}): Node =>
  node(name, { labels: { [HOST]: name, ...(zone === undefined ? {} : { [ZONE]: zone }), ...labels } })

const term = (parts: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: HOST,
  labelSelector: { matchLabels: { app: 'db' } },
  ...parts,
})

function pick(
  wanted: Pod,
  nodes: readonly Node[],
  pods: readonly Pod[],
  namespaces: { readonly [name: string]: Labels } = {},
): string {
  const states = nodes.map(one => {
    const state = new NodeState(one.metadata.name ?? '')
    state.node = one
    return state
  })
  for (const one of pods) states.find(({ name }) => name === one.spec?.nodeName)?.add(podFacts(one))
  const facts = podFacts(wanted)
  const world = { states: () => states, namespaceLabels: (name: string) => namespaces[name] }
  const choice = pickNode(facts, states, spreadingProfile, [...FILTERS, relationFilter(facts, world)])
  return choice.node ?? explainRefusals(choice.refusals)
}

const refusal = (count: number, reason: string) => `0/${count} nodes are available: ${count} ${reason}.`
const ANTI = "node(s) didn't match pod anti-affinity rules"
const EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
const AFFINITY = "node(s) didn't match pod affinity rules"
const SPREAD = "node(s) didn't match pod topology spread constraints"

describe('relationFilter(): pods that keep apart', () => {
  it.each<[string, Pod, readonly Pod[], string]>([
    ['go where none of them is', pod({ without: [term()] }), [pod({ at: 'a' })], 'b'],
    [
      'wait where there is no such host',
      pod({ without: [term()] }),
      [pod({ at: 'a' }), pod({ at: 'b' })],
      refusal(2, ANTI),
    ],
    [
      'wait where all hosts are one place',
      pod({ without: [term({ topologyKey: ZONE })] }),
      [pod({ at: 'a' })],
      refusal(2, ANTI),
    ],
    ['are kept away by those that are there', pod(), [pod({ at: 'a', without: [term()] })], 'b'],
    [
      'are kept away from everywhere',
      pod(),
      [pod({ at: 'a', without: [term({ topologyKey: ZONE })] })],
      refusal(2, EXISTING),
    ],
    [
      'mean pods of their namespace',
      pod({ without: [term()] }),
      [pod({ at: 'a' }), pod({ at: 'b', namespace: 'other' })],
      'b',
    ],
    [
      'mean pods of namespaces that they name',
      pod({ without: [term({ namespaces: ['other'] })] }),
      [pod({ at: 'a' }), pod({ at: 'b', namespace: 'other' })],
      'a',
    ],
    [
      'mean pods of namespaces with such labels',
      pod({ without: [term({ namespaceSelector: { matchLabels: { team: 'x' } } })] }),
      [pod({ at: 'a' }), pod({ at: 'b', namespace: 'other' })],
      'a',
    ],
    [
      'mean pods of all namespaces',
      pod({ without: [term({ namespaceSelector: {} })] }),
      [pod({ at: 'a' }), pod({ at: 'b', namespace: 'third' })],
      refusal(2, ANTI),
    ],
    [
      'mean pods of their own version',
      pod({ labels: { app: 'db', v: '2' }, without: [term({ matchLabelKeys: ['v'] })] }),
      [pod({ at: 'a', labels: { app: 'db', v: '2' } }), pod({ at: 'b', labels: { app: 'db', v: '1' } })],
      'b',
    ],
    [
      'mean pods of other versions',
      pod({ labels: { app: 'db', v: '2' }, without: [term({ mismatchLabelKeys: ['v'] })] }),
      [pod({ at: 'a', labels: { app: 'db', v: '2' } }), pod({ at: 'b', labels: { app: 'db', v: '1' } })],
      'a',
    ],
  ])('%s', (_, wanted, pods, expected) => {
    expect(pick(wanted, [host('a', 'z'), host('b', 'z')], pods, { other: { team: 'x' } })).toBe(expected)
  })
})

describe('relationFilter(): pods that keep together', () => {
  const web = (...terms: readonly PodAffinityTerm[]) => pod({ labels: { app: 'web' }, with: terms })

  it.each<[string, Pod, readonly Pod[], string]>([
    ['go where one of them is', web(term()), [pod({ at: 'b' })], 'b'],
    ['wait for one', web(term()), [], refusal(2, AFFINITY)],
    ['begin somewhere when they want their own', pod({ with: [term({ topologyKey: ZONE })] }), [], 'a'],
    [
      'want one that is all of it',
      web(term(), term({ labelSelector: { matchLabels: { tier: 'back' } } })),
      [pod({ at: 'a' }), pod({ at: 'b', labels: { app: 'db', tier: 'back' } })],
      'b',
    ],
    ['want hosts that say where they are', web(term({ topologyKey: ZONE })), [pod({ at: 'a' })], 'a'],
  ])('%s', (_, wanted, pods, expected) => {
    expect(pick(wanted, [host('a', 'z'), host('b')], pods)).toBe(expected)
  })
})

describe('relationFilter(): pods that are spread', () => {
  const nodes = [host('a', 'x'), host('b', 'x'), host('c', 'y', { disk: 'ssd' })]

  it.each<[string, Pod, readonly Pod[], string]>([
    ['go where fewer are', pod({ spread: [{}] }), [pod({ at: 'a' })], 'c'],
    ['may be as uneven as they say', pod({ spread: [{ maxSkew: 2 }] }), [pod({ at: 'c' })], 'a'],
    [
      'count no pod that is ending',
      pod({ spread: [{}] }),
      [pod({ at: 'c', ending: true }), pod({ at: 'b' })],
      'c',
    ],
    [
      'count no places where they cannot go',
      pod({ spread: [{}], spec: { nodeSelector: { disk: 'ssd' } } }),
      [pod({ at: 'c' })],
      'c',
    ],
    [
      'count those too where they say so',
      pod({ spread: [{ nodeAffinityPolicy: 'Ignore' }], spec: { nodeSelector: { disk: 'ssd' } } }),
      [pod({ at: 'c' })],
      `0/3 nodes are available: 1 ${SPREAD}, 2 node(s) didn't match Pod's node affinity/selector.`,
    ],
    [
      'wait for more places',
      pod({ spread: [{ minDomains: 3 }] }),
      [pod({ at: 'a' }), pod({ at: 'c' })],
      refusal(3, SPREAD),
    ],
  ])('%s', (_, wanted, pods, expected) => {
    expect(pick(wanted, nodes, pods)).toBe(expected)
  })

  it('wait for the place with fewer, as long as it cannot take them', () => {
    const cordoned = node('c', { labels: { [ZONE]: 'y' }, unschedulable: true })
    expect(pick(pod({ spread: [{}] }), [host('a', 'x'), host('b', 'x'), cordoned], [pod({ at: 'a' })])).toBe(
      `0/3 nodes are available: 1 node(s) were unschedulable, 2 ${SPREAD}.`,
    )
  })

  it('are not held back where that is only preferred', () => {
    const rule = { whenUnsatisfiable: 'ScheduleAnyway', minDomains: 3 } as const
    expect(['a', 'b', 'c']).toContain(pick(pod({ spread: [rule] }), nodes, [pod({ at: 'a' })]))
  })

  it('need hosts that say where they are', () => {
    expect(pick(pod({ spread: [{}] }), [host('a')], [])).toBe(
      refusal(1, `${SPREAD} (missing required label)`),
    )
  })
})
