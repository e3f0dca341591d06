import { describe, expect, it } from 'vitest'
import { applyDefaults } from '../../../src/kinds/index.ts'
import { Kinds, type KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

function endpoints(...subsets: readonly object[]): KubeObject {
  return manifest('v1', 'Endpoints', { subsets }, { namespace: 'default' })
}

function slice(fields: object): KubeObject {
  return manifest(
    'discovery.k8s.io/v1',
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['10.42.0.2'] }], ...fields },
    { namespace: 'default' },
  )
}

describe('validateObject() of Endpoints', () => {
  it('takes addresses with ports, also those of processes of a host', () => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, protocol: 'UDP' },
    ]
    expect(problemsOf(endpoints({ addresses: [{ ip: '10.42.0.2' }, { ip: '127.1.0.9' }], ports }))).toEqual(
      [],
    )
    expect(problemsOf(endpoints())).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    [
      'no addresses',
      { ports: [] },
      ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    ],
    [
      'addresses that are none, or nobody’s',
      { addresses: [{ ip: 'x' }], notReadyAddresses: [{ ip: '0.0.0.0' }, { ip: '169.254.0.1' }] },
      [
        'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'subsets[0].notReadyAddresses[0].ip: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        'subsets[0].notReadyAddresses[1].ip: Invalid value: "169.254.0.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
      ],
    ],
    [
      'ports without names, and out of range',
      { addresses: [{ ip: '10.42.0.2' }], ports: [{ port: 80 }, { name: 'b', port: 0 }] },
      [
        'subsets[0].ports[0].name: Required value',
        'subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
  ])('refuses %s', (_, subset, expected) => {
    expect(problemsOf(endpoints(subset))).toEqual(expected)
  })
})

describe('validateObject() of an EndpointSlice', () => {
  it('takes what its defaults complete', () => {
    const object = slice({ endpoints: undefined, ports: [{ port: 80 }] })
    expect(applyDefaults(Kinds.EndpointSlice, object)).toMatchObject({
      endpoints: [],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    })
    expect(problemsOf(object)).toEqual([])
    expect(problemsOf(slice({ addressType: 'FQDN', endpoints: [{ addresses: ['a.example'] }] }))).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    [
      'an address of another family',
      { endpoints: [{ addresses: ['fd00::1'] }] },
      ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address'],
    ],
    [
      'no address',
      { endpoints: [{ addresses: [] }] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'a name without a dot',
      { addressType: 'FQDN', endpoints: [{ addresses: ['local'] }] },
      [
        'endpoints[0].addresses[0]: Invalid value: "local": should be a domain with at least two segments separated by dots',
      ],
    ],
    [
      'too many endpoints',
      { endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.42.0.2'] })) },
      ['endpoints: Too many: 1001: must have at most 1000 items'],
    ],
    [
      'two ports of one name',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['ports[1].name: Duplicate value: ""'],
    ],
    [
      'a type that there is not',
      { addressType: 'IPv5', endpoints: [] },
      ['addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"'],
    ],
  ])('refuses %s', (_, fields, expected) => {
    expect(problemsOf(slice(fields))).toEqual(expected)
  })

  it('refuses another type of addresses', () => {
    expect(problemsOf(slice({ addressType: 'IPv6', endpoints: [] }), slice({}))).toEqual([
      'addressType: Invalid value: "IPv6": field is immutable',
    ])
  })
})
