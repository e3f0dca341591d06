import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, type Question, type Reply } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const PODS = '/api/v1/namespaces/default/pods'
const spec = { containers: [{ name: 'a', image: 'a' }] }

const post = (path: string, body: object, extra: Question = {}): Promise<Reply> =>
  ask(api, path, { method: 'POST', body, ...extra })
const evict = (name: string, fields: object = {}, extra: Question = {}): Promise<Reply> =>
  post(
    `${PODS}/${name}/eviction`,
    { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...fields },
    extra,
  )
const codeOf = async (name: string): Promise<number> => (await ask(api, `${PODS}/${name}`)).code

describe('pods/eviction', () => {
  it('deletes the pod, once and if it is the one that is meant, and not as a dry run', async () => {
    const pod = await post(PODS, { metadata: { name: 'one' }, spec })
    expect((await evict('one', { deleteOptions: { dryRun: ['All'] } })).code).toBe(201)
    expect(await codeOf('one')).toBe(200)
    const other = await evict('one', { deleteOptions: { preconditions: { uid: 'other' } } })
    expect([other.code, other.json.reason]).toEqual([409, 'Conflict'])
    for (const bad of [{ deleteOptions: { gracePeriodSeconds: 'x' } }, { metadata: { name: 'two' } }])
      expect((await evict('one', bad)).code).toBe(400)
    const done = await evict('one', { deleteOptions: { preconditions: { uid: pod.json.metadata.uid } } })
    expect(done.json).toMatchObject({ kind: 'Status', status: 'Success', code: 201 })
    expect(await codeOf('one')).toBe(404)
    expect((await evict('one')).code).toBe(404)
  })

  it('is allowed to whoever may create evictions, and to nobody else', async () => {
    await post(PODS, { metadata: { name: 'two' }, spec })
    const ann = await api.identity('ann')
    expect((await evict('two', {}, { as: ann })).json.message).toContain(
      'User "ann" cannot create resource "pods/eviction"',
    )
    const rights = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'
    const rules = [{ apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] }]
    await post(`${rights}/roles`, { metadata: { name: 'evict' }, rules })
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'ann' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'evict' }
    await post(`${rights}/rolebindings`, { metadata: { name: 'evict' }, subjects, roleRef })
    await expect.poll(async () => (await evict('two', {}, { as: ann })).code).toBe(201)
    expect(await codeOf('two')).toBe(404)
  })

  it('is what kubectl drain asks for, also to see what it would do', async () => {
    await post('/api/v1/nodes', { metadata: { name: 'host' } })
    await post(PODS, { metadata: { name: 'three' }, spec: { ...spec, nodeName: 'host' } })
    const drain = ['drain', 'host', '--force', '--timeout=20s']
    expect(await kubectlOk(api, [...drain, '--dry-run=server'])).toContain(
      'node/host drained (server dry run)',
    )
    expect(await codeOf('three')).toBe(200)
    // Nothing ends the pod here: that it is ending is what was asked for.
    const drained = await kubectl(api, ['drain', 'host', '--force', '--timeout=1s'])
    expect(drained.stderr + drained.stdout).toContain('evicting pod default/three')
    expect((await ask(api, `${PODS}/three`)).json.metadata.deletionTimestamp).toBeDefined()
  })
})

describe('kubectl debug', () => {
  it('is told that nothing runs ephemeral containers', async () => {
    await post(PODS, { metadata: { name: 'four' }, spec })
    const reply = await ask(api, `${PODS}/four/ephemeralcontainers`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
      body: { spec: { ephemeralContainers: [{ name: 'debugger', image: 'x' }] } },
    })
    expect(reply.headers.warning).toContain('nothing runs ephemeral containers yet')
  })
})
