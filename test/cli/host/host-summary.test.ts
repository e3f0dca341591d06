import { describe, expect, it } from 'vitest'
import { summarizeHost } from '../../../src/cli/host/host-summary.ts'
import type { Node, NodeCondition, Pod, Taint } from '../../../src/kube/index.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')
const MINUTE_AGO = '2026-01-31T11:59:00Z'

function node(conditions: readonly NodeCondition[], taints: readonly Taint[] = []): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'host-1', creationTimestamp: '2026-01-31T10:00:00Z' },
    spec: { taints: [...taints] },
    status: {
      conditions: [...conditions],
      allocatable: { cpu: '2', memory: '1Gi', pods: '110' },
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v0.1.0' } as NonNullable<Node['status']>['nodeInfo'] & object,
    },
  }
}

function pod(name: string, phase: 'Running' | 'Succeeded', nodeName = 'host-1'): Pod {
  const requests = { cpu: '500m', memory: '256Mi' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [{ name: 'app', image: 'app:1', resources: { requests } }] },
    status: { phase },
  }
}

const ready: NodeCondition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'posting' }
const silent: NodeCondition = { type: 'Ready', status: 'Unknown', lastTransitionTime: MINUTE_AGO }

describe('summarizeHost()', () => {
  it('summarizeHost() counts what the living pods of the host ask for', () => {
    const pods = [
      pod('a', 'Running'),
      pod('b', 'Running'),
      pod('c', 'Succeeded'),
      pod('d', 'Running', 'other'),
    ]
    expect(summarizeHost(node([ready]), pods, NOW)).toEqual({
      name: 'host-1',
      state: 'Ready',
      cordoned: false,
      address: '10.0.0.1',
      pods: 2,
      maxPods: 110,
      cpuPercent: 50,
      memoryPercent: 50,
      version: 'v0.1.0',
      age: '120m',
      remark: '',
    })
  })

  it.each([
    ['never reported', node([]), 'NotReady', 'its agent has not reported yet'],
    [
      'is not ready',
      node([{ type: 'Ready', status: 'False', message: 'container runtime is down: no engine' }]),
      'NotReady',
      'container runtime is down: no engine',
    ],
    [
      'is silent',
      node([silent]),
      'Unknown',
      'its agent is silent for 60s; its pods stay bound to it for now',
    ],
    [
      'is lost',
      node([silent], [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: MINUTE_AGO }]),
      'Unknown',
      'its agent is silent for 60s; its pods are replaced elsewhere in 4m',
    ],
    [
      'is under pressure',
      node([ready, { type: 'DiskPressure', status: 'True', message: 'kubelet has disk pressure' }]),
      'Ready',
      'DiskPressure: kubelet has disk pressure',
    ],
    [
      'was declared lost',
      node([silent], [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]),
      'Unknown',
      'its agent is silent for 60s; its pods stay bound to it for now; declared out of service',
    ],
  ] as const)('summarizeHost() says why a host that %s is as it is', (_, subject, state, remark) => {
    expect(summarizeHost(subject, [], NOW)).toMatchObject({ state, remark })
  })
})
