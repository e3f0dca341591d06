import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../../src/base/index.ts'
import { Informers } from '../../../../../src/client/index.ts'
import { ClusterRoleAggregationController } from '../../../../../src/cluster/controllers/cluster-role-aggregation-controller.ts'
import { Kinds } from '../../../../../src/kube/index.ts'
import { eventually } from '../../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../../support/api-server.ts'
import { ask, type Question, type Reply } from '../../support/https.ts'

const ROLES = '/apis/rbac.authorization.k8s.io/v1'
let api: TestApi
const people = new Map<string, TestIdentity>()

const stop = new AbortController()
const running: Promise<void>[] = []

beforeAll(async () => {
  api = await startTestApi()
  const parts = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(parts)
  running.push(new ClusterRoleAggregationController({ ...parts, informers }).start(stop.signal))
  running.push(informers.start(stop.signal))
  for (const [name, groups] of [
    ['ada', []],
    ['bob', ['ops']],
    ['chief', []],
    ['eve', []],
    ['lead', []],
    ['namer', []],
  ] as const)
    people.set(name, await api.identity(name, groups))
  await post('/api/v1/namespaces', { metadata: { name: 'shop' } })
  await post('/api/v1/namespaces', { metadata: { name: 'till' } })
})
afterAll(async () => {
  stop.abort()
  await Promise.all(running)
  await api.close()
})

function as(name: string): TestIdentity {
  return people.get(name) as TestIdentity
}

async function post(path: string, body: object, question: Question = {}): Promise<Reply> {
  return ask(api, path, { method: 'POST', body, ...question })
}

function bind(name: string, role: string, user: string, namespace = ''): Promise<Reply> {
  const path =
    namespace === '' ? `${ROLES}/clusterrolebindings` : `${ROLES}/namespaces/${namespace}/rolebindings`
  return post(path, {
    metadata: { name },
    roleRef: { kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', name: user }],
  })
}

/** The authorizer learns of a binding a moment after it is acknowledged. */
function becomes(code: number, question: () => Promise<Reply>): Promise<Reply> {
  return eventually(`the answer ${code}`, async () => {
    const reply = await question()
    return reply.code === code && reply
  })
}

describe('RBAC over HTTPS', () => {
  it('refuses who has no role, in upstream’s words', async () => {
    const { code, json } = await ask(api, '/api/v1/namespaces/shop/pods', { as: as('eve') })
    expect([code, json.message]).toEqual([
      403,
      'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "shop"',
    ])
  })

  it('lets everyone discover what there is, and nobody read other paths', async () => {
    for (const path of ['/version', '/api', '/apis', '/apis/apps/v1', '/openapi/v3', '/readyz'])
      expect((await ask(api, path, { as: as('eve') })).code, path).toBe(200)
    const { code, json } = await ask(api, '/metrics', { as: as('eve') })
    expect([code, json.message]).toEqual([403, 'forbidden: User "eve" cannot get path "/metrics"'])
  })

  it('a view of one namespace reads there, not its Secrets, and nowhere else', async () => {
    expect((await bind('ada', 'view', 'ada', 'shop')).code).toBe(201)
    await becomes(200, () => ask(api, '/api/v1/namespaces/shop/pods', { as: as('ada') }))
    const read = (path: string) => ask(api, path, { as: as('ada') }).then(({ code }) => code)
    expect(await read('/apis/apps/v1/namespaces/shop/deployments')).toBe(200)
    expect(await read('/api/v1/namespaces/shop/secrets')).toBe(403)
    expect(await read('/api/v1/namespaces/till/pods')).toBe(403)
    expect(await read('/api/v1/pods')).toBe(403)
    expect(await read('/api/v1/nodes')).toBe(403)
    // A Namespace is in itself (apiserver `request/requestinfo.go`); all of them are in none.
    expect(await read('/api/v1/namespaces/shop')).toBe(200)
    expect(await read('/api/v1/namespaces/shop/status')).toBe(200)
    expect(await read('/api/v1/namespaces/till')).toBe(403)
    expect(await read('/api/v1/namespaces')).toBe(403)
    expect(await read('/api/v1/namespaces?fieldSelector=metadata.name%3Dshop')).toBe(403)
    const removal = await ask(api, '/api/v1/namespaces/shop', { method: 'DELETE', as: as('ada') })
    expect(removal.json.message).toBe(
      'namespaces "shop" is forbidden: User "ada" cannot delete resource "namespaces" in API group "" in the namespace "shop"',
    )
    const write = await post(
      '/api/v1/namespaces/shop/configmaps',
      { metadata: { name: 'x' } },
      { as: as('ada') },
    )
    expect(write.code).toBe(403)
  })

  it('a role of one namespace, however wide, makes no join token', async () => {
    await api.client.create(
      Kinds.Role,
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'everything' },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      },
      { namespace: 'shop' },
    )
    await post(`${ROLES}/namespaces/shop/rolebindings`, {
      metadata: { name: 'everything' },
      roleRef: { kind: 'Role', name: 'everything' },
      subjects: [{ kind: 'User', name: 'chief' }],
    })
    await becomes(200, () => ask(api, '/api/v1/namespaces/shop/secrets', { as: as('chief') }))
    for (const place of ['', 'namespaces/shop/']) {
      const path = `/apis/bowline.dev/v1alpha1/${place}jointokens`
      const code = place === '' ? 403 : 404
      expect((await post(path, {}, { as: as('chief') })).code, path).toBe(code)
      expect((await ask(api, path, { as: as('chief') })).code, path).toBe(code)
    }
    expect(await api.joinTokens.list()).toEqual([])
  })

  it('a role of a group counts for its members, by name and by subresource', async () => {
    await post(`${ROLES}/namespaces/shop/roles`, {
      metadata: { name: 'one' },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['known'], verbs: ['get', 'update'] },
        { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'] },
      ],
    })
    await post(`${ROLES}/namespaces/shop/rolebindings`, {
      metadata: { name: 'ops' },
      roleRef: { kind: 'Role', name: 'one' },
      subjects: [{ kind: 'Group', name: 'ops' }],
    })
    await post('/api/v1/namespaces/shop/configmaps', { metadata: { name: 'known' } })
    await becomes(200, () => ask(api, '/api/v1/namespaces/shop/configmaps/known', { as: as('bob') }))
    expect((await ask(api, '/api/v1/namespaces/shop/configmaps/other', { as: as('bob') })).code).toBe(403)
    expect((await ask(api, '/api/v1/namespaces/shop/configmaps', { as: as('bob') })).code).toBe(403)
    const scale = (subresource: string) =>
      ask(api, `/apis/apps/v1/namespaces/shop/deployments/none${subresource}`, {
        as: as('bob'),
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: '{}',
      }).then(({ code }) => code)
    expect(await scale('/scale')).toBe(404)
    expect(await scale('')).toBe(403)
  })

  it('who may not is told so, whatever the body holds: it is not looked into', async () => {
    const path = '/api/v1/namespaces/shop/configmaps'
    const asks: readonly (readonly [string, string, string])[] = [
      ['POST', path, 'application/json'],
      ['POST', path, 'application/yaml'],
      ['PUT', `${path}/x`, 'application/json'],
      ['PATCH', `${path}/x`, 'application/json-patch+json'],
      ['PATCH', `${path}/x?fieldManager=eve`, 'application/apply-patch+yaml'],
      ['DELETE', `${path}/x`, 'application/json'],
      ['DELETE', path, 'application/json'],
      ['POST', '/api/v1/namespaces/shop/pods/x/eviction', 'application/json'],
      ['POST', '/api/v1/namespaces/shop/serviceaccounts/x/token', 'application/yaml'],
    ]
    for (const [method, place, type] of asks) {
      const headers = { 'content-type': type }
      const { code } = await ask(api, place, { method, headers, body: '{"a": [', as: as('eve') })
      expect(code, `${method} ${place} ${type}`).toBe(403)
    }
  })

  it('a name in a rule counts for no creation: it comes with the body (as upstream)', async () => {
    await post(`${ROLES}/namespaces/shop/roles`, {
      metadata: { name: 'named' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'], verbs: ['*'] }],
    })
    await post(`${ROLES}/namespaces/shop/rolebindings`, {
      metadata: { name: 'named' },
      roleRef: { kind: 'Role', name: 'named' },
      subjects: [{ kind: 'User', name: 'namer' }],
    })
    const path = '/api/v1/namespaces/shop/configmaps'
    await becomes(404, () => ask(api, `${path}/mine`, { as: as('namer') }))
    const { code, json } = await post(path, { metadata: { name: 'mine' } }, { as: as('namer') })
    expect([code, json.message]).toEqual([
      403,
      'configmaps is forbidden: User "namer" cannot create resource "configmaps" in API group "" in the namespace "shop"',
    ])
    // Of an apply, the path names what it makes.
    const applied = await ask(api, `${path}/mine?fieldManager=namer`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: '{"apiVersion": "v1", "kind": "ConfigMap"}',
      as: as('namer'),
    })
    expect(applied.code).toBe(201)
  })

  it('a list and a watch of one name, by a field selector, count as of that name (as upstream)', async () => {
    const path = '/api/v1/namespaces/shop/configmaps'
    const named = (name: string, more = '') =>
      ask(api, `${path}?fieldSelector=metadata.name%3D${name}${more}`, { as: as('namer') })
    expect((await named('mine')).json.items).toHaveLength(1)
    expect((await named('mine', '&watch=1&timeoutSeconds=1')).code).toBe(200)
    expect((await named('kube-root-ca.crt')).code).toBe(403)
    expect((await ask(api, `${path}?fieldSelector=metadata.name!%3Dx`, { as: as('namer') })).code).toBe(403)
    const removal = await ask(api, `${path}?fieldSelector=metadata.name%3Dmine`, {
      method: 'DELETE',
      as: as('namer'),
    })
    expect(removal.code).toBe(403)
  })

  it('what is taken away is gone', async () => {
    await bind('eve', 'view', 'eve', 'till')
    await becomes(200, () => ask(api, '/api/v1/namespaces/till/pods', { as: as('eve') }))
    await ask(api, `${ROLES}/namespaces/till/rolebindings/eve`, { method: 'DELETE' })
    await becomes(403, () => ask(api, '/api/v1/namespaces/till/pods', { as: as('eve') }))
  })

  it('says that a bound role does not exist', async () => {
    await bind('dangling', 'nothing', 'eve', 'till')
    const { json } = await becomes(403, () => ask(api, '/api/v1/namespaces/till/pods', { as: as('eve') }))
    await eventually('the reason', async () => {
      const reply = await ask(api, '/api/v1/namespaces/till/pods', { as: as('eve') })
      return reply.json.message.includes(': RBAC: clusterroles.rbac.authorization.k8s.io "nothing" not found')
    })
    expect(json.reason).toBe('Forbidden')
  })

  describe('escalation', () => {
    const lead = () => ({ as: as('lead') })
    beforeAll(async () => {
      await bind('lead', 'admin', 'lead', 'shop')
      await becomes(200, () => ask(api, '/api/v1/namespaces/shop/secrets', lead()))
    })

    it('nobody writes a role with more than they hold', async () => {
      const roles = `${ROLES}/namespaces/shop/roles`
      const good = {
        metadata: { name: 'reader' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      }
      expect((await post(roles, good, lead())).code).toBe(201)
      const more = { ...good, rules: [{ apiGroups: ['*'], resources: ['nodes'], verbs: ['get', 'list'] }] }
      const created = await post(roles, { ...more, metadata: { name: 'more' } }, lead())
      expect([created.code, created.json.message]).toEqual([
        403,
        `roles.rbac.authorization.k8s.io "more" is forbidden: user "lead" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:["*"], Resources:["nodes"], Verbs:["get", "list"]}`,
      ])
      const changed = await ask(api, `${roles}/reader`, { ...lead(), method: 'PUT', body: more })
      expect(changed.code).toBe(403)
      const patched = await ask(api, `${roles}/reader`, {
        ...lead(),
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({ rules: more.rules }),
      })
      expect(patched.code).toBe(403)
      expect((await ask(api, `${roles}/reader`)).json.rules).toEqual(good.rules)
    })

    it('a short role that names a billion things is refused at once', async () => {
      const words = Array.from({ length: 200 }, (_, index) => `word${index}`)
      const rules = [{ apiGroups: words, resources: words, resourceNames: words, verbs: words }]
      const path = `${ROLES}/namespaces/shop/roles`
      const created = await post(path, { metadata: { name: 'bomb' }, rules }, lead())
      expect(created.code).toBe(403)
      expect(created.json.message).toContain('its rules name more than 20000 combinations')
    })

    it('nobody binds a role with more than they hold, or one that is not there', async () => {
      const bindings = `${ROLES}/namespaces/shop/rolebindings`
      const body = (name: string, role: string) => ({
        metadata: { name },
        roleRef: { kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'User', name: 'eve' }],
      })
      expect((await post(bindings, body('edit', 'edit'), lead())).code).toBe(201)
      expect((await post(bindings, body('all', 'cluster-admin'), lead())).code).toBe(403)
      expect((await post(bindings, body('none', 'nothing'), lead())).code).toBe(404)
      // With `bind` on that one role it is allowed, though it holds what the lead does not.
      await post(`${ROLES}/namespaces/shop/roles`, {
        metadata: { name: 'binder' },
        rules: [
          {
            apiGroups: ['rbac.authorization.k8s.io'],
            resources: ['clusterroles'],
            resourceNames: ['cluster-admin'],
            verbs: ['bind'],
          },
        ],
      })
      await post(`${ROLES}/namespaces/shop/rolebindings`, {
        metadata: { name: 'binder' },
        roleRef: { kind: 'Role', name: 'binder' },
        subjects: [{ kind: 'User', name: 'lead' }],
      })
      await becomes(201, () => post(bindings, body('all', 'cluster-admin'), lead()))
    })

    it('with `escalate` anything may be written, and only who holds everything gathers', async () => {
      await post(`${ROLES}/clusterroles`, {
        metadata: { name: 'role-writer' },
        rules: [
          {
            apiGroups: ['rbac.authorization.k8s.io'],
            resources: ['clusterroles'],
            verbs: ['create', 'update'],
          },
        ],
      })
      await bind('role-writer', 'role-writer', 'ada')
      const gathering = {
        metadata: { name: 'gathers' },
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
      }
      await eventually('the reason', async () => {
        const reply = await post(`${ROLES}/clusterroles`, gathering, { as: as('ada') })
        return reply.json.message.includes('must have cluster-admin privileges to use an aggregationRule')
      })
      await post(`${ROLES}/clusterroles`, {
        metadata: { name: 'escalator' },
        rules: [
          { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['escalate'] },
        ],
      })
      await bind('escalator', 'escalator', 'ada')
      await becomes(201, () => post(`${ROLES}/clusterroles`, gathering, { as: as('ada') }))
    })
  })
})
