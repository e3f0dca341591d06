import { describe, expect, it } from 'vitest'
import { applyDefaults } from '../../../src/kinds/index.ts'
import { Kinds, type KubeObject, type NetworkPolicy } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

function policy(spec: object): KubeObject {
  return manifest(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { spec: { podSelector: {}, ...spec } },
    { namespace: 'default' },
  )
}

describe('applyDefaults() of a NetworkPolicy', () => {
  it.each<[string, object, readonly string[]]>([
    ['nothing', {}, ['Ingress']],
    ['rules for what goes out', { egress: [{}] }, ['Ingress', 'Egress']],
    ['an empty list of them', { egress: [] }, ['Ingress']],
    ['what it says', { policyTypes: ['Egress'] }, ['Egress']],
  ])('makes of %s the types that it holds for', (_, spec, expected) => {
    const { spec: completed } = applyDefaults(Kinds.NetworkPolicy, policy(spec)) as NetworkPolicy
    expect(completed?.policyTypes).toEqual(expected)
  })
})

describe('validateObject() of a NetworkPolicy', () => {
  it('takes ports, ranges of them, and peers of every kind', () => {
    const spec = {
      ingress: [
        {
          ports: [{ port: 80 }, { port: 8000, endPort: 8080 }, { port: 'http', protocol: 'UDP' }, {}],
          from: [
            { podSelector: {}, namespaceSelector: { matchLabels: { a: 'b' } } },
            { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
            { ipBlock: { cidr: 'fd00::/8', except: ['fd00:1::/32'] } },
          ],
        },
      ],
    }
    expect(problemsOf(policy(spec))).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    [
      'ranges that are none',
      { ingress: [{ ports: [{ port: 80, endPort: 79 }, { port: 'http', endPort: 81 }, { endPort: 82 }] }] },
      [
        'spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`',
        'spec.ingress[0].ports[1].endPort: Invalid value: 81: may not be specified when `port` is non-numeric',
        'spec.ingress[0].ports[2].endPort: Invalid value: 82: may not be specified when `port` is not specified',
      ],
    ],
    [
      'a peer that is nobody',
      { egress: [{ to: [{}] }] },
      ['spec.egress[0].to[0]: Required value: must specify a peer'],
    ],
    [
      'a peer that is two',
      { ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] },
      ['spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer'],
    ],
    [
      'networks that are none, and exceptions outside',
      {
        ingress: [
          {
            from: [
              { ipBlock: { cidr: '10.0.0.0' } },
              { ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16', '10.0.0.0/8'] } },
            ],
          },
        ],
      },
      [
        'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
      ],
    ],
    [
      'types that there are not',
      { policyTypes: ['Sideways'] },
      ['spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Egress", "Ingress"'],
    ],
    [
      'more types than there are',
      { policyTypes: ['Ingress', 'Egress', 'Ingress'] },
      [
        'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes',
      ],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(policy(spec))).toEqual(expected)
  })
})
