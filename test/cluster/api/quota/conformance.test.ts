import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../base/eventually.ts'
import type { TestApi } from '../support/api-server.ts'
import { startControlledApi } from '../support/controlled-api.ts'
import { ask, type Question, type Reply } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

// Each test has the name of the one of Kubernetes' conformance suite whose questions it asks (docs/conformance.md).

type Amounts = Readonly<Record<string, string>>

let api: TestApi
/** A namespace of its own for each test, so that nobody else's objects count. */
let namespace = ''
let count = 0

const HARD: Amounts = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '2',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'requests.ephemeral-storage': '50Gi',
  'count/replicasets.apps': '5',
  'requests.example.com/dongle': '3',
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes.
type Json = any

function send(path: string, question: Question = {}): Promise<Reply> {
  return ask(api, `/api/v1/namespaces/${namespace}/${path}`, question)
}

async function json(path: string, question: Question = {}): Promise<Json> {
  const reply = await send(path, question)
  expect(reply.code, `${question.method ?? 'GET'} ${path}: ${reply.text}`).toBeLessThan(300)
  return reply.json
}

const post = (body: object): Question => ({ method: 'POST', body })
const merge = (body: object): Question => ({
  method: 'PATCH',
  headers: { 'content-type': 'application/merge-patch+json' },
  body: JSON.stringify(body),
})
const gone = (path: string): Promise<Json> => json(path, { method: 'DELETE' })

async function begin(): Promise<void> {
  count += 1
  namespace = `quota-${count}`
  const made = await ask(api, '/api/v1/namespaces', post({ metadata: { name: namespace } }))
  expect(made.code).toBe(201)
}

function quota(name: string, hard: Amounts = HARD, spec: object = {}): Promise<Json> {
  return json('resourcequotas', post({ metadata: { name }, spec: { hard, ...spec } }))
}

/** Waits until a quota says that so much is used of what it limits. */
function used(name: string, wanted: Amounts): Promise<unknown> {
  return eventually(`${name} to say ${JSON.stringify(wanted)}`, async () => {
    const { spec, status } = await json(`resourcequotas/${name}`)
    if (JSON.stringify(status.hard) !== JSON.stringify(spec.hard)) return undefined
    return Object.entries(wanted).every(([resource, amount]) => status.used?.[resource] === amount)
  })
}

/** The message of a refusal by a quota. */
async function refused(path: string, question: Question): Promise<string> {
  const { code, json: status } = await send(path, question)
  expect({ code, reason: status.reason }).toEqual({ code: 403, reason: 'Forbidden' })
  return status.message
}

const pod = (name: string, requests: Amounts = {}, limits: Amounts = {}, spec: object = {}): Question =>
  post({
    metadata: { name },
    spec: { containers: [{ name: 'pause', image: 'pause', resources: { requests, limits } }], ...spec },
  })

beforeAll(async () => {
  api = await startControlledApi()
})
afterAll(() => api.close())

describe('ResourceQuota', () => {
  it('should create a ResourceQuota and ensure its status is promptly calculated.', async () => {
    await begin()
    await quota('test')
    const nothing = Object.fromEntries(Object.keys(HARD).map(name => [name, '0']))
    await used('test', { ...nothing, resourcequotas: '1' })
  })

  it('should create a ResourceQuota and capture the life of a service.', async () => {
    await begin()
    await quota('test')
    const service = (name: string, type: string): Question =>
      post({ metadata: { name }, spec: { type, ports: [{ port: 80 }] } })
    await json('services', service('plain', 'ClusterIP'))
    await json('services', service('port', 'NodePort'))
    expect(await refused('services', service('balanced', 'LoadBalancer'))).toBe(
      'services "balanced" is forbidden: exceeded quota: test, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
    )
    await refused('services', service('second', 'NodePort'))
    await used('test', { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' })
    await gone('services/port')
    await json('services', service('balanced', 'LoadBalancer'))
    await used('test', { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '1' })
    await gone('services/plain')
    await gone('services/balanced')
    await used('test', { services: '0', 'services.nodeports': '0', 'services.loadbalancers': '0' })
  })

  it('should create a ResourceQuota and capture the life of a secret.', async () => {
    await begin()
    await quota('test', { secrets: '1' })
    await json('secrets', post({ metadata: { name: 'one' }, data: { key: 'dmFsdWU=' } }))
    await used('test', { secrets: '1' })
    await refused('secrets', post({ metadata: { name: 'two' } }))
    await gone('secrets/one')
    await used('test', { secrets: '0' })
  })

  it('should create a ResourceQuota and capture the life of a configMap.', async () => {
    await begin()
    await quota('test', { configmaps: '1' })
    await json('configmaps', post({ metadata: { name: 'one' } }))
    await used('test', { configmaps: '1' })
    await refused('configmaps', post({ metadata: { name: 'two' } }))
    await gone('configmaps/one')
    await used('test', { configmaps: '0' })
  })

  it('should create a ResourceQuota and capture the life of a pod.', async () => {
    await begin()
    await quota('test')
    const dongle = 'example.com/dongle'
    await json(
      'pods',
      pod(
        'fits',
        { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', [dongle]: '2' },
        { [dongle]: '2' },
      ),
    )
    const whole = {
      pods: '1',
      cpu: '500m',
      memory: '252Mi',
      'requests.ephemeral-storage': '30Gi',
      [`requests.${dongle}`]: '2',
    }
    await used('test', whole)
    expect(await refused('pods', pod('large', { cpu: '600m', memory: '100Mi' }))).toBe(
      'pods "large" is forbidden: exceeded quota: test, requested: cpu=600m, used: cpu=500m, limited: cpu=1',
    )
    expect(
      await refused('pods', pod('many', { cpu: '500m', memory: '100Mi', [dongle]: '2' }, { [dongle]: '2' })),
    ).toContain(`requested: requests.${dongle}=2, used: requests.${dongle}=2, limited: requests.${dongle}=3`)
    expect(await refused('pods', pod('silent'))).toBe(
      'pods "silent" is forbidden: failed quota: test: must specify cpu for: pause; memory for: pause',
    )
    const more = merge({ spec: { containers: [{ name: 'pause', resources: { requests: { cpu: '1' } } }] } })
    expect((await send('pods/fits', more)).code).toBe(422)
    await used('test', whole)
    await gone('pods/fits')
    await used('test', { pods: '0', cpu: '0', memory: '0', [`requests.${dongle}`]: '0' })
  })

  it('should create a ResourceQuota and capture the life of a replication controller.', async () => {
    await begin()
    await quota('test', { replicationcontrollers: '1' })
    const controller = (name: string): Question =>
      post({
        metadata: { name },
        spec: {
          replicas: 0,
          selector: { name },
          template: {
            metadata: { labels: { name } },
            spec: { containers: [{ name: 'pause', image: 'pause' }] },
          },
        },
      })
    await json('replicationcontrollers', controller('one'))
    await used('test', { replicationcontrollers: '1' })
    await refused('replicationcontrollers', controller('two'))
    await gone('replicationcontrollers/one')
    await used('test', { replicationcontrollers: '0' })
  })

  it('should create a ResourceQuota and capture the life of a replica set.', async () => {
    await begin()
    await quota('test', { 'count/replicasets.apps': '1' })
    const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`
    const set = (name: string): Question =>
      post({
        metadata: { name },
        spec: {
          replicas: 0,
          selector: { matchLabels: { name } },
          template: {
            metadata: { labels: { name } },
            spec: { containers: [{ name: 'pause', image: 'pause' }] },
          },
        },
      })
    expect((await ask(api, sets, set('one'))).code).toBe(201)
    await used('test', { 'count/replicasets.apps': '1' })
    expect((await ask(api, sets, set('two'))).json.message).toContain(
      'replicasets.apps "two" is forbidden: exceeded quota: test',
    )
    expect((await ask(api, `${sets}/one`, { method: 'DELETE' })).code).toBe(200)
    await used('test', { 'count/replicasets.apps': '0' })
  })

  it('should verify ResourceQuota with terminating scopes.', async () => {
    await begin()
    const hard = { pods: '1', 'requests.cpu': '1', 'limits.cpu': '1' }
    await quota('ending', hard, { scopes: ['Terminating'] })
    await quota('lasting', hard, { scopes: ['NotTerminating'] })
    const nothing = { pods: '0', 'requests.cpu': '0', 'limits.cpu': '0' }
    const something = { pods: '1', 'requests.cpu': '500m', 'limits.cpu': '1' }
    await json('pods', pod('lasts', { cpu: '500m' }, { cpu: '1' }))
    await used('lasting', something)
    await used('ending', nothing)
    await gone('pods/lasts')
    await used('lasting', nothing)
    const timed = { activeDeadlineSeconds: 3600 }
    await json('pods', pod('ends', { cpu: '500m' }, { cpu: '1' }, timed))
    await used('ending', something)
    await used('lasting', nothing)
    expect(await refused('pods', pod('ends-too', { cpu: '500m' }, { cpu: '1' }, timed))).toContain(
      'exceeded quota: ending',
    )
    await gone('pods/ends')
    await used('ending', nothing)
  })

  it('should verify ResourceQuota with best effort scope.', async () => {
    await begin()
    await quota('best', { pods: '1' }, { scopes: ['BestEffort'] })
    await quota('better', { pods: '1' }, { scopes: ['NotBestEffort'] })
    await json('pods', pod('idle'))
    await used('best', { pods: '1' })
    await used('better', { pods: '0' })
    await gone('pods/idle')
    await used('best', { pods: '0' })
    await json('pods', pod('busy', { cpu: '100m' }))
    await used('better', { pods: '1' })
    await used('best', { pods: '0' })
    await gone('pods/busy')
    await used('better', { pods: '0' })
  })

  it('should be able to update and delete ResourceQuota.', async () => {
    await begin()
    await quota('test', { cpu: '1', memory: '500Mi' })
    const found = await json('resourcequotas/test')
    const hard = { cpu: '2', memory: '1Gi' }
    const updated = await json('resourcequotas/test', {
      method: 'PUT',
      body: { ...found, metadata: { name: 'test' }, spec: { hard } },
    })
    expect(updated.spec.hard).toEqual(hard)
    await used('test', { cpu: '0', memory: '0' })
    await gone('resourcequotas/test')
    expect((await send('resourcequotas/test')).code).toBe(404)
  })

  it('should manage the lifecycle of a ResourceQuota', async () => {
    await begin()
    const labels = { 'e2e-rq-label': 'one' }
    const body = { metadata: { name: 'test', labels }, spec: { hard: { cpu: '1', memory: '500Mi' } } }
    await json('resourcequotas', post(body))
    const everywhere = '/api/v1/resourcequotas?labelSelector=e2e-rq-label%3Done'
    expect((await ask(api, everywhere)).json.items).toHaveLength(1)
    const patched = await json(
      'resourcequotas/test',
      merge({ metadata: { labels: { test: 'patched' } }, spec: { hard: { memory: '750Mi' } } }),
    )
    expect(patched.spec.hard).toEqual({ cpu: '1', memory: '750Mi' })
    expect(patched.metadata.labels).toEqual({ ...labels, test: 'patched' })
    await gone('resourcequotas?labelSelector=test%3Dpatched')
    expect((await ask(api, everywhere)).json.items).toEqual([])
  })

  it('should apply changes to a resourcequota status', async () => {
    await begin()
    const hard = { cpu: '500m', memory: '500Mi' }
    await quota('test', hard)
    await used('test', { cpu: '0', memory: '0' })
    const other = merge({ status: { hard: { cpu: '1', memory: '1Gi' } }, spec: { hard: { cpu: '7' } } })
    const patched = await json('resourcequotas/test/status', other)
    expect({ spec: patched.spec.hard, status: patched.status.hard }).toEqual({
      spec: hard,
      status: { cpu: '1', memory: '1Gi' },
    })
    // The spec says what is allowed: the status comes back to it.
    await used('test', { cpu: '0', memory: '0' })
    const { spec, status } = await json('resourcequotas/test')
    expect({ spec: spec.hard, status: status.hard }).toEqual({ spec: hard, status: hard })
  })
})

describe('kubectl', () => {
  it('makes a quota, shows what is used of it, and tells who is refused', async () => {
    await begin()
    const at = ['-n', namespace]
    const hard = '--hard=configmaps=1,requests.memory=1Gi,limits.cpu=2'
    await kubectlOk(api, ['create', 'quota', 'small', hard, ...at])
    await kubectlOk(api, ['create', 'configmap', 'one', ...at])
    await used('small', { configmaps: '1', 'requests.memory': '0', 'limits.cpu': '0' })
    const { code, stderr } = await kubectl(api, ['create', 'configmap', 'two', ...at])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'error: failed to create configmap: configmaps "two" is forbidden: exceeded quota: small, requested: configmaps=1, used: configmaps=1, limited: configmaps=1\n',
    })
    expect(await kubectlOk(api, ['get', 'quota', ...at])).toMatch(
      /^NAME +AGE +REQUEST +LIMIT *\nsmall +\S+ +configmaps: 1\/1, requests.memory: 0\/1Gi +limits.cpu: 0\/2 *\n$/,
    )
    expect(await kubectlOk(api, ['describe', 'quota', 'small', ...at])).toMatch(
      /^Name: +small\nNamespace: +quota-\d+\nResource +Used +Hard\n-+ +-+ +-+\nconfigmaps +1 +1\nlimits.cpu +0 +2\nrequests.memory +0 +1Gi\n$/,
    )
    expect(await kubectlOk(api, ['describe', 'namespace', namespace])).toMatch(
      /Resource Quotas\n +Name: +small\n +Resource +Used +Hard\n[ -]+\n +configmaps +1 +1\n/,
    )
  })
})
