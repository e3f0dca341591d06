import { describe, expect, it } from 'vitest'
import { CompiledPolicy, type PolicyInput } from '../../../../src/kinds/cel/admission/policy.ts'
import { celValue } from '../../../../src/kinds/cel/admission/values.ts'
import { Meter } from '../../../../src/kinds/cel/meter.ts'
import type { ValidatingAdmissionPolicySpec } from '../../../../src/kube/generated/types.ts'

const deployments = { group: 'apps', version: 'v1', kind: 'Deployment' }
const resource = { group: 'apps', version: 'v1', resource: 'deployments' }
const request: PolicyInput['request'] = {
  kind: deployments,
  resource,
  subResource: '',
  requestKind: deployments,
  requestResource: resource,
  requestSubResource: '',
  name: 'web',
  namespace: 'shop',
  operation: 'UPDATE',
  userInfo: { username: 'ann', uid: '', groups: ['devs'], extra: { team: ['a'] } },
  dryRun: false,
  options: { kind: 'UpdateOptions', fieldManager: 'kubectl' },
}
const web = {
  metadata: { name: 'web', namespace: 'shop', labels: { 'app.kubernetes.io/name': 'web' } },
  spec: { replicas: 3, ratio: 1.5, containers: [{ name: 'a', image: 'r.io/a:1', cpu: '500m' }] },
}

interface Given {
  readonly object?: unknown
  readonly old?: unknown
  readonly params?: unknown
  readonly ask?: PolicyInput['ask']
  readonly meter?: Meter
}

function failuresOf(spec: ValidatingAdmissionPolicySpec, given: Given = {}) {
  const policy = new CompiledPolicy(spec)
  expect(policy.problems).toEqual([])
  return policy.failures({
    object: celValue(given.object === undefined ? web : given.object),
    oldObject: celValue(given.old ?? null),
    request,
    params: celValue(given.params ?? null),
    namespaceObject: celValue({ metadata: { name: 'shop', labels: { env: 'test' } } }),
    ask: given.ask ?? (() => ({ allowed: false, reason: 'no' })),
    meter: given.meter ?? new Meter(250_000),
  })
}

const validating = (...expressions: readonly string[]): ValidatingAdmissionPolicySpec => ({
  validations: expressions.map(expression => ({ expression })),
})

function problemsOf(spec: ValidatingAdmissionPolicySpec): readonly string[] {
  return new CompiledPolicy(spec).problems.map(({ path, detail }) => `${path}: ${detail}`)
}

describe('CompiledPolicy', () => {
  it.each([
    'object.spec.replicas == 3 && object.spec.replicas > 2 && object.spec.replicas % 2 == 1',
    'object.spec.ratio > 1.0 && object.spec.replicas < 3.5',
    'object.metadata.namespace == "shop" && object.metadata.labels["app.kubernetes.io/name"] == "web"',
    'has(object.spec.replicas) && !has(object.spec.nothing) && !has(object.metadata.annotations)',
    'object.spec.containers.all(c, c.image.startsWith("r.io/") && !has(c.securityContext))',
    'object.spec.?template.?spec.orValue("none") == "none"',
    'oldObject == null && object != null',
    'quantity(object.spec.containers[0].cpu).isLessThan(quantity("1"))',
    'object.spec.containers[0].image.matches("^r\\\\.io/[a-z]+:[0-9]+$")',
    'request.operation == "UPDATE" && request.userInfo.username == "ann" && "devs" in request.userInfo.groups',
    'request.kind.kind == "Deployment" && request.resource.resource == "deployments" && request.name == "web"',
    'request.userInfo.extra["team"] == ["a"] && request.options.fieldManager == "kubectl" && !request.dryRun',
    'request.subResource == "" && request.requestKind.group == "apps"',
    'namespaceObject.metadata.labels["env"] == "test" && namespaceObject != null',
    '!authorizer.group("apps").resource("deployments").namespace("shop").check("delete").allowed()',
    'authorizer.path("/healthz").check("get").reason() == "no"',
    'type(object.spec.replicas) == int && string(object.spec.replicas) == "3"',
  ])('finds nothing wrong by %s', expression => {
    expect(failuresOf(validating(expression))).toEqual([])
  })

  it.each([
    'constructor',
    'prototype',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'equals',
    'size',
  ])('knows an object that has a member %s', key => {
    const labels = JSON.parse(`{"${key}": "mine", "team": "a"}`) as object
    const member = JSON.parse(`{"${key}": {"size": "2", "equals": {}}}`) as object
    const object = { ...web, metadata: { ...web.metadata, labels, annotations: { team: 'a' } }, member }
    const found = failuresOf(
      validating(
        "object.metadata.labels.team == 'a' && 'team' in object.metadata.labels",
        'has(object.metadata.labels.team) && !has(object.metadata.labels.other)',
        `object.metadata.labels['${key}'] == 'mine' && '${key}' in object.metadata.labels`,
        `!('${key}' in object.metadata.annotations) && object.metadata.labels.exists(k, k == '${key}')`,
        `size(object.metadata.labels) == 2 && object.member['${key}'].size == '2'`,
        'object.metadata.labels == oldObject.metadata.labels && object.metadata.labels != object.metadata.annotations',
        'object.member == oldObject.member && [object.member] == [oldObject.member]',
        `object.metadata.labels.map(k, object.metadata.labels[k]).exists(v, v == 'mine')`,
      ),
      { object, old: object },
    )
    expect(found).toEqual([])
  })

  it('tells each validation that fails, by messageExpression, message or expression, with its reason', () => {
    const failures = failuresOf({
      validations: [
        {
          expression: 'object.spec.replicas > 5',
          messageExpression: '"wants > 5, got " + string(object.spec.replicas)',
        },
        {
          expression: 'object.spec.replicas > 6',
          messageExpression: '"wants > 6, got " + object.spec.replicas',
          message: ' too few ',
        },
        { expression: ' object.spec.replicas > 7 ', reason: 'Forbidden' },
        { expression: 'object.spec.replicas > 8', messageExpression: '"two\\nlines"' },
        { expression: 'true' },
      ],
    })
    expect(failures).toEqual([
      { message: 'wants > 5, got 3', reason: 'Invalid', expressionIndex: 0 },
      { message: 'too few', reason: 'Invalid', expressionIndex: 1 },
      { message: 'failed expression: object.spec.replicas > 7', reason: 'Forbidden', expressionIndex: 2 },
      { message: 'failed expression: object.spec.replicas > 8', reason: 'Invalid', expressionIndex: 3 },
    ])
  })

  it('makes an error of an expression a failure, or nothing by failurePolicy', () => {
    const validations = [
      { expression: 'object.spec.nothing > 1' },
      { expression: 'object.spec.replicas > 3' },
    ]
    expect(failuresOf({ validations })).toEqual([
      {
        message: "expression 'object.spec.nothing > 1' resulted in error: No such key: nothing",
        reason: undefined,
        expressionIndex: 0,
      },
      { message: 'failed expression: object.spec.replicas > 3', reason: 'Invalid', expressionIndex: 1 },
    ])
    expect(failuresOf({ validations, failurePolicy: 'Ignore' })).toEqual([
      { message: 'failed expression: object.spec.replicas > 3', reason: 'Invalid', expressionIndex: 1 },
    ])
  })

  it('judges only what all match conditions want', () => {
    const withConditions = (failurePolicy: 'Fail' | 'Ignore', ...expressions: string[]) =>
      failuresOf({
        failurePolicy,
        matchConditions: expressions.map((expression, index) => ({ name: `c${index}`, expression })),
        validations: [{ expression: 'false', message: 'no' }],
      })
    const no = [{ message: 'no', reason: 'Invalid', expressionIndex: 0 }]
    const error = 'object.spec.nothing == 1'
    expect(withConditions('Fail', 'true', 'request.operation == "UPDATE"')).toEqual(no)
    expect(withConditions('Fail', 'true', 'false')).toEqual([])
    // One that is false decides even where another cannot be evaluated.
    expect(withConditions('Fail', error, 'false')).toEqual([])
    expect(withConditions('Fail', error, 'true')).toEqual([
      { message: `expression '${error}' resulted in error: No such key: nothing`, reason: undefined },
    ])
    expect(withConditions('Ignore', error, 'true')).toEqual([])
  })

  it('evaluates variables when they are named, once, each from those before it', () => {
    let asked = 0
    const ask = () => {
      asked += 1
      return { allowed: true, reason: '' }
    }
    const spec: ValidatingAdmissionPolicySpec = {
      variables: [
        { name: 'replicas', expression: 'object.spec.replicas' },
        { name: 'odd', expression: 'variables.replicas % 2 == 1' },
        { name: 'may', expression: 'authorizer.requestResource.check("scale").allowed()' },
        { name: 'broken', expression: 'object.spec.nothing.of.this' },
      ],
      validations: [
        { expression: 'variables.odd && variables.may && variables.may' },
        { expression: 'variables.may || variables.broken == 1' },
        {
          expression: '!variables.may',
          messageExpression: '"even? " + string(variables.odd) + string(variables.may)',
        },
      ],
    }
    expect(failuresOf(spec, { ask })).toEqual([
      { message: 'even? truetrue', reason: 'Invalid', expressionIndex: 2 },
    ])
    expect(asked).toBe(1)
    expect(failuresOf({ ...spec, validations: [{ expression: 'variables.broken == 1' }] })).toEqual([
      { message: expect.stringContaining('No such key: nothing'), reason: undefined, expressionIndex: 0 },
    ])
  })

  it('asks the authorizer about the requester, a service account and the resource of the request', () => {
    const questions: unknown[] = []
    const ask: PolicyInput['ask'] = question => {
      questions.push(question)
      return { allowed: true, reason: 'because' }
    }
    const spec = validating(
      'authorizer.serviceAccount("shop", "bot").group("").resource("pods").subresource("log").name("p").check("get").allowed()',
      'authorizer.requestResource.check("approve").reason() == "because"',
      '!authorizer.group("apps").resource("d").fieldSelector("a=b").labelSelector("x").check("list").errored()',
    )
    expect(failuresOf(spec, { ask })).toEqual([])
    expect(questions).toEqual([
      {
        serviceAccount: { namespace: 'shop', name: 'bot' },
        verb: 'get',
        path: undefined,
        group: '',
        resource: 'pods',
        subresource: 'log',
        namespace: '',
        name: 'p',
        fieldSelector: '',
      },
      expect.objectContaining({
        verb: 'approve',
        group: 'apps',
        resource: 'deployments',
        namespace: 'shop',
        name: 'web',
      }),
      expect.objectContaining({ verb: 'list', resource: 'd', fieldSelector: 'a=b' }),
    ])
  })

  it('evaluates audit annotations, whose errors count', () => {
    const annotated = (valueExpression: string) =>
      failuresOf({ auditAnnotations: [{ key: 'k', valueExpression }] })
    expect(annotated('object.metadata.name')).toEqual([])
    expect(annotated('null')).toEqual([])
    expect(annotated('object.spec.nothing')).toEqual([
      { message: expect.stringContaining('No such key: nothing'), reason: undefined },
    ])
    expect(annotated('object.spec.replicas')).toEqual([
      { message: expect.stringContaining('unsupported return type'), reason: undefined },
    ])
  })

  it.each<[string, ValidatingAdmissionPolicySpec, string]>([
    [
      'validation',
      validating('nope == 1'),
      'spec.validations[0].expression: compilation failed: Unknown variable: nope',
    ],
    [
      'type',
      validating('1'),
      'spec.validations[0].expression: compilation failed: it must be a bool and is a int',
    ],
    [
      'field of the request',
      validating('request.nope == 1'),
      'spec.validations[0].expression: compilation failed: No such key: nope',
    ],
    [
      'params without paramKind',
      validating('params.a == 1'),
      'spec.validations[0].expression: compilation failed: Unknown variable: params',
    ],
    [
      'later variable',
      {
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
      },
      'spec.variables[0].expression: compilation failed: No such key: b',
    ],
    [
      'variable of another type',
      { variables: [{ name: 'a', expression: '1' }], validations: [{ expression: 'variables.a == "x"' }] },
      'spec.validations[0].expression: compilation failed: no such overload: int == string',
    ],
    [
      'condition with variables',
      {
        matchConditions: [{ name: 'c', expression: 'variables.a' }],
        variables: [{ name: 'a', expression: 'true' }],
      },
      'spec.matchConditions[0].expression: compilation failed: Unknown variable: variables',
    ],
    [
      'message',
      { validations: [{ expression: 'true', messageExpression: '1' }] },
      'spec.validations[0].messageExpression: compilation failed: it must be a string and is a int',
    ],
    [
      'message that asks the authorizer',
      {
        validations: [
          { expression: 'true', messageExpression: 'authorizer.path("/").check("get").reason()' },
        ],
      },
      'spec.validations[0].messageExpression: compilation failed: Unknown variable: authorizer',
    ],
    [
      'annotation',
      { auditAnnotations: [{ key: 'k', valueExpression: '1' }] },
      'spec.auditAnnotations[0].valueExpression: compilation failed: it must be a string or null and is a int',
    ],
    [
      'bind',
      validating('cel.bind(a, 1, a == 1)'),
      'spec.validations[0].expression: compilation failed: cel.bind() is not there',
    ],
  ])('says where and why an expression cannot be compiled: %s', (_what, spec, problem) => {
    expect(problemsOf(spec)).toEqual([problem])
  })

  it('lets no expression take long', () => {
    const large = {
      data: Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, 'x'.repeat(500)])),
    }
    const variables = Array.from({ length: 60 }, (_, index) => ({
      name: `v${index}`,
      expression: index === 0 ? '[object.data]' : `[variables.v${index - 1}, variables.v${index - 1}]`,
    }))
    const over = [{ message: expect.stringContaining('cost budget'), reason: undefined }]
    for (const spec of [
      { variables, validations: [{ expression: 'variables.v59 == variables.v59' }] },
      validating('object.data.all(a, object.data.all(b, object.data.all(c, a + b + c != "")))'),
      validating(
        'object.data.all(a, object.data.all(b, object.data[a].contains("y") || object.data[b].size() > 0))',
      ),
      validating('[1].all(x, object.data.map(k, object).all(a, a == object))'),
      validating(Array.from({ length: 400 }, () => 'object == object').join(' && ')),
    ])
      expect(failuresOf(spec, { object: large })).toEqual(over)
    // What is reasonable is not refused, however large the object.
    const fine = validating(
      'object.data.all(k, object.data[k].size() < 1000 && !k.startsWith("_"))',
      'object == object',
    )
    expect(failuresOf(fine, { object: large })).toEqual([])
  }, 20_000)

  it('takes no more expressions than can be compiled soon', () => {
    expect(problemsOf(validating(...Array.from({ length: 501 }, () => 'true')))).toEqual([
      'spec: must have at most 500 expressions',
    ])
  })
})
