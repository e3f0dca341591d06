import { describe, expect, it } from 'vitest'
import { tableRow } from '../../../src/kinds/index.ts'
import { Kinds, type Pod, summarizePod } from '../../../src/kube/index.ts'
import { podManifest } from '../objects.ts'

interface Container {
  readonly name?: string
  readonly ready?: boolean
  readonly restartCount?: number
  readonly started?: boolean
  readonly state?: object
  readonly lastState?: object
}

function status(...containers: readonly Container[]): readonly object[] {
  return containers.map((container, index) => ({
    name: `c${index}`,
    image: 'app:1',
    imageID: '',
    ready: false,
    restartCount: 0,
    ...container,
  }))
}

const running: Container = { ready: true, state: { running: {} } }
const ended = (terminated: object): Container => ({ state: { terminated } })
const waiting = (reason: string): Container => ({ state: { waiting: { reason } } })

function pod(
  phase: string,
  containers: readonly Container[],
  more: { init?: readonly Container[]; spec?: object; status?: object; metadata?: object } = {},
): Pod {
  const { init = [], spec, metadata } = more
  const container = (_: unknown, index: number) => ({ name: `c${index}`, image: 'app:1' })
  return {
    ...podManifest(
      {
        containers: containers.map(container),
        ...(init.length > 0 ? { initContainers: init.map(container) } : {}),
        ...spec,
      },
      metadata,
    ),
    status: {
      phase,
      containerStatuses: status(...containers),
      ...(init.length > 0 ? { initContainerStatuses: status(...init) } : {}),
      ...more.status,
    },
  } as Pod
}

const initialized = { conditions: [{ type: 'Initialized', status: 'True' }] }
const deleted = { metadata: { deletionTimestamp: '2025-01-01T00:00:00Z' } }

describe('summarizePod()', () => {
  it.each<[string, string, Pod]>([
    ['1/1', 'Running', pod('Running', [running])],
    ['0/1', 'Pending', pod('Pending', [{ state: {} }])],
    ['0/1', 'ContainerCreating', pod('Pending', [waiting('ContainerCreating')])],
    ['1/2', 'CrashLoopBackOff', pod('Running', [running, waiting('CrashLoopBackOff')])],
    ['0/2', 'ImagePullBackOff', pod('Pending', [waiting('ImagePullBackOff'), waiting('ContainerCreating')])],
    ['0/1', 'Completed', pod('Succeeded', [ended({ exitCode: 0, reason: 'Completed' })])],
    ['0/1', 'Error', pod('Failed', [ended({ exitCode: 1, reason: 'Error' })])],
    ['0/1', 'OOMKilled', pod('Failed', [ended({ exitCode: 137, reason: 'OOMKilled' })])],
    ['0/1', 'ExitCode:3', pod('Failed', [ended({ exitCode: 3 })])],
    ['0/1', 'Signal:9', pod('Failed', [ended({ exitCode: 137, signal: 9 })])],
    ['1/2', 'NotReady', pod('Running', [ended({ exitCode: 0, reason: 'Completed' }), running])],
    [
      '1/2',
      'Running',
      pod('Running', [ended({ exitCode: 0, reason: 'Completed' }), running], {
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      }),
    ],
    [
      '0/1',
      'Evicted',
      pod('Failed', [], { status: { reason: 'Evicted' }, spec: { containers: [{ name: 'a' }] } }),
    ],
    ['1/1', 'Terminating', pod('Running', [running], deleted)],
    ['0/1', 'Completed', pod('Succeeded', [ended({ exitCode: 0, reason: 'Completed' })], deleted)],
    ['1/1', 'Unknown', pod('Running', [running], { ...deleted, status: { reason: 'NodeLost' } })],
    [
      '0/1',
      'SchedulingGated',
      pod('Pending', [{}], {
        status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      }),
    ],
    [
      '0/1',
      'Init:0/2',
      pod('Pending', [waiting('PodInitializing')], { init: [{ state: { running: {} } }, {}] }),
    ],
    [
      '0/1',
      'Init:1/2',
      pod('Pending', [waiting('PodInitializing')], {
        init: [ended({ exitCode: 0 }), waiting('PodInitializing')],
      }),
    ],
    ['0/1', 'Init:CrashLoopBackOff', pod('Pending', [{}], { init: [waiting('CrashLoopBackOff')] })],
    ['0/1', 'Init:Error', pod('Pending', [{}], { init: [ended({ exitCode: 1, reason: 'Error' })] })],
    ['0/1', 'Init:ExitCode:2', pod('Pending', [{}], { init: [ended({ exitCode: 2 })] })],
    ['0/1', 'Init:Signal:9', pod('Pending', [{}], { init: [ended({ exitCode: 137, signal: 9 })] })],
    [
      '0/1',
      'PodInitializing',
      pod('Pending', [waiting('PodInitializing')], { init: [ended({ exitCode: 0 })] }),
    ],
    [
      '2/2',
      'Running',
      pod('Running', [running], {
        init: [{ ...running, started: true }],
        spec: { initContainers: [{ name: 'c0', image: 'proxy', restartPolicy: 'Always' }] },
        status: initialized,
      }),
    ],
  ])('says %s %s', (ready, word, object) => {
    const summary = summarizePod(object)
    expect(`${summary.ready}/${summary.containers}`).toBe(ready)
    expect(summary.status).toBe(word)
  })

  it('adds up restarts and says when the last one was', () => {
    const last = (finishedAt: string) => ({ lastState: { terminated: { exitCode: 1, finishedAt } } })
    const object = pod('Running', [
      { ...running, restartCount: 2, ...last('2025-01-01T11:50:00Z') },
      { ...running, restartCount: 1, ...last('2025-01-01T11:55:00Z') },
    ])
    const [, , , restarts] = tableRow(Kinds.Pod, object, Date.parse('2025-01-01T12:00:00Z'))
    expect(restarts).toBe('3 (5m ago)')
  })

  it('shows where the pod is in the wide columns', () => {
    const object = pod('Running', [running], {
      spec: { nodeName: 'host-1', readinessGates: [{ conditionType: 'a/b' }] },
      status: {
        podIP: '10.0.0.7',
        podIPs: [{ ip: '10.0.0.7' }],
        conditions: [{ type: 'a/b', status: 'True' }],
      },
    })
    expect(tableRow(Kinds.Pod, object, 0).slice(5)).toEqual(['10.0.0.7', 'host-1', '<none>', '1/1'])
  })
})
