import { describe, expect, it } from 'vitest'
import { typeCheckPolicy } from '../../../../src/kinds/cel/admission/type-check.ts'
import { customKinds } from '../../../../src/kinds/custom/custom-kind.ts'
import type {
  CustomResourceDefinition,
  ValidatingAdmissionPolicySpec,
} from '../../../../src/kube/generated/types.ts'
import { allKinds } from '../../../../src/kube/kinds.ts'

const rule = (apiGroups: string[], apiVersions: string[], resources: string[]) => ({
  apiGroups,
  apiVersions,
  operations: ['*'],
  resources,
})
const deployments = rule(['apps'], ['v1'], ['deployments'])

function check(
  expression: string,
  {
    rules = [deployments],
    kinds = allKinds,
    ...rest
  }: {
    rules?: ReturnType<typeof rule>[]
    kinds?: typeof allKinds
  } & Omit<ValidatingAdmissionPolicySpec, 'validations'> = {},
): readonly string[] {
  const spec = { matchConstraints: { resourceRules: rules }, validations: [{ expression }], ...rest }
  return typeCheckPolicy(spec, kinds).map(({ warning }) => warning)
}

describe('typeCheckPolicy()', () => {
  it('says for which field, at which place and why an expression is wrong, as upstream', () => {
    const warnings = typeCheckPolicy(
      {
        matchConstraints: { resourceRules: [deployments] },
        validations: [
          {
            expression: "object.spec.replicas > '1'",
            messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
          },
          { expression: 'object.spec.replicas > 1', messageExpression: "'fine'" },
        ],
      },
      allKinds,
    )
    expect(warnings).toEqual([
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
      },
      {
        fieldRef: 'spec.validations[0].messageExpression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'\n | 'wants replicas > 1, got ' + object.spec.replicas\n | ...........................^\n",
      },
    ])
  })

  it.each([
    ['object.foo == 1', "<input>:1:7: undefined field 'foo'"],
    ['object.spec.template.spec.containers.all(c, c.imagee == "x")', "undefined field 'imagee'"],
    ['object.metadata.labels["a"] > 1', "found no matching overload for '_>_' applied to '(string, int)'"],
    [
      'object.spec.replicas.startsWith("1")',
      "found no matching overload for 'startsWith' applied to 'int.(string)'",
    ],
    ['ip(object.spec.replicas).isLoopback()', "found no matching overload for 'ip' applied to '(int)'"],
    [
      'sets.contains(object.spec.template.spec.containers.map(c, c.name), [1])',
      "found no matching overload for 'contains'",
    ],
    [
      'object.spec.?replicas.optMap(r, r > "1").orValue(false)',
      "<input>:1:1: found no matching overload for '_>_' applied to '(int, string)'",
    ],
    ['request.nope == ""', "undefined field 'nope'"],
    [
      'true &&\n  object.spec.paused > 1',
      "<input>:2:22: found no matching overload for '_>_' applied to '(bool, int)'",
    ],
  ])('warns of %s', (expression, words) => {
    expect(check(expression)).toEqual([expect.stringContaining(words)])
  })

  it.each([
    'object == null || object.spec.replicas > 1',
    'oldObject != null && object.spec == oldObject.spec',
    'object.metadata.namespace == "x" && object.metadata.name.startsWith("y")',
    'has(object.spec.template.metadata.labels) && object.spec.template.metadata.labels["a"] == "b"',
    'object.spec.template.spec.containers.all(c, quantity(c.resources.limits["cpu"]).isLessThan(quantity("1")))',
    'object.spec.?template.?spec.?hostNetwork.orValue(false) == false',
    'object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == "25%"',
    'object.metadata.creationTimestamp.startsWith("20")',
    '!format.dns1123Label().validate(object.metadata.name).hasValue()',
    'object.spec.?replicas.optMap(r, r > 1).orValue(false)',
    'namespaceObject.metadata.name == "x" && authorizer.requestResource.check("a").allowed()',
  ])('has nothing to say of %s', expression => {
    expect(check(expression)).toEqual([])
  })

  it('takes variables and parameters for what they are', () => {
    const variables = [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'odd', expression: 'variables.replicas % 2 == 1' },
    ]
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
    expect(check('variables.odd && variables.replicas > 1', { variables })).toEqual([])
    expect(check('variables.odd > 1', { variables })).toHaveLength(1)
    expect(check('params.data["a"] == "b" && params != null', { paramKind })).toEqual([])
    expect(check('params.data["a"] == 1', { paramKind })).toHaveLength(1)
    expect(check('params.a == 1', { paramKind: { apiVersion: 'x.io/v1', kind: 'X' } })).toEqual([])
  })

  it('checks against each kind that is named, and against none by wildcards', () => {
    const both = [rule(['apps'], ['v1'], ['deployments', 'daemonsets', 'pods/status'])]
    expect(check('object.spec.replicas > 1', { rules: both })).toEqual([
      expect.stringContaining("apps/v1, Kind=DaemonSet: ERROR: <input>:1:12: undefined field 'replicas'"),
    ])
    for (const wild of [
      rule(['*'], ['v1'], ['deployments']),
      rule(['apps'], ['*'], ['deployments']),
      rule(['apps'], ['v1'], ['*']),
    ])
      expect(check('object.foo == 1', { rules: [wild] })).toEqual([])
  })

  it('knows the kinds that users define', () => {
    const schema = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
    }
    const definition = {
      metadata: { name: 'crons.x.io' },
      spec: {
        group: 'x.io',
        scope: 'Namespaced',
        names: { plural: 'crons', kind: 'Cron' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    } as unknown as CustomResourceDefinition
    const kinds = [...allKinds, ...customKinds(definition)]
    const rules = [rule(['x.io'], ['v1'], ['crons'])]
    expect(check('object.spec.size > 1 && object.metadata.name != ""', { rules, kinds })).toEqual([])
    expect(check('object.spec.size == "x"', { rules, kinds })).toEqual([
      expect.stringContaining('x.io/v1, Kind=Cron: ERROR'),
    ])
  })
})
