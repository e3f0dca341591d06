import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

const BACKEND = { service: { name: 'web', port: { number: 80 } } }

function ingress(spec: object, metadata: object = {}): KubeObject {
  return manifest('networking.k8s.io/v1', 'Ingress', { spec }, { namespace: 'default', ...metadata })
}

function rule(path: object, host?: string): object {
  return {
    rules: [
      {
        ...(host === undefined ? {} : { host }),
        http: { paths: [{ path: '/', pathType: 'Prefix', backend: BACKEND, ...path }] },
      },
    ],
  }
}

function ingressClass(spec: object): KubeObject {
  return manifest('networking.k8s.io/v1', 'IngressClass', { spec })
}

describe('validateObject() of an Ingress', () => {
  it.each<[string, object]>([
    ['a default backend alone', { defaultBackend: BACKEND }],
    ['a rule', rule({}, 'shop.example.com')],
    ['a wildcard', { ...rule({}, '*.example.com'), tls: [{ hosts: ['*.example.com'], secretName: 'tls' }] }],
    ['a named port', rule({ backend: { service: { name: 'web', port: { name: 'http' } } } })],
    [
      'a path that only its controller understands',
      rule({ pathType: 'ImplementationSpecific', path: '/a//*' }),
    ],
    ['no path of that kind', rule({ pathType: 'ImplementationSpecific', path: '' })],
  ])('takes %s', (_, spec) => {
    expect(problemsOf(ingress(spec))).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['nothing', {}, ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified']],
    [
      'an address for a host',
      rule({}, '192.0.2.1'),
      ['spec.rules[0].host: Invalid value: "192.0.2.1": must be a DNS name, not an IP address'],
    ],
    [
      'a wildcard in the middle',
      rule({}, 'a.*.example.com'),
      [
        "spec.rules[0].host: Invalid value: \"a.*.example.com\": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      'a path that is not absolute',
      rule({ path: 'shop' }),
      ['spec.rules[0].http.paths[0].path: Invalid value: "shop": must be an absolute path'],
    ],
    [
      'paths that lead elsewhere',
      rule({ path: '/a/../b//c/..' }),
      [
        'spec.rules[0].http.paths[0].path: Invalid value: "/a/../b//c/..": must not contain \'//\'',
        'spec.rules[0].http.paths[0].path: Invalid value: "/a/../b//c/..": must not contain \'/../\'',
        'spec.rules[0].http.paths[0].path: Invalid value: "/a/../b//c/..": cannot end with \'/..\'',
      ],
    ],
    ['no paths', { rules: [{ http: { paths: [] } }] }, ['spec.rules[0].http.paths: Required value']],
    [
      'a backend that is none',
      rule({ backend: {} }),
      ['spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required'],
    ],
    [
      'a backend without a port',
      { defaultBackend: { service: { name: 'web' } } },
      ['spec.defaultBackend: Required value: port name or number is required'],
    ],
    [
      'a backend with two ports',
      { defaultBackend: { service: { name: 'web', port: { name: 'http', number: 80 } } } },
      ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
    ],
    [
      'two backends in one',
      { defaultBackend: { ...BACKEND, resource: { kind: 'Bucket', name: 'b' } } },
      ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends'],
    ],
    [
      'a path type that there is not',
      rule({ pathType: 'Regex' }),
      [
        'spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
      ],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(ingress(spec))).toEqual(expected)
  })

  it('refuses two classes for a new one, and lets an old one be', () => {
    const both = ingress(
      { defaultBackend: BACKEND, ingressClassName: 'a' },
      { annotations: { 'kubernetes.io/ingress.class': 'b' } },
    )
    expect(problemsOf(both)).toEqual([
      'annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified',
    ])
    expect(problemsOf(both, both)).toEqual([])
  })
})

describe('validateObject() of an IngressClass', () => {
  const PARAMETERS = { kind: 'Settings', name: 'a' }

  it('takes a controller with parameters of the cluster or of a namespace', () => {
    expect(problemsOf(ingressClass({ controller: 'acme.io/foo', parameters: PARAMETERS }))).toEqual([])
    const local = { ...PARAMETERS, scope: 'Namespace', namespace: 'shop' }
    expect(problemsOf(ingressClass({ controller: 'acme.io/foo', parameters: local }))).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['no controller', {}, ['spec.controller: Required value']],
    [
      'a controller of nobody',
      { controller: 'foo' },
      ['spec.controller: Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'parameters of no namespace',
      { controller: 'acme.io/foo', parameters: { ...PARAMETERS, scope: 'Namespace' } },
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
    [
      'parameters of the cluster in a namespace',
      { controller: 'acme.io/foo', parameters: { ...PARAMETERS, namespace: 'shop' } },
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(ingressClass(spec))).toEqual(expected)
  })

  it('refuses another controller', () => {
    expect(
      problemsOf(ingressClass({ controller: 'b.io/b' }), ingressClass({ controller: 'a.io/a' })),
    ).toEqual(['spec.controller: Invalid value: "b.io/b": field is immutable'])
  })
})
