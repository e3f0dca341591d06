import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TestApi, TestIdentity } from '../support/api-server.ts'
import { startControlledApi } from '../support/controlled-api.ts'
import { define, definition } from '../support/definitions.ts'
import { ask, type Question, type Reply } from '../support/https.ts'

let api: TestApi
let scheduler: TestIdentity

const GROUP = '/apis/admissionregistration.k8s.io/v1'
const POLICIES = `${GROUP}/validatingadmissionpolicies`
const BINDINGS = `${GROUP}/validatingadmissionpolicybindings`
const MAPS = '/api/v1/namespaces/default/configmaps'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const APPLY = { 'content-type': 'application/apply-patch+yaml' }

beforeAll(async () => {
  api = await startControlledApi({ accountTokens: true })
  scheduler = await api.identity('sam', ['system:masters'])
})
afterAll(() => api.close())
afterEach(async () => {
  for (const path of [BINDINGS, POLICIES]) await ask(api, path, { method: 'DELETE' })
  for (const path of [MAPS, DEPLOYMENTS, '/api/v1/namespaces/default/pods'])
    await ask(api, path, { method: 'DELETE' })
})

async function good(path: string, question: Question = {}): Promise<Reply> {
  const reply = await ask(api, path, question)
  expect(reply.code, `${question.method ?? 'GET'} ${path}: ${reply.text}`).toBeLessThan(300)
  return reply
}

const post = (body: object, extra: Question = {}): Question => ({ method: 'POST', body, ...extra })
const put = (body: object): Question => ({ method: 'PUT', body })
const merge = (body: object): Question => ({ method: 'PATCH', headers: MERGE, body })
const apply = (body: object): Question => ({ method: 'PATCH', headers: APPLY, body })
const map = (name: string, data: object = {}, labels: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
})

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly apiVersions?: readonly string[]
  readonly operations?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly scope?: string
}

const ruleFor = (rule: Rule = {}): object => ({
  apiGroups: ['*'],
  apiVersions: ['*'],
  operations: ['*'],
  resources: ['configmaps'],
  ...rule,
})

/** A policy `p` over config maps, with its binding `b`. */
async function enforce(
  spec: { readonly [field: string]: unknown },
  { rule = {}, match = {}, binding = {} }: { rule?: Rule; match?: object; binding?: object } = {},
): Promise<void> {
  const matchConstraints = { resourceRules: [ruleFor(rule)], ...match }
  await good(POLICIES, post({ metadata: { name: 'p' }, spec: { matchConstraints, ...spec } }))
  const validationActions = ['Deny']
  await good(
    BINDINGS,
    post({ metadata: { name: 'b' }, spec: { policyName: 'p', validationActions, ...binding } }),
  )
}

const never = { validations: [{ expression: 'false', message: 'never' }] }
const denied = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request"

// These two have the names of tests of Kubernetes' conformance suite, and ask what they ask (docs/conformance.md).
describe('ValidatingAdmissionPolicy', () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'web' }] },
  }
  const deployment = (name: string, replicas: number): object => ({
    metadata: { name, labels: { app: 'web' } },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template },
  })
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }

  it('should validate against a Deployment', async () => {
    await enforce(
      {
        validations: [
          {
            expression: 'object.spec.replicas > 1',
            messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
          },
          { expression: "namespaceObject.metadata.name == 'default'", message: 'wrong namespace' },
        ],
      },
      { rule },
    )
    await good(DEPLOYMENTS, post(deployment('replicated', 2)))
    const refused = await ask(api, DEPLOYMENTS, post(deployment('non-replicated', 1)))
    expect([refused.code, refused.json.reason]).toEqual([422, 'Invalid'])
    await good(
      '/apis/apps/v1/namespaces/default/replicasets?dryRun=All',
      post(deployment('non-replicated', 1)),
    )
    // The sum of a text and a number is none, which its status says for a Deployment.
    await expect
      .poll(async () => (await good(`${POLICIES}/p`)).json.status)
      .toEqual({
        observedGeneration: 1,
        typeChecking: {
          expressionWarnings: [
            {
              fieldRef: 'spec.validations[0].messageExpression',
              warning: expect.stringContaining(
                "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'",
              ),
            },
          ],
        },
      })
    await good(
      `${POLICIES}/p`,
      merge({ spec: { validations: [{ expression: 'object.spec.replicas > 1' }] } }),
    )
    await expect
      .poll(async () => (await good(`${POLICIES}/p`)).json.status)
      .toEqual({ observedGeneration: 2, typeChecking: {} })
  })

  it('should allow expressions to refer variables', async () => {
    await enforce(
      {
        variables: [
          { name: 'replicas', expression: 'object.spec.replicas' },
          { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
        ],
        validations: [{ expression: 'variables.replicas > 1' }, { expression: 'variables.oddReplicas' }],
      },
      { rule },
    )
    await good(DEPLOYMENTS, post(deployment('replicated', 3)))
    for (const replicas of [1, 4])
      expect((await ask(api, DEPLOYMENTS, post(deployment('other', replicas)))).code).toBe(422)
  })
})

describe('ValidatingAdmissionPolicies', () => {
  it('refuse in the words of upstream, from the moment they are there until they are gone', async () => {
    await good(MAPS, post(map('before')))
    await enforce({ validations: [{ expression: 'has(object.data)', message: 'wants data' }] })
    const reply = await ask(api, MAPS, post(map('one')))
    expect(reply.code).toBe(422)
    const message = `configmaps "one" is forbidden: ${denied}: wants data`
    expect(reply.json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'Invalid',
      details: { name: 'one', kind: 'configmaps', causes: [{ message: `${denied}: wants data` }] },
      code: 422,
    })
    expect((await ask(api, `${MAPS}/one`)).code).toBe(404)
    await good(MAPS, post(map('two', { a: 'b' })))
    // A policy that changes counts at once, and so does one that is gone.
    await good(`${POLICIES}/p`, merge({ spec: { validations: [{ expression: 'true' }] } }))
    await good(MAPS, post(map('three')))
    await good(`${POLICIES}/p`, merge({ spec: never }))
    expect((await ask(api, MAPS, post(map('four')))).code).toBe(422)
    await good(`${BINDINGS}/b`, { method: 'DELETE' })
    await good(MAPS, post(map('four')))
  })

  it('judge every way to write: create, update, patches, apply, delete, and each as a dry run', async () => {
    await good(MAPS, post(map('kept')))
    await enforce(never)
    const kept = (await good(`${MAPS}/kept`)).json
    const changed = map('kept', { x: 'y' })
    const ways: readonly (readonly [string, Question])[] = [
      [MAPS, post(map('new'))],
      [MAPS, post({ metadata: { generateName: 'new-' } })],
      [`${MAPS}/kept`, put({ ...changed, metadata: kept.metadata })],
      [`${MAPS}/kept`, merge({ data: { x: 'y' } })],
      [
        `${MAPS}/kept`,
        {
          method: 'PATCH',
          headers: { 'content-type': 'application/strategic-merge-patch+json' },
          body: { data: { x: 'y' } },
        },
      ],
      [
        `${MAPS}/kept`,
        {
          method: 'PATCH',
          headers: { 'content-type': 'application/json-patch+json' },
          body: Buffer.from('[{"op":"add","path":"/data","value":{"x":"y"}}]'),
        },
      ],
      [`${MAPS}/kept?fieldManager=me&force=true`, apply(changed)],
      [`${MAPS}/new?fieldManager=me`, apply(map('new'))],
      [`${MAPS}/kept`, { method: 'DELETE' }],
      [MAPS, { method: 'DELETE' }],
    ]
    for (const [path, question] of ways)
      for (const dryRun of ['', 'dryRun=All']) {
        const place = `${path}${path.includes('?') ? '&' : '?'}${dryRun}`
        const reply = await ask(api, place, question)
        expect([reply.code, reply.json.message], `${question.method} ${place}`).toEqual([
          422,
          expect.stringContaining(`${denied}: never`),
        ])
      }
    expect((await good(MAPS)).json.items.map((item: { metadata: object }) => item.metadata)).toEqual([
      kept.metadata,
    ])
  })

  it('see what is stored: defaults and all, the object before, and neither where there is none', async () => {
    await enforce(
      {
        validations: [
          { expression: 'request.operation == "CREATE" ? oldObject == null : oldObject != null' },
          { expression: 'request.operation == "DELETE" ? object == null : has(object.metadata.uid)' },
          {
            expression:
              'object == null || object.spec.strategy.type == "RollingUpdate" && object.spec.replicas == 1',
          },
          {
            expression:
              'request.operation != "UPDATE" || oldObject.metadata.labels.size() < object.metadata.labels.size()',
            message: 'labels stay',
          },
          { expression: 'namespaceObject.metadata.name == "default" && request.namespace == "default"' },
        ],
      },
      { rule: { apiGroups: ['apps'], resources: ['deployments'] } },
    )
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    }
    const web = {
      metadata: { name: 'web', labels: { a: 'b' } },
      spec: { selector: { matchLabels: { app: 'web' } }, template },
    }
    await good(DEPLOYMENTS, post(web))
    await good(`${DEPLOYMENTS}/web`, merge({ metadata: { labels: { c: 'd' } } }))
    const reply = await ask(api, `${DEPLOYMENTS}/web`, merge({ metadata: { annotations: { c: 'd' } } }))
    expect(reply.json.message).toBe(`deployments.apps "web" is forbidden: ${denied}: labels stay`)
    await good(`${DEPLOYMENTS}/web`, { method: 'DELETE' })
    // What is wrong otherwise is said first.
    const wrong = await ask(api, DEPLOYMENTS, post({ metadata: { name: 'web' }, spec: { template } }))
    expect(wrong.json.message).toContain('spec.selector: Required value')
  })

  it('see subresources as what is written to them: a Scale, a status, a Binding, a TokenRequest', async () => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    }
    const spec = { selector: { matchLabels: { app: 'web' } }, template }
    await good(DEPLOYMENTS, post({ metadata: { name: 'web' }, spec }))
    await good('/api/v1/namespaces/default/pods', post({ metadata: { name: 'pod' }, spec: template.spec }))
    await good('/api/v1/namespaces/default/serviceaccounts', post({ metadata: { name: 'bot' } }))
    const validations = [
      {
        expression: 'false',
        messageExpression:
          'request.operation + " " + request.resource.resource + "/" + request.subResource + " " + request.kind.group + "/" + request.kind.kind + " " + object.kind + (oldObject == null ? "" : " from " + oldObject.kind)',
      },
    ]
    await enforce({ validations }, { rule: { resources: ['*/*'] } })
    const cases: readonly (readonly [string, Question, string])[] = [
      [
        `${DEPLOYMENTS}/web/scale`,
        merge({ spec: { replicas: 3 } }),
        'UPDATE deployments/scale autoscaling/Scale Scale from Scale',
      ],
      [
        `${DEPLOYMENTS}/web/status`,
        merge({ status: { replicas: 3 } }),
        'UPDATE deployments/status apps/Deployment Deployment from Deployment',
      ],
      [
        '/api/v1/namespaces/default/pods/pod/binding',
        post({ target: { name: 'n' } }, { as: scheduler }),
        'CREATE pods/binding /Binding Binding',
      ],
      [
        '/api/v1/namespaces/default/serviceaccounts/bot/token',
        post({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
        'CREATE serviceaccounts/token authentication.k8s.io/TokenRequest TokenRequest',
      ],
    ]
    for (const [path, question, words] of cases) {
      const reply = await ask(api, path, question)
      expect([reply.code, reply.json.message], path).toEqual([422, expect.stringContaining(`: ${words}`)])
    }
    // A rule that names no subresource is about the objects alone.
    await good(
      `${POLICIES}/p`,
      merge({ spec: { matchConstraints: { resourceRules: [ruleFor({ resources: ['*'] })] } } }),
    )
    await good(`${DEPLOYMENTS}/web/scale`, merge({ spec: { replicas: 3 } }))
    expect((await ask(api, `${DEPLOYMENTS}/web`, merge({ spec: { replicas: 4 } }))).code).toBe(422)
    await good(`${POLICIES}/p`, { method: 'DELETE' })
  })

  it.each<[string, Rule, object, boolean]>([
    ['group', { apiGroups: ['apps'] }, {}, false],
    ['the core group', { apiGroups: [''] }, {}, true],
    ['version', { apiVersions: ['v2'] }, {}, false],
    ['operation', { operations: ['UPDATE', 'DELETE'] }, {}, false],
    ['operations', { operations: ['CREATE', 'DELETE'] }, {}, true],
    ['any resource', { resources: ['*'] }, {}, true],
    ['its subresources alone', { resources: ['configmaps/status'] }, {}, false],
    ['all of it', { resources: ['configmaps/*'] }, {}, true],
    ['another resource', { resources: ['secrets', '*/scale'] }, {}, false],
    ['its name', { resourceNames: ['probe'] }, {}, true],
    ['another name', { resourceNames: ['other'] }, {}, false],
    ['scope', { scope: 'Cluster' }, {}, false],
    ['the right scope', { scope: 'Namespaced' }, {}, true],
    ['an exclusion', {}, { excludeResourceRules: [ruleFor()] }, false],
    ['an exclusion of another', {}, { excludeResourceRules: [ruleFor({ resources: ['secrets'] })] }, true],
    ['labels', {}, { objectSelector: { matchLabels: { a: 'b' } } }, true],
    ['other labels', {}, { objectSelector: { matchLabels: { a: 'c' } } }, false],
    [
      'namespace',
      {},
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } },
      true,
    ],
    [
      'other namespaces',
      {},
      { namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'Exists' }] } },
      false,
    ],
  ])('match by %s, in policies and in bindings', async (_what, rule, match, isMatch) => {
    const code = isMatch ? 422 : 201
    await enforce(never, { rule, match })
    expect((await ask(api, `${MAPS}?dryRun=All`, post(map('probe', {}, { a: 'b' })))).code).toBe(code)
    await good(`${BINDINGS}/b`, { method: 'DELETE' })
    await good(`${POLICIES}/p`, { method: 'DELETE' })
    await enforce(never, { binding: { matchResources: { resourceRules: [ruleFor(rule)], ...match } } })
    expect((await ask(api, `${MAPS}?dryRun=All`, post(map('probe', {}, { a: 'b' })))).code).toBe(code)
  })

  it('match objects by the labels that they had, too, and namespaces by those that they are given', async () => {
    await good(MAPS, post(map('one', {}, { a: 'b' })))
    await enforce(never, { match: { objectSelector: { matchLabels: { a: 'b' } } } })
    expect((await ask(api, `${MAPS}/one`, merge({ metadata: { labels: { a: null } } }))).code).toBe(422)
    expect((await ask(api, `${MAPS}/one`, { method: 'DELETE' })).code).toBe(422)
    await good(`${BINDINGS}/b`, { method: 'DELETE' })
    await good(`${POLICIES}/p`, { method: 'DELETE' })
    const namespaceSelector = { matchLabels: { env: 'test' } }
    await enforce(never, { rule: { resources: ['*'] }, match: { namespaceSelector } })
    const space = (labels: object): object => ({ metadata: { name: 'space', labels } })
    expect((await ask(api, '/api/v1/namespaces', post(space({ env: 'test' })))).code).toBe(422)
    await good('/api/v1/namespaces', post(space({ env: 'live' })))
    await good('/api/v1/namespaces/space/configmaps', post(map('one')))
    // What belongs to no namespace is not kept out by a selector of namespaces.
    expect(
      (await ask(api, '/apis/rbac.authorization.k8s.io/v1/clusterroles', post({ metadata: { name: 'r' } })))
        .code,
    ).toBe(422)
  })

  it('see an equivalent kind in the form that they name, unless they want exact matches', async () => {
    const scalers = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers'
    const scaler = {
      metadata: { name: 'web' },
      spec: {
        maxReplicas: 3,
        targetCPUUtilizationPercentage: 50,
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
      },
    }
    const rule = { apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] }
    const validations = [
      {
        expression:
          'object.apiVersion == "autoscaling/v2" && request.kind.version == "v2" && request.requestKind.version == "v1" && object.spec.metrics[0].resource.target.averageUtilization != 50',
        message: 'seen as v2',
      },
    ]
    await enforce({ validations }, { rule })
    const reply = await ask(api, scalers, post(scaler))
    expect(reply.json.message).toContain('seen as v2')
    await good(
      `${POLICIES}/p`,
      merge({ spec: { matchConstraints: { matchPolicy: 'Exact', resourceRules: [ruleFor(rule)] } } }),
    )
    await good(`${scalers}?dryRun=All`, post(scaler))
  })

  it('warn, deny or do neither as the binding says', async () => {
    const act = async (...validationActions: string[]): Promise<Reply> => {
      await enforce(never, { binding: { validationActions } })
      const reply = await ask(api, `${MAPS}?dryRun=All`, post(map('one')))
      await good(`${BINDINGS}/b`, { method: 'DELETE' })
      await good(`${POLICIES}/p`, { method: 'DELETE' })
      return reply
    }
    const warned = await act('Warn')
    expect(warned.code).toBe(201)
    expect(warned.headers.warning).toBe(
      "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': never\"",
    )
    const audited = await act('Audit')
    expect([audited.code, audited.headers.warning]).toEqual([201, undefined])
    const both = await act('Audit', 'Deny')
    expect(both.code).toBe(422)
  })

  it.each([
    ['Forbidden', 403],
    ['Unauthorized', 401],
    ['RequestEntityTooLarge', 413],
    ['Invalid', 422],
  ])('refuse with the reason %s', async (reason, code) => {
    await enforce({ validations: [{ expression: 'false', reason }] })
    const { json } = await ask(api, MAPS, post(map('one')))
    expect([json.reason, json.code]).toEqual([reason, code])
  })

  it('let pass what they cannot judge by failurePolicy Ignore', async () => {
    await enforce({ validations: [{ expression: 'object.data.missing == "x"' }] })
    const reply = await ask(api, MAPS, post(map('one', { a: 'b' })))
    expect(reply.json.message).toBe(
      `configmaps "one" is forbidden: ${denied}: expression 'object.data.missing == "x"' resulted in error: No such key: missing`,
    )
    await good(`${POLICIES}/p`, merge({ spec: { failurePolicy: 'Ignore' } }))
    await good(MAPS, post(map('one', { a: 'b' })))
  })

  it('take parameters by name or selector, from a namespace or that of the request', async () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
    const limit = (name: string, max: string, labels: object = {}): object => map(name, { max }, labels)
    const validations = [
      {
        expression: 'params == null || object.spec.replicas <= int(params.data.max)',
        messageExpression: '"at most " + params.data.max',
      },
    ]
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'a' }] } }
    const write = async (replicas: number): Promise<string> => {
      const spec = { replicas, selector: { matchLabels: { a: 'b' } }, template }
      const reply = await ask(api, `${DEPLOYMENTS}?dryRun=All`, post({ metadata: { name: 'web' }, spec }))
      return reply.code === 201 ? 'ok' : reply.json.message.replace(/^.*denied request: /, '')
    }
    await good(MAPS, post(limit('limit', '5')))
    await good('/api/v1/namespaces/kube-system/configmaps', post(limit('low', '2', { set: 'a' })))
    await good('/api/v1/namespaces/kube-system/configmaps', post(limit('lower', '1', { set: 'a' })))
    const rule = { apiGroups: ['apps'], resources: ['deployments'] }
    await enforce({ paramKind, validations }, { rule })
    const refer = (paramRef: object | null): Promise<Reply> =>
      good(`${BINDINGS}/b`, merge({ spec: { paramRef } }))
    expect(await write(9)).toBe('ok')
    await refer({ name: 'limit', parameterNotFoundAction: 'Deny' })
    expect([await write(5), await write(6)]).toEqual(['ok', 'at most 5'])
    await good(`${MAPS}/limit`, merge({ data: { max: '6' } }))
    expect(await write(6)).toBe('ok')
    await refer({ name: 'low', namespace: 'kube-system' })
    expect([await write(2), await write(3)]).toEqual(['ok', 'at most 2'])
    await refer({ name: null, selector: { matchLabels: { set: 'a' } } })
    expect([await write(1), await write(2), await write(3)]).toEqual(['ok', 'at most 1', 'at most 2'])
    await refer({ selector: { matchLabels: { set: 'z' } } })
    expect(await write(9)).toBe(
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    )
    await refer({ parameterNotFoundAction: 'Allow' })
    expect(await write(9)).toBe('ok')
    await good(`${POLICIES}/p`, merge({ spec: { paramKind: { apiVersion: 'x.io/v1', kind: 'Limit' } } }))
    expect(await write(9)).toContain('paramKind kind `x.io/v1, Kind=Limit` not known')
    await good(`${POLICIES}/p`, merge({ spec: { failurePolicy: 'Ignore' } }))
    expect(await write(9)).toBe('ok')
  })

  it('judge custom resources, and take parameters of kinds that users define', async () => {
    await define(api, definition('Limit', { group: 'x.io' }))
    const limits = '/apis/x.io/v1/namespaces/default/limits'
    const limit = (name: string, max: number): object => ({
      apiVersion: 'x.io/v1',
      kind: 'Limit',
      metadata: { name },
      spec: { max },
    })
    await enforce(
      {
        paramKind: { apiVersion: 'x.io/v1', kind: 'Limit' },
        validations: [{ expression: 'object.spec.max < params.spec.max', message: 'too much' }],
      },
      {
        rule: { apiGroups: ['x.io'], resources: ['limits'] },
        binding: { paramRef: { name: 'top', parameterNotFoundAction: 'Allow' } },
      },
    )
    await good(limits, post(limit('top', 10)))
    await good(limits, post(limit('low', 9)))
    expect((await ask(api, limits, post(limit('high', 11)))).json.message).toBe(
      `limits.x.io "high" is forbidden: ${denied}: too much`,
    )
  })

  it('ask the authorizer about who writes', async () => {
    const ann = await api.identity('ann')
    const rights = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'
    await good(
      `${rights}/roles`,
      post({
        metadata: { name: 'maps' },
        rules: [
          { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'paint'], resourceNames: [] },
        ],
      }),
    )
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'ann' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'maps' }
    await good(`${rights}/rolebindings`, post({ metadata: { name: 'maps' }, subjects, roleRef }))
    await enforce({
      validations: [
        {
          expression:
            'request.userInfo.username != "ann" || authorizer.requestResource.check("paint").allowed() && !authorizer.group("").resource("secrets").namespace("default").check("get").allowed() && !authorizer.path("/metrics").check("get").allowed()',
          message: 'ann paints and reads no secrets',
        },
        {
          expression: 'authorizer.requestResource.check("paint").allowed()',
          message: 'must paint',
        },
      ],
    })
    await expect
      .poll(async () => (await ask(api, `${MAPS}?dryRun=All`, post(map('one'), { as: ann }))).text)
      .toContain('"kind":"ConfigMap"')
    await good(
      `${rights}/roles/maps`,
      merge({ rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }] }),
    )
    await expect
      .poll(async () => (await ask(api, `${MAPS}?dryRun=All`, post(map('one'), { as: ann }))).json.message)
      .toContain(`${denied}: ann paints`)
  })

  it('keep nobody from mending them, and the server from what it records and needs to start', async () => {
    await enforce(never, { rule: { resources: ['*/*'] } })
    expect((await ask(api, '/api/v1/namespaces', post({ metadata: { name: 'x' } }))).code).toBe(422)
    expect((await ask(api, '/apis/apps/v1/namespaces/default/deployments', { method: 'DELETE' })).code).toBe(
      200,
    )
    await good(`${POLICIES}/p`, merge({ metadata: { labels: { a: 'b' } } }))
    const review = { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } }
    await good('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', post(review))
    await good(`${BINDINGS}/b`, { method: 'DELETE' })
  })

  it('are refused with the path of what cannot be compiled', async () => {
    const spec = {
      matchConstraints: { resourceRules: [ruleFor()] },
      variables: [{ name: 'a', expression: 'object.spec +' }],
      validations: [
        { expression: 'nope > 1', reason: 'Nope' },
        { expression: 'object.data.size()', messageExpression: '1' },
      ],
    }
    const { code, json } = await ask(api, POLICIES, post({ metadata: { name: 'p' }, spec }))
    expect(code).toBe(422)
    const fieldsOf = (body: { details: { causes: { field: string }[] } }) =>
      body.details.causes.map(({ field }) => field)
    // What is wrong without compiling is said first.
    expect(fieldsOf(json)).toEqual(['spec.validations[0].reason'])
    const again = {
      ...spec,
      validations: [{ expression: 'nope > 1' }, ...spec.validations.slice(1)],
    }
    const compiled = await ask(api, POLICIES, post({ metadata: { name: 'p' }, spec: again }))
    expect(fieldsOf(compiled.json)).toEqual([
      'spec.variables[0].expression',
      'spec.validations[0].expression',
      'spec.validations[1].expression',
      'spec.validations[1].messageExpression',
    ])
    expect(compiled.json.message).toContain('compilation failed: Unknown variable: nope')
  })

  it('answer though an expression would never end', async () => {
    const list = JSON.stringify(Array.from({ length: 100 }, (_, index) => index))
    const nested = ['a', 'b', 'c', 'd', 'e'].reduceRight(
      (inner, name) => `${list}.all(${name}, ${inner})`,
      'a + b + c + d + e >= 0',
    )
    await enforce({ validations: [{ expression: nested }] })
    const reply = await ask(api, MAPS, post(map('one')))
    expect([reply.code, reply.json.message]).toEqual([422, expect.stringContaining('cost budget')])
    await good(`${MAPS}?limit=1`)
  })

  it('may name as parameters only what their author may read', async () => {
    const bob = await api.identity('bob')
    const rights = '/apis/rbac.authorization.k8s.io/v1'
    const verbs = ['create', 'update', 'patch', 'get']
    const rules = [
      {
        apiGroups: ['admissionregistration.k8s.io'],
        resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
        verbs,
      },
    ]
    await good(`${rights}/clusterroles`, post({ metadata: { name: 'policies' }, rules }))
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'bob' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policies' }
    await good(`${rights}/clusterrolebindings`, post({ metadata: { name: 'policies' }, subjects, roleRef }))
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'Secret' },
      matchConstraints: { resourceRules: [ruleFor()] },
      ...never,
    }
    const policy = { metadata: { name: 'p' }, spec }
    await expect
      .poll(async () => (await ask(api, POLICIES, post(policy, { as: bob }))).json.message)
      .toBe(
        'validatingadmissionpolicies.admissionregistration.k8s.io "p" is forbidden: user bob must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)',
      )
    await good(POLICIES, post(policy))
    const paramRef = { name: 's', namespace: 'default', parameterNotFoundAction: 'Deny' }
    const binding = {
      metadata: { name: 'b' },
      spec: { policyName: 'p', validationActions: ['Deny'], paramRef },
    }
    expect((await ask(api, BINDINGS, post(binding, { as: bob }))).json.message).toBe(
      'validatingadmissionpolicybindings.admissionregistration.k8s.io "b" is forbidden: user bob does not have "get" permission on the object referenced by paramRef',
    )
    await good(BINDINGS, post(binding))
    // Who changes something else needs no more rights than for that.
    await good(`${BINDINGS}/b`, { ...merge({ metadata: { labels: { a: 'b' } } }), as: bob })
  })
})
