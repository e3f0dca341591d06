import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiPath, type Kind, Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, open, type Question } from '../support/https.ts'
import { sampleOf } from '../support/samples.ts'

// Each test has the name of the one of Kubernetes' conformance suite whose questions it asks (docs/conformance.md).

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const MAPS = '/api/v1/namespaces/default/configmaps'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' }

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes.
async function json(path: string, question: Question = {}): Promise<any> {
  const reply = await ask(api, path, question)
  expect(reply.code, `${question.method ?? 'GET'} ${path}: ${reply.text}`).toBeLessThan(300)
  return reply.json
}

const map = (name: string, labels: object = {}, data: object = {}): object => ({
  metadata: { name, labels },
  data,
})
const post = (body: object): Question => ({ method: 'POST', body })

interface Seen {
  readonly type: string
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string }
    readonly data?: object
  }
}

/** The next `count` events of a watch. */
async function take(stream: IncomingMessage, count: number): Promise<readonly Seen[]> {
  const events: Seen[] = []
  let rest = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    events.push(...lines.map(line => JSON.parse(line)))
    if (events.length >= count) break
  }
  stream.destroy()
  return events.slice(0, count)
}

const told = (events: readonly Seen[]): readonly string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`)

describe('Servers with support for API chunking', () => {
  const templates = '/api/v1/namespaces/default/podtemplates'
  const names = Array.from({ length: 40 }, (_, index) => `template-${String(index).padStart(4, '0')}`)

  it('should return chunks of results for list calls', async () => {
    await Promise.all(
      names.map(name =>
        json(templates, post({ ...sampleOf(Kinds.PodTemplate, 'chunk'), metadata: { name } })),
      ),
    )
    const found: string[] = []
    let next = ''
    let revision: string | undefined
    let remaining = names.length
    do {
      const page = await json(`${templates}?limit=17&continue=${encodeURIComponent(next)}`)
      found.push(...page.items.map((item: { metadata: { name: string } }) => item.metadata.name))
      revision ??= page.metadata.resourceVersion
      expect(page.metadata.resourceVersion).toBe(revision)
      remaining -= page.items.length
      expect(page.metadata.remainingItemCount ?? 0).toBe(remaining)
      next = page.metadata.continue ?? ''
    } while (next !== '')
    expect(found).toEqual(names)
    const whole = await json(templates)
    expect(whole.metadata.continue).toBeUndefined()
    expect(whole.items).toHaveLength(names.length)
  })

  it('should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent', async () => {
    const first = await json(`${templates}?limit=20`)
    const { resourceVersion } = await json(MAPS, post(map('newer'))).then(made => made.metadata)
    await api.store.compact(Number(resourceVersion))
    const gone = await ask(
      api,
      `${templates}?limit=20&continue=${encodeURIComponent(first.metadata.continue)}`,
    )
    expect([gone.code, gone.json.reason]).toEqual([410, 'Expired'])
    const rest = await json(
      `${templates}?limit=20&continue=${encodeURIComponent(gone.json.metadata.continue)}`,
    )
    expect(rest.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(
      names.slice(20),
    )
    expect(Number(rest.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
  })
})

describe('Watchers', () => {
  const watch = (selector: string, version: string): Promise<IncomingMessage> =>
    open(api, `${MAPS}?watch=1&labelSelector=${encodeURIComponent(selector)}&resourceVersion=${version}`)
  const set = (name: string, body: object): Promise<{ metadata: { resourceVersion: string } }> =>
    json(`${MAPS}/${name}`, { method: 'PATCH', headers: MERGE, body: JSON.stringify(body) })
  const now = async (): Promise<string> => (await json(MAPS)).metadata.resourceVersion

  it('should observe add, update, and delete watch notifications on configmaps', async () => {
    const version = await now()
    const [a, b, both] = await Promise.all([
      watch('watch=A', version),
      watch('watch=B', version),
      watch('watch in (A,B)', version),
    ])
    await json(MAPS, post(map('watched-a', { watch: 'A' })))
    await set('watched-a', { data: { mutation: '1' } })
    await json(MAPS, post(map('watched-b', { watch: 'B' })))
    await json(`${MAPS}/watched-a`, { method: 'DELETE' })
    await json(`${MAPS}/watched-b`, { method: 'DELETE' })
    expect(told(await take(a, 3))).toEqual(['ADDED watched-a', 'MODIFIED watched-a', 'DELETED watched-a'])
    expect(told(await take(b, 2))).toEqual(['ADDED watched-b', 'DELETED watched-b'])
    expect(told(await take(both, 5))).toEqual([
      'ADDED watched-a',
      'MODIFIED watched-a',
      'ADDED watched-b',
      'DELETED watched-a',
      'DELETED watched-b',
    ])
  })

  it('should be able to start watching from a specific resource version', async () => {
    await json(MAPS, post(map('from', { watch: 'from' })))
    const first = await set('from', { data: { mutation: '1' } })
    await set('from', { data: { mutation: '2' } })
    await json(`${MAPS}/from`, { method: 'DELETE' })
    const events = await take(await watch('watch=from', first.metadata.resourceVersion), 2)
    expect(told(events)).toEqual(['MODIFIED from', 'DELETED from'])
    expect(events[0]?.object.data).toEqual({ mutation: '2' })
  })

  it('should be able to restart watching from the last resource version observed by the previous watch', async () => {
    const stream = await watch('watch=restart', await now())
    await json(MAPS, post(map('restart', { watch: 'restart' })))
    const [added] = await take(stream, 1)
    await set('restart', { data: { mutation: '2' } })
    await json(`${MAPS}/restart`, { method: 'DELETE' })
    const later = await watch('watch=restart', added?.object.metadata.resourceVersion ?? '')
    expect(told(await take(later, 2))).toEqual(['MODIFIED restart', 'DELETED restart'])
  })

  it('should observe an object deletion if it stops meeting the requirements of the selector', async () => {
    const stream = await watch('watch=label', await now())
    await json(MAPS, post(map('label', { watch: 'label' })))
    await set('label', { metadata: { labels: { watch: 'other' } } })
    await set('label', { data: { mutation: '1' } })
    await set('label', { metadata: { labels: { watch: 'label' } } })
    await json(`${MAPS}/label`, { method: 'DELETE' })
    expect(told(await take(stream, 4))).toEqual([
      'ADDED label',
      'DELETED label',
      'ADDED label',
      'DELETED label',
    ])
  })

  it('should receive events on concurrent watches in same order', async () => {
    const version = await now()
    const streams = await Promise.all(Array.from({ length: 10 }, () => watch('watch=order', version)))
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => json(MAPS, post(map(`order-${index}`, { watch: 'order' })))),
    )
    const orders = await Promise.all(streams.map(stream => take(stream, 20)))
    const versions = orders.map(events => events.map(({ object }) => object.metadata.resourceVersion))
    expect(new Set(versions.map(order => order.join(' '))).size).toBe(1)
    expect(versions[0]).toEqual([...(versions[0] ?? [])].sort((a, b) => Number(a) - Number(b)))
  })
})

describe('FieldValidation', () => {
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
  const body = (name: string): string =>
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"${name}"},"spec":{"unknown1":"a","paused":true,"paused":false,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":"a","unknownNested":1,"imagePullPolicy":"Always","imagePullPolicy":"Never"}]}}}}`
  const headers = { 'content-type': 'application/json' }
  const problems = [
    'unknown field "spec.unknown1"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'duplicate field "spec.paused"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
  ]

  it('should detect unknown and duplicate fields of a typed object', async () => {
    const strict = await ask(api, `${DEPLOYMENTS}?fieldValidation=Strict`, {
      method: 'POST',
      headers,
      body: body('strict'),
    })
    expect(strict.code).toBe(400)
    expect(problems.some(problem => strict.json.message.includes(problem))).toBe(true)
    const warned = await ask(api, `${DEPLOYMENTS}?fieldValidation=Warn`, {
      method: 'POST',
      headers,
      body: body('warned'),
    })
    expect(warned.code).toBe(201)
    for (const problem of problems) expect(warned.headers.warning).toContain(problem.replaceAll('"', '\\"'))
    const ignored = await ask(api, `${DEPLOYMENTS}?fieldValidation=Ignore`, {
      method: 'POST',
      headers,
      body: body('ignored'),
    })
    expect([ignored.code, ignored.headers.warning]).toEqual([201, undefined])
  })

  it('should detect unknown metadata fields of a typed object', async () => {
    const bad = JSON.parse(body('meta').replaceAll(/"unknown\w*":("a"|1),/g, ''))
    bad.metadata.unknownMeta = 'foo'
    bad.spec.template.metadata.unknownInner = 'foo'
    const strict = await ask(api, `${DEPLOYMENTS}?fieldValidation=Strict`, {
      method: 'POST',
      headers,
      body: bad,
    })
    expect(strict.code).toBe(400)
    expect(strict.json.message).toContain('unknown field "metadata.unknownMeta"')
    expect(strict.json.message).toContain('unknown field "spec.template.metadata.unknownInner"')
  })
})

it('server version: should find the server version', async () => {
  const version = await json('/version')
  expect(version).toMatchObject({ major: '1', minor: '32' })
  expect(version.gitVersion).toMatch(/^v1\.32\./)
})

it('Servers with support for Table transformation should return a 406 for a backend which does not implement metadata', async () => {
  const reply = await ask(api, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    method: 'POST',
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io', 'content-type': 'application/json' },
    body: JSON.stringify({
      spec: { resourceAttributes: { namespace: 'default', verb: 'list', resource: 'pods' } },
    }),
  })
  expect([reply.code, reply.json.reason]).toEqual([406, 'NotAcceptable'])
})

it('CSIInlineVolumes should support CSIVolumeSource in Pod API', async () => {
  const csi = { driver: 'inline.example.com', readOnly: true, volumeAttributes: { size: '1' } }
  const pods = '/api/v1/namespaces/default/pods'
  const made = await json(
    pods,
    post({
      metadata: { name: 'inline' },
      spec: { containers: [{ name: 'a', image: 'a' }], volumes: [{ name: 'v', csi }] },
    }),
  )
  expect(made.spec.volumes).toContainEqual({ name: 'v', csi })
  const patched = await json(`${pods}/inline`, {
    method: 'PATCH',
    headers: STRATEGIC,
    body: JSON.stringify({ metadata: { labels: { patched: 'yes' } } }),
  })
  expect(patched.spec.volumes).toEqual(made.spec.volumes)
})

describe('the status of objects', () => {
  const condition = (type: string): object => ({
    type,
    status: 'True',
    reason: 'Tested',
    message: 'as a test would have it',
    lastTransitionTime: '2026-01-02T03:04:05Z',
  })
  const statuses: readonly (readonly [string, Kind, object])[] = [
    [
      'API priority and fairness should support FlowSchema API operations',
      Kinds.FlowSchema,
      { conditions: [condition('Dangling')] },
    ],
    [
      'API priority and fairness should support PriorityLevelConfiguration API operations',
      Kinds.PriorityLevelConfiguration,
      { conditions: [condition('Tested')] },
    ],
    [
      'Ingress API should support creating Ingress API operations',
      Kinds.Ingress,
      { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
    ],
    [
      'PersistentVolumes CSI Conformance should apply changes to a pv/pvc status',
      Kinds.PersistentVolume,
      { phase: 'Released', message: 'as a test would have it', reason: 'Tested' },
    ],
    [
      'PersistentVolumes CSI Conformance should apply changes to a pv/pvc status',
      Kinds.PersistentVolumeClaim,
      { phase: 'Pending', conditions: [condition('Tested')] },
    ],
    [
      'VolumeAttachment Conformance should apply changes to a volumeattachment status',
      Kinds.VolumeAttachment,
      { attached: true },
    ],
    [
      'ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations',
      Kinds.ValidatingAdmissionPolicy,
      { conditions: [condition('Tested')] },
    ],
    ['Job should apply changes to a job status', Kinds.Job, { active: 1, startTime: '2026-01-02T03:04:05Z' }],
    [
      'ReplicationController should test the lifecycle of a ReplicationController',
      Kinds.ReplicationController,
      { replicas: 1, readyReplicas: 1 },
    ],
    [
      'DisruptionController should update/patch PodDisruptionBudget status',
      Kinds.PodDisruptionBudget,
      { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1 },
    ],
    [
      'ResourceQuota should apply changes to a resourcequota status',
      Kinds.ResourceQuota,
      { hard: { pods: '3' }, used: { pods: '1' } },
    ],
  ]
  it.each(statuses.map(([name, kind, status]) => [name, kind.kind, kind, status] as const))(
    '%s (%s)',
    async (_, _name, kind, status) => {
      const collection = apiPath(kind, kind.namespaced ? 'default' : undefined)
      const sample = sampleOf(kind, 'status') as { metadata: { name: string } }
      const object = `${collection}/${sample.metadata.name}`
      const made = await json(collection, post(sample))
      const patched = await json(`${object}/status`, {
        method: 'PATCH',
        headers: MERGE,
        body: JSON.stringify({
          metadata: { annotations: { patched: 'status' } },
          status,
          spec: { ignored: true },
        }),
      })
      expect(patched.status).toMatchObject(status)
      expect(patched.metadata.annotations).toMatchObject({ patched: 'status' })
      expect(patched.spec).toEqual(made.spec)
      const read = await json(object)
      const replaced = await json(`${object}/status`, {
        method: 'PUT',
        body: { ...read, metadata: { ...read.metadata, annotations: { replaced: 'status' } } },
      })
      expect(replaced.status).toEqual(read.status)
      // The main resource leaves the status alone.
      const main = await json(object, { method: 'PUT', body: { ...replaced, status: {} } })
      expect(main.status).toEqual(read.status)
    },
  )

  it('Certificates API should support CSR API operations', async () => {
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
    const made = await json(path, post(sampleOf(Kinds.CertificateSigningRequest, 'signed') as object))
    const approved = await json(`${path}/signed/approval`, {
      method: 'PUT',
      body: { ...made, status: { conditions: [condition('Approved')] } },
    })
    expect(approved.status.conditions[0]).toMatchObject({ type: 'Approved', reason: 'Tested' })
    const noted = await json(`${path}/signed/status`, {
      method: 'PATCH',
      headers: MERGE,
      body: JSON.stringify({ metadata: { annotations: { patched: 'status' } } }),
    })
    expect(noted.status.conditions).toEqual(approved.status.conditions)
  })
})
