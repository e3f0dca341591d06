import { describe, expect, it } from 'vitest'
import { groupVersionsOf } from '../../../src/kinds/index.ts'
import { allKinds, Kinds } from '../../../src/kube/index.ts'

const defined = { ...Kinds.NetworkPolicy, group: 'crd.projectcalico.org', plural: 'networkpolicies' }

describe('groupVersionsOf()', () => {
  it('has groups in upstream’s order, of which clients take the first that has a name, and those of users last', () => {
    const groups = [...new Set(groupVersionsOf([defined, ...allKinds]).map(({ group }) => group))]
    expect(groups.slice(0, 5)).toEqual([
      'apiregistration.k8s.io',
      '',
      'apps',
      'events.k8s.io',
      'authentication.k8s.io',
    ])
    expect(groups.slice(-3)).toEqual(['flowcontrol.apiserver.k8s.io', 'bowline.dev', 'crd.projectcalico.org'])
  })

  it('has the preferred version of a group first', () => {
    const versions = groupVersionsOf(allKinds).filter(({ group }) => group === 'autoscaling')
    expect(versions.map(({ version }) => version)).toEqual(['v2', 'v1'])
  })
})
