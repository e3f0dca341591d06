import { describe, expect, it } from 'vitest'
import { type PodFacts, planDrain } from '../../../src/cli/host/drain-plan.ts'
import { LEAVING_ANNOTATION } from '../../../src/kube/index.ts'

interface Shape {
  readonly owner?: string
  readonly ending?: boolean
  readonly leaving?: boolean
  readonly surges?: boolean
  readonly bound?: string
  readonly phase?: 'Running' | 'Succeeded'
}

function facts(
  name: string,
  { owner = 'web', ending, leaving, surges = true, bound, phase }: Shape = {},
): PodFacts {
  return {
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        uid: name,
        namespace: 'default',
        ...(ending ? { deletionTimestamp: '2026-01-31T12:00:00Z' } : {}),
        ...(leaving ? { annotations: { [LEAVING_ANNOTATION]: 'true' } } : {}),
        ...(owner === ''
          ? {}
          : {
              ownerReferences: [
                { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true },
              ],
            }),
      },
      status: { phase: phase ?? 'Running' },
    },
    surges,
    bound,
  }
}

function plan(
  pods: readonly PodFacts[],
  { unready = [], force = false }: { unready?: readonly string[]; force?: boolean } = {},
): Record<string, string> {
  const steps = planDrain(pods, { unready: new Set(unready), force })
  return Object.fromEntries(
    steps.map(step => [
      step.pod.metadata.name ?? '',
      'why' in step ? `${step.type}: ${step.why}` : step.type,
    ]),
  )
}

describe('planDrain()', () => {
  it('planDrain() replaces one pod of each workload at a time', () => {
    expect(plan([facts('a1'), facts('a2'), facts('b1', { owner: 'api' })])).toEqual({
      a1: 'replace',
      a2: 'wait: a1 goes first',
      b1: 'replace',
    })
  })

  it('planDrain() waits for what is under way, whichever order the pods come in', () => {
    expect(plan([facts('a1'), facts('a2', { leaving: true })])).toEqual({
      a2: 'wait: its replacement is not ready yet',
      a1: 'wait: a2 goes first',
    })
    expect(plan([facts('a1'), facts('a2', { ending: true })])).toEqual({
      a2: 'wait: it is ending',
      a1: 'wait: a2 goes first',
    })
  })

  it('planDrain() deletes where there cannot be two at once, and not while another one is not ready', () => {
    expect(plan([facts('db-0', { owner: 'db', surges: false })])).toEqual({ 'db-0': 'delete' })
    expect(plan([facts('db-0', { owner: 'db', surges: false })], { unready: ['db'] })).toEqual({
      'db-0': 'wait: another pod of its workload is not ready yet',
    })
  })

  it('planDrain() leaves what nothing would replace, and what is bound to the host, unless it is forced', () => {
    const pods = [
      facts('bare', { owner: '', surges: false }),
      facts('db-0', { owner: 'db', bound: 'its data is here' }),
    ]
    expect(plan(pods)).toEqual({
      bare: 'stay: no controller would replace it: delete it, or drain with --force',
      'db-0': 'stay: its data is here',
    })
    expect(plan(pods, { force: true })).toEqual({ bare: 'delete', 'db-0': 'delete' })
  })

  it('planDrain() passes over pods that are over', () => {
    expect(plan([facts('done', { phase: 'Succeeded' })])).toEqual({})
  })
})
