import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Choice,
  explainRefusals,
  NodeState,
  packingProfile,
  pickNode,
  podFacts,
  type SchedulerProfile,
  spreadingProfile,
} from '../../../src/cluster/scheduler/index.ts'
import type { Node, Pod } from '../../../src/kube/index.ts'
import { node, type PodFacts, pod } from '../controllers/build.ts'

function states(nodes: readonly Node[], pods: readonly Pod[] = []): NodeState[] {
  const found = nodes.map(one => {
    const state = new NodeState(one.metadata.name ?? '')
    state.node = one
    return state
  })
  for (const one of pods) found.find(({ name }) => name === one.spec?.nodeName)?.add(podFacts(one))
  return found
}

function pick(
  wanted: Pod,
  nodes: readonly Node[],
  pods: readonly Pod[] = [],
  profile: SchedulerProfile = spreadingProfile,
): Choice {
  return pickNode(podFacts(wanted), states(nodes, pods), profile)
}

function answer(choice: Choice): string {
  return choice.node ?? explainRefusals(choice.refusals)
}

function asking(name: string, requests: Record<string, string>, facts: PodFacts = {}): Pod {
  const containers = [{ name: 'web', image: 'v1', resources: { requests } }]
  return pod(name, { ...facts, spec: { containers, ...facts.spec } })
}

function withPort(name: string, hostPort: number, facts: PodFacts = {}, hostIP = ''): Pod {
  const ports = [{ containerPort: 80, hostPort, ...(hostIP === '' ? {} : { hostIP }) }]
  return pod(name, { ...facts, spec: { containers: [{ name: 'web', image: 'v1', ports }] } })
}

describe('pickNode()', () => {
  it.each<[string, Pod, readonly Node[], readonly Pod[], string]>([
    ['no node', pod('p'), [], [], 'no nodes available to schedule pods'],
    ['a node that takes it', pod('p'), [node('n1')], [], 'n1'],
    [
      'a cordoned node',
      pod('p'),
      [node('n1', { unschedulable: true })],
      [],
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'a node that is not ready',
      pod('p'),
      [node('n1', { ready: 'False' }), node('n2', { ready: 'Unknown' })],
      [],
      '0/2 nodes are available: 2 node(s) were not ready.',
    ],
    [
      'taints',
      pod('p'),
      [
        node('n1', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
        node('n2', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoExecute' }] }),
        node('n3', { taints: [{ key: 'old', effect: 'NoSchedule' }] }),
      ],
      [],
      '0/3 nodes are available: 1 node(s) had untolerated taint {old: }, 2 node(s) had untolerated taint {gpu: yes}.',
    ],
    [
      'tolerated taints',
      pod('p', { spec: { tolerations: [{ key: 'gpu', operator: 'Exists' }] } }),
      [node('n1', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })],
      [],
      'n1',
    ],
    [
      'a taint that is only preferred',
      pod('p'),
      [node('n1', { taints: [{ key: 'gpu', effect: 'PreferNoSchedule' }] }), node('n2')],
      [pod('q', { node: 'n2' })],
      'n2',
    ],
    [
      'a node selector',
      pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
      [node('n1'), node('n2', { labels: { disk: 'ssd' } })],
      [],
      'n2',
    ],
    [
      'a node selector that nothing matches',
      pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
      [node('n1')],
      [],
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'resources',
      asking('p', { cpu: '3', memory: '6Gi' }),
      [node('n1'), node('n2', { cpu: '1' }), node('n3')],
      [
        asking('q', { cpu: '2', memory: '4Gi' }, { node: 'n1' }),
        asking('r', { memory: '3Gi' }, { node: 'n3' }),
      ],
      '0/3 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.',
    ],
    [
      'resources that fit exactly',
      asking('p', { cpu: '1500m', memory: '4Gi' }),
      [node('n1')],
      [asking('q', { cpu: '2.5', memory: '4096Mi' }, { node: 'n1' })],
      'n1',
    ],
    [
      'a resource that no node has',
      asking('p', { 'nvidia.com/gpu': '1' }),
      [node('n1')],
      [],
      '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.',
    ],
    [
      'too many pods',
      pod('p'),
      [node('n1', { pods: '1' })],
      [pod('q', { node: 'n1' })],
      '0/1 nodes are available: 1 Too many pods.',
    ],
    [
      'a taken host port',
      withPort('p', 8080),
      [node('n1')],
      [withPort('q', 8080, { node: 'n1' }, '127.0.0.1')],
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [
      'the same host port on another address',
      withPort('p', 8080, {}, '10.0.0.1'),
      [node('n1')],
      [withPort('q', 8080, { node: 'n1' }, '127.0.0.1')],
      'n1',
    ],
    [
      'the emptier node',
      asking('p', { cpu: '1' }),
      [node('n1'), node('n2')],
      [asking('q', { cpu: '2', memory: '4Gi' }, { node: 'n1' })],
      'n2',
    ],
    [
      'the node without a replica, though it is fuller',
      asking('p', { cpu: '100m' }, { controller: 'rs' }),
      [node('n1'), node('n2')],
      [
        asking('q', { cpu: '100m' }, { node: 'n1', controller: 'rs' }),
        asking('r', { cpu: '3', memory: '1Gi' }, { node: 'n2' }),
      ],
      'n2',
    ],
  ])('answers for %s', (_, wanted, nodes, pods, expected) => {
    expect(answer(pick(wanted, nodes, pods))).toBe(expected)
  })

  it.each([
    ['In', ['a', 'b'], 'n1'],
    ['NotIn', ['a'], 'n2'],
    ['Exists', [], 'n1'],
    ['DoesNotExist', [], 'n2'],
    ['Gt', ['5'], undefined],
    ['Lt', ['5'], undefined],
  ])('knows required node affinity with %s', (operator, values, expected) => {
    const required = (key: string) =>
      pod('p', {
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
              },
            },
          },
        },
      })
    // The second key is one that every object inherits: only what is set on the node is a label.
    const n1 = node('n1', { labels: { zone: 'a', constructor: 'a', size: '4' } })
    const nodes = [n1, node('n2', { labels: { size: '6' } })]
    if (expected !== undefined)
      for (const key of ['zone', 'constructor'])
        expect(pick(required(key), nodes), key).toEqual({ node: expected })
    else expect(pick(required('size'), nodes)).toEqual({ node: operator === 'Gt' ? 'n2' : 'n1' })
  })

  it('goes by the weights of preferred node affinity', () => {
    const wanted = pod('p', {
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 10,
                preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] },
              },
              {
                weight: 80,
                preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] },
              },
            ],
          },
        },
      },
    })
    const nodes = [node('n1', { labels: { disk: 'ssd' } }), node('n2', { labels: { zone: 'b' } }), node('n3')]
    expect(pick(wanted, nodes)).toEqual({ node: 'n2' })
  })

  it('packs with the packing profile', () => {
    const pods = [asking('q', { cpu: '2', memory: '4Gi' }, { node: 'n1' })]
    expect(pick(asking('p', { cpu: '1' }), [node('n1'), node('n2')], pods, packingProfile)).toEqual({
      node: 'n1',
    })
  })

  it('counts sidecars and the largest init container', () => {
    const resources = (cpu: string) => ({ resources: { requests: { cpu } } })
    const wanted = pod('p', {
      spec: {
        initContainers: [
          { name: 'sidecar', image: 'v1', restartPolicy: 'Always', ...resources('1') },
          { name: 'init', image: 'v1', ...resources('3500m') },
        ],
        containers: [{ name: 'web', image: 'v1', ...resources('2') }],
      },
    })
    expect(answer(pick(wanted, [node('n1')]))).toBe('0/1 nodes are available: 1 Insufficient cpu.')
    expect(answer(pick(wanted, [node('n1', { cpu: '4500m' })]))).toBe('n1')
  })

  it('spreads replicas so that no node has two more than another', () => {
    const nodes = ['n1', 'n2', 'n3', 'n4'].map(name => node(name))
    const all = states(nodes)
    for (let index = 0; index < 22; index++) {
      const one = asking(`p${index}`, { cpu: '50m' }, { controller: 'rs' })
      const choice = pickNode(podFacts(one), all, spreadingProfile)
      all.find(({ name }) => name === choice.node)?.add(podFacts(one))
    }
    const counts = all.map(state => state.podCount)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })

  it('never overcommits, explains every node when it refuses, and does not depend on their order', () => {
    const cpus = fc.integer({ min: 1, max: 4 })
    fc.assert(
      fc.property(
        fc.array(cpus, { minLength: 1, maxLength: 5 }),
        fc.array(cpus, { maxLength: 15 }),
        (sizes, asks) => {
          const nodes = sizes.map((cpu, index) => node(`n${index}`, { cpu: String(cpu) }))
          const forward = states(nodes)
          const backward = states(nodes).reverse()
          asks.forEach((cpu, index) => {
            const facts = podFacts(asking(`p${index}`, { cpu: String(cpu) }))
            const choice = pickNode(facts, forward, spreadingProfile)
            expect(pickNode(facts, backward, spreadingProfile).node).toBe(choice.node)
            if (choice.node === undefined) {
              expect(choice.refusals.map(refusal => refusal.node).sort()).toEqual(
                nodes.map(one => one.metadata.name),
              )
              return
            }
            for (const all of [forward, backward]) all.find(({ name }) => name === choice.node)?.add(facts)
          })
          for (const state of forward)
            expect(state.requested('cpu')).toBeLessThanOrEqual(state.allocatable('cpu'))
        },
      ),
    )
  })
})

describe('NodeState', () => {
  it('forgets a pod wholly', () => {
    const state = new NodeState('n1')
    const facts = podFacts(asking('p', { cpu: '1' }, { controller: 'rs' }))
    state.add(facts)
    state.add(facts)
    expect([state.podCount, state.requested('cpu'), state.replicasOf('rs')]).toEqual([1, 1000, 1])
    state.remove('p')
    expect([state.podCount, state.requested('cpu'), state.replicasOf('rs')]).toEqual([0, 0, 0])
  })
})
