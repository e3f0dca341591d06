import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

function quota(hard: Record<string, string>, spec: object = {}): KubeObject {
  return manifest('v1', 'ResourceQuota', { spec: { hard, ...spec } }, { namespace: 'default' })
}

function selecting(scopeName: string, operator: string, values?: readonly string[]): object {
  const requirement = { scopeName, operator, ...(values === undefined ? {} : { values }) }
  return { scopeSelector: { matchExpressions: [requirement] } }
}

const PODS = { pods: '1' }
const AT = 'spec.scopeSelector.matchExpressions[0]'

describe('validateObject() of a ResourceQuota', () => {
  it.each([
    [{ pods: '1', 'limits.cpu': '1500m', 'requests.storage': '10Gi', 'services.nodeports': '0' }, {}],
    [{ 'count/deployments.apps': '1', 'requests.example.com/gpu': '2', 'hugepages-2Mi': '4Mi' }, {}],
    [{ 'gold.storageclass.storage.k8s.io/requests.storage': '10Gi' }, {}],
    [{ pods: '1', cpu: '1', 'limits.memory': '1Gi' }, { scopes: ['NotBestEffort', 'Terminating'] }],
    [PODS, selecting('PriorityClass', 'NotIn', ['high'])],
    [PODS, selecting('CrossNamespacePodAffinity', 'Exists')],
  ])('%# takes what upstream takes', (hard, spec) => {
    expect(problemsOf(quota(hard, spec))).toEqual([])
  })

  it.each([
    [
      { storage: '1', 'no good': '1' },
      {},
      [/spec.hard\[storage\].*must be a standard resource for quota/, /spec.hard\[no good\]/],
    ],
    [{ pods: '500m' }, {}, [/spec.hard\[pods\].*"500m": must be an integer/]],
    [{ 'count/secrets': '-1' }, {}, [/spec.hard\[count\/secrets\].*must be greater than or equal to 0/]],
    [PODS, { scopes: ['Sometimes'] }, [/spec.scopes.*unsupported scope$/]],
    [
      { pods: '1', cpu: '1' },
      { scopes: ['BestEffort'] },
      [/spec.scopes.*unsupported scope applied to resource/],
    ],
    [{ services: '1' }, { scopes: ['Terminating'] }, [/spec.scopes.*unsupported scope applied to resource/]],
    [PODS, { scopes: ['Terminating', 'NotTerminating'] }, [/spec.scopes.*conflicting scopes/]],
    [PODS, selecting('BestEffort', 'DoesNotExist'), [/operator.*must be 'Exist' when scope is any of/]],
    [PODS, selecting('PriorityClass', 'In'), [/values.*must be at least one value/]],
    [PODS, selecting('PriorityClass', 'Exists', ['high']), [/values.*must be no value/]],
  ])('%# says what is wrong', (hard, spec, expected) => {
    const problems = problemsOf(quota(hard, spec)).join('\n')
    for (const part of expected) expect(problems).toMatch(new RegExp(part.source, 'm'))
  })

  it('names the requirement of a selector', () => {
    expect(problemsOf(quota({ secrets: '1' }, selecting('PriorityClass', 'Exists'))).join()).toContain(
      `${AT}.scopeName`,
    )
  })

  it('keeps the scopes as they are', () => {
    expect(problemsOf(quota(PODS, { scopes: ['BestEffort'] }), quota(PODS)).join()).toMatch(
      /spec.scopes.*field is immutable/,
    )
  })
})
