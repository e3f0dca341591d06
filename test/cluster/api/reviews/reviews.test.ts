import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, type Reply } from '../support/https.ts'
import { kubectl } from '../support/kubectl.ts'

const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const AUTHENTICATION = '/apis/authentication.k8s.io/v1'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
let api: TestApi
let ada: TestIdentity

beforeAll(async () => {
  api = await startTestApi()
  ada = await api.identity('ada', ['ops'])
  await post('/api/v1/namespaces', { metadata: { name: 'shop' } })
  await post(`${RBAC}/clusterroles`, {
    metadata: { name: 'reader' },
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['users'], resourceNames: ['bob'], verbs: ['impersonate'] },
      { apiGroups: [''], resources: ['groups'], resourceNames: ['helpers'], verbs: ['impersonate'] },
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['userextras/team'],
        resourceNames: ['red'],
        verbs: ['impersonate'],
      },
    ],
  })
  await post(`${RBAC}/clusterrolebindings`, {
    metadata: { name: 'reader' },
    roleRef: { kind: 'ClusterRole', name: 'reader' },
    subjects: [{ kind: 'Group', name: 'ops' }],
  })
  await post(`${RBAC}/namespaces/shop/rolebindings`, {
    metadata: { name: 'bob' },
    roleRef: { kind: 'ClusterRole', name: 'reader' },
    subjects: [
      { kind: 'User', name: 'bob' },
      { kind: 'ServiceAccount', name: 'bot' },
    ],
  })
  await eventually('the roles to count', async () => {
    const { code } = await ask(api, '/api/v1/namespaces/shop/pods', {
      headers: { 'impersonate-user': 'bob' },
    })
    return code === 200
  })
})
afterAll(() => api.close())

function post(path: string, body: object, as?: TestIdentity): Promise<Reply> {
  return ask(api, path, { method: 'POST', body, ...(as === undefined ? {} : { as }) })
}

describe('SelfSubjectAccessReview', () => {
  it.each<[string, object, boolean]>([
    ['a pod anywhere', { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'shop' } }, true],
    ['pods of all namespaces', { resourceAttributes: { verb: 'list', resource: 'pods' } }, true],
    ['their logs', { resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'log' } }, false],
    ['another verb', { resourceAttributes: { verb: 'delete', resource: 'pods' } }, false],
    ['everything', { resourceAttributes: { verb: '*', group: '*', resource: '*' } }, false],
    ['a path', { nonResourceAttributes: { verb: 'get', path: '/version' } }, true],
    ['another path', { nonResourceAttributes: { verb: 'get', path: '/metrics' } }, false],
  ])('answers for %s', async (_, spec, allowed) => {
    const { code, json } = await post(`${AUTHORIZATION}/selfsubjectaccessreviews`, { spec }, ada)
    expect([code, json.kind, json.status.allowed]).toEqual([201, 'SelfSubjectAccessReview', allowed])
    expect(json.spec).toEqual(spec)
  })

  it('says by which binding', async () => {
    const spec = { resourceAttributes: { verb: 'get', resource: 'pods' } }
    const { json } = await post(`${AUTHORIZATION}/selfsubjectaccessreviews`, { spec }, ada)
    expect(json.status.reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "reader" of ClusterRole "reader" to Group "ops"',
    )
  })

  it.each<[string, object, string]>([
    ['nothing', {}, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'],
    [
      'both',
      { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { verb: 'get' } },
      'cannot be specified in combination with resourceAttributes',
    ],
  ])('refuses %s', async (_, spec, message) => {
    const { code, json } = await post(`${AUTHORIZATION}/selfsubjectaccessreviews`, { spec }, ada)
    expect([code, json.reason]).toEqual([422, 'Invalid'])
    expect(json.message).toContain(message)
  })

  it('is created and nothing else', async () => {
    expect((await ask(api, `${AUTHORIZATION}/selfsubjectaccessreviews`)).code).toBe(405)
    const list = await ask(api, AUTHORIZATION)
    expect(
      list.json.resources.map(({ name, verbs }: { name: string; verbs: string[] }) => [name, verbs]),
    ).toEqual([
      ['localsubjectaccessreviews', ['create']],
      ['selfsubjectaccessreviews', ['create']],
      ['selfsubjectrulesreviews', ['create']],
      ['subjectaccessreviews', ['create']],
    ])
  })
})

describe('SubjectAccessReview and LocalSubjectAccessReview', () => {
  const pods = { verb: 'get', resource: 'pods', namespace: 'shop' }

  it('answer for others, whoever may ask', async () => {
    const asked = async (spec: object) =>
      (await post(`${AUTHORIZATION}/subjectaccessreviews`, { spec })).json.status.allowed
    expect(await asked({ user: 'bob', resourceAttributes: pods })).toBe(true)
    expect(await asked({ user: 'bob', resourceAttributes: { ...pods, namespace: 'till' } })).toBe(false)
    expect(await asked({ groups: ['ops'], resourceAttributes: { ...pods, namespace: 'till' } })).toBe(true)
    expect(await asked({ user: 'system:serviceaccount:shop:bot', resourceAttributes: pods })).toBe(true)
    expect(await asked({ user: 'root', groups: ['system:masters'], resourceAttributes: pods })).toBe(true)
    const refused = await post(
      `${AUTHORIZATION}/subjectaccessreviews`,
      { spec: { user: 'bob', resourceAttributes: pods } },
      ada,
    )
    expect(refused.code).toBe(403)
  })

  it('take the values of field selectors for what they are', async () => {
    const listed = async (requirements: object[]) =>
      (
        await post(`${AUTHORIZATION}/subjectaccessreviews`, {
          spec: {
            user: 'system:node:n1',
            groups: ['system:nodes'],
            resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector: { requirements } },
          },
        })
      ).json.status.allowed
    const is = (key: string, value: string) => ({ key, operator: 'In', values: [value] })
    expect(await listed([is('spec.nodeName', 'n1')])).toBe(true)
    expect(await listed([is('metadata.name', 'x,spec.nodeName=n1')])).toBe(false)
    expect(await listed([is('spec.nodeName=n1,metadata.name', 'x')])).toBe(false)
    expect(await listed([is('spec.nodeName', 'n1'), is('metadata.name', 'a=b\\c,')])).toBe(true)
  })

  it('a local one is about its own namespace', async () => {
    const path = `${AUTHORIZATION}/namespaces/shop/localsubjectaccessreviews`
    const good = await post(path, {
      metadata: { namespace: 'shop' },
      spec: { user: 'bob', resourceAttributes: pods },
    })
    expect([good.code, good.json.status.allowed]).toEqual([201, true])
    const other = await post(path, {
      spec: { user: 'bob', resourceAttributes: { ...pods, namespace: 'till' } },
    })
    expect(other.json.message).toContain('spec.resourceAttributes.namespace')
    const nobody = await post(path, { spec: { resourceAttributes: pods } })
    expect(nobody.json.message).toContain('at least one of user or group must be specified')
  })
})

it('SelfSubjectRulesReview lists what the roles give', async () => {
  const { json } = await post(
    `${AUTHORIZATION}/selfsubjectrulesreviews`,
    { spec: { namespace: 'shop' } },
    ada,
  )
  expect(json.status.incomplete).toBe(false)
  expect(json.status.resourceRules).toContainEqual({
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['get', 'list'],
  })
  expect(
    json.status.nonResourceRules.flatMap((rule: { nonResourceURLs: string[] }) => rule.nonResourceURLs),
  ).toContain('/version')
})

describe('SelfSubjectReview and TokenReview', () => {
  it('tell whom the server sees', async () => {
    const { json } = await post(`${AUTHENTICATION}/selfsubjectreviews`, {}, ada)
    expect(json.status.userInfo).toEqual({ username: 'ada', groups: ['ops', 'system:authenticated'] })
    expect(json.metadata).toEqual({ creationTimestamp: expect.stringMatching(/^2\d{3}-\d\d-\d\dT/) })
  })

  it('tell whose a token is, and that one is none', async () => {
    const { token } = await api.joinTokens.create()
    const [, id, secret] = token.split('.')
    const good = await post(`${AUTHENTICATION}/tokenreviews`, { spec: { token: `${id}.${secret}` } })
    expect(good.json.status).toMatchObject({
      authenticated: true,
      user: { username: `system:bootstrap:${id}` },
    })
    const bad = await post(`${AUTHENTICATION}/tokenreviews`, { spec: { token: `${id}.x` } })
    expect([bad.code, bad.json.status]).toEqual([201, { user: {}, error: 'invalid bearer token' }])
    expect((await post(`${AUTHENTICATION}/tokenreviews`, { spec: {} })).code).toBe(400)
  })
})

describe('impersonation', () => {
  const whoami = async (headers: Record<string, string | string[]>, as: TestIdentity = ada) =>
    ask(api, `${AUTHENTICATION}/selfsubjectreviews`, { method: 'POST', body: {}, headers, as })

  it('carries a request out as another, when it is allowed', async () => {
    const { json } = await whoami({
      'Impersonate-User': 'bob',
      'Impersonate-Group': ['helpers'],
      'Impersonate-Extra-Team': ['red'],
    })
    expect(json.status.userInfo).toEqual({
      username: 'bob',
      groups: ['helpers', 'system:authenticated'],
      extra: { team: ['red'] },
    })
  })

  it.each<[string, Record<string, string | string[]>, string]>([
    [
      'another user',
      { 'Impersonate-User': 'root' },
      'users "root" is forbidden: User "ada" cannot impersonate resource "users" in API group "" at the cluster scope',
    ],
    [
      'one of the groups',
      { 'Impersonate-User': 'bob', 'Impersonate-Group': ['helpers', 'system:masters'] },
      'groups "system:masters" is forbidden: User "ada" cannot impersonate resource "groups" in API group "" at the cluster scope',
    ],
    [
      'another value',
      { 'Impersonate-User': 'bob', 'Impersonate-Extra-team': 'blue' },
      'userextras.authentication.k8s.io "blue" is forbidden: User "ada" cannot impersonate resource "userextras/team" in API group "authentication.k8s.io" at the cluster scope',
    ],
    [
      'a ServiceAccount',
      { 'Impersonate-User': 'system:serviceaccount:shop:bot' },
      'serviceaccounts "bot" is forbidden: User "ada" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "shop"',
    ],
  ])('refuses %s', async (_, headers, message) => {
    const { code, json } = await whoami(headers)
    expect([code, json.message]).toEqual([403, message])
  })

  it('needs a user, and never makes anybody a part of the server', async () => {
    expect((await whoami({ 'Impersonate-Group': 'helpers' })).code).toBe(400)
    const headers = { 'Impersonate-User': 'x', 'Impersonate-Group': 'bowline:system' }
    expect((await whoami(headers, api.admin)).code).toBe(403)
  })

  it('gives a ServiceAccount its groups', async () => {
    const { json } = await whoami({ 'Impersonate-User': 'system:serviceaccount:shop:bot' }, api.admin)
    expect(json.status.userInfo.groups).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:shop',
      'system:authenticated',
    ])
  })

  it('is what kubectl --as means', async () => {
    const allowed = await kubectl(api, ['get', 'pods', '-n', 'shop', '--as', 'bob'])
    expect([allowed.code, allowed.stderr]).toEqual([0, 'No resources found in shop namespace.\n'])
    const refused = await kubectl(api, [
      'get',
      'pods',
      '-n',
      'default',
      '--as',
      'bob',
      '--as-group',
      'helpers',
    ])
    expect(refused.stderr).toContain(
      'User "bob" cannot list resource "pods" in API group "" in the namespace "default"',
    )
  })
})

describe('kubectl auth', () => {
  const canI = async (...args: string[]) => {
    const { code, stdout } = await kubectl(api, ['auth', 'can-i', ...args])
    return [code, stdout.trim().split('\n').at(-1)]
  }

  it('can-i asks for oneself and for another', async () => {
    expect(await canI('create', 'deployments', '--namespace', 'shop')).toEqual([0, 'yes'])
    expect(await canI('list', 'pods', '--namespace', 'shop', '--as', 'bob')).toEqual([0, 'yes'])
    expect(await canI('list', 'pods', '--namespace', 'till', '--as', 'bob')).toEqual([1, 'no'])
    expect(await canI('get', 'pods', '--subresource=log', '--namespace', 'shop', '--as', 'bob')).toEqual([
      1,
      'no',
    ])
    expect(await canI('get', '/version', '--as', 'bob')).toEqual([0, 'yes'])
  })

  it('can-i --list lists the rules', async () => {
    const { stdout } = await kubectl(api, ['auth', 'can-i', '--list', '--namespace', 'shop', '--as', 'bob'])
    const lines = stdout.split('\n').map(line => line.replaceAll(/ +/g, ' ').trim())
    expect(lines).toContain('pods [] [] [get list]')
    expect(lines).toContain('[/version] [] [get]')
  })

  it('whoami says who asks', async () => {
    const { stdout } = await kubectl(api, [
      'auth',
      'whoami',
      '--as',
      'bob',
      '--as-group',
      'helpers',
      '-o',
      'json',
    ])
    expect(JSON.parse(stdout).status.userInfo).toMatchObject({
      username: 'bob',
      groups: ['helpers', 'system:authenticated'],
    })
  })

  it('reconcile makes roles and bindings', async () => {
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reconciled', namespace: 'shop' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    }
    const made = await kubectl(api, ['auth', 'reconcile', '-f', '-'], JSON.stringify(role))
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('reconciled')])
    const { json } = await ask(api, `${RBAC}/namespaces/shop/roles/reconciled`)
    expect(json.rules).toEqual(role.rules)
  })

  it('create role, clusterrole and their bindings are RBAC’s own', async () => {
    for (const args of [
      ['role', 'made', '--verb=get,list', '--resource=pods,deployments.apps/scale', '-n', 'shop'],
      ['clusterrole', 'made', '--verb=get', '--non-resource-url=/metrics'],
      ['rolebinding', 'made', '--role=made', '--serviceaccount=shop:bot', '-n', 'shop'],
      ['clusterrolebinding', 'made', '--clusterrole=made', '--group=helpers', '--user=eve'],
    ]) {
      const { code, stderr } = await kubectl(api, ['create', ...args])
      expect([code, stderr]).toEqual([0, ''])
    }
    const { stdout } = await kubectl(api, [
      'get',
      'rolebindings,clusterrolebindings',
      '-n',
      'shop',
      '-o',
      'wide',
    ])
    const rows = stdout.split('\n').map(line => line.replaceAll(/ +/g, ' ').trim())
    expect(rows.find(row => row.startsWith('rolebinding.rbac.authorization.k8s.io/made'))).toMatch(
      / Role\/made \S+ shop\/bot$/,
    )
    expect(rows.find(row => row.startsWith('clusterrolebinding.rbac.authorization.k8s.io/made'))).toMatch(
      / ClusterRole\/made \S+ eve helpers$/,
    )
    const described = await kubectl(api, ['describe', 'clusterrole', 'made'])
    expect(described.stdout).toMatch(/\[\/metrics\]\s+\[\]\s+\[get\]/)
  })
})
