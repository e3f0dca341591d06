import { afterEach, describe, expect, test } from 'vitest'
import type {
  DeletionOptions,
  EntryEvent,
  ListQuery,
  MutationOptions,
  WatchQuery,
} from '../../../src/cluster/api/index.ts'
import {
  type ConfigMap,
  type EventObject,
  formatTime,
  isConflict,
  isGone,
  isNotFound,
  isTransient,
  Kinds,
  type Pod,
  registryKey,
  StatusError,
} from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { delegateStore } from './support/delegate-store.ts'
import { startTestApi, type TestApi, type TestApiOptions } from './test-api.ts'

const LIST: ListQuery = {
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  limit: 0,
  continue: '',
  resourceVersion: '',
  resourceVersionMatch: '',
}
const WATCH: WatchQuery = {
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  resourceVersion: '',
  allowWatchBookmarks: false,
  sendInitialEvents: false,
}
const WRITE: MutationOptions = {
  subresource: '',
  fieldManager: 'test',
  fieldValidation: 'Strict',
  dryRun: false,
}
const DELETE: DeletionOptions = {
  propagationPolicy: '',
  gracePeriodSeconds: undefined,
  preconditionUid: '',
  preconditionResourceVersion: '',
  dryRun: false,
}

describe('createVerbs()', () => {
  let api: TestApi | undefined

  afterEach(async () => {
    await api?.close()
    api = undefined
  })

  async function start(options: TestApiOptions = {}): Promise<TestApi> {
    api = await startTestApi(options)
    return api
  }

  test('a refusal by the authorizer reads as upstream writes it', async () => {
    const { verbs, context } = await start({
      authorizer: {
        authorize: ({ user }) => ({ allowed: user.username === 'admin', reason: 'not today' }),
      },
    })
    const jane = context({ username: 'jane', groups: [] })
    const listed = await failure(verbs.list(jane, Kinds.Pod, { ...LIST, namespace: 'default' }))
    expect(listed.code).toBe(403)
    expect(listed.message).toBe(
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default": not today',
    )
    const read = await failure(verbs.get(jane, Kinds.Node, '', 'n1', 'status'))
    expect(read.message).toBe(
      'nodes "n1" is forbidden: User "jane" cannot get resource "nodes/status" in API group "" at the cluster scope: not today',
    )
    const patch = { type: 'merge', body: {}, force: false } as const
    const scaled = await failure(
      verbs.patch(jane, Kinds.Deployment, 'default', 'web', patch, { ...WRITE, subresource: 'scale' }),
    )
    expect(scaled.message).toContain('"deployments/scale" in API group "apps" in the namespace "default"')
  })

  test('an apply that makes an object needs leave to create', async () => {
    const { verbs, context } = await start({
      authorizer: {
        authorize: ({ user, verb }) => ({
          allowed: user.username === 'admin' || verb === 'patch',
          reason: '',
        }),
      },
    })
    const jane = context({ username: 'jane', groups: [] })
    const apply = { type: 'apply', body: configMap('a'), force: false } as const
    const error = await failure(verbs.patch(jane, Kinds.ConfigMap, 'default', 'a', apply, WRITE))
    expect(error.message).toContain('User "jane" cannot create resource "configmaps"')
  })

  test('verbs that a kind lacks are not allowed', async () => {
    const { verbs, context } = await start()
    for (const action of [
      verbs.create(context(), Kinds.Record, '', { metadata: { name: 'x' } }, WRITE),
      verbs.deleteCollection(context(), Kinds.Namespace, LIST, DELETE),
      verbs.get(context(), Kinds.ConfigMap, 'default', 'a', 'scale'),
      verbs.createSubresource(context(), Kinds.Pod, 'default', 'p', 'exec', {}, WRITE),
    ]) {
      const error = await failure(action)
      expect(error.code).toBe(405)
      expect(error.message).toBe('the server does not allow this method on the requested resource')
    }
  })

  test('a body of another kind, version, name or namespace is refused', async () => {
    const { verbs, context } = await start()
    const create = (body: unknown) =>
      failure(verbs.create(context(), Kinds.ConfigMap, 'default', body, WRITE))
    expect((await create('text')).message).toBe('the body must be a ConfigMap object')
    expect((await create({ ...configMap('a'), apiVersion: 'v2' })).message).toBe(
      'the API version in the data (v2) does not match the expected API version (v1)',
    )
    expect((await create({ ...configMap('a'), kind: 'Secret' })).message).toBe(
      'the kind in the data (Secret) does not match the expected kind (ConfigMap)',
    )
    expect((await create({ ...configMap('a'), metadata: { name: 'a', namespace: 'other' } })).message).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
    expect((await create({ metadata: { name: 'a', labels: { x: 1 } } })).code).toBe(400)
    expect((await create({ metadata: { name: 'a', resourceVersion: '1' } })).message).toBe(
      'resourceVersion should not be set on objects to be created',
    )
    await verbs.create(context(), Kinds.ConfigMap, 'default', configMap('a'), WRITE)
    const renamed = await failure(
      verbs.update(context(), Kinds.ConfigMap, 'default', 'a', configMap('b'), WRITE),
    )
    expect(renamed.message).toBe('the name of the object (b) does not match the name on the URL (a)')
  })

  test('an object that is too large is refused', async () => {
    const { verbs, context } = await start()
    const pod = { ...podNamed('p'), metadata: { name: 'p' } }
    const spec = { containers: [{ name: 'main', image: 'x', args: ['a'.repeat(1_600_000)] }] }
    const error = await failure(verbs.create(context(), Kinds.Pod, 'default', { ...pod, spec }, WRITE))
    expect(error.code).toBe(413)
  })

  test('unknown fields warn when the request asks for warnings', async () => {
    const { verbs, context } = await start()
    const request = context()
    const body = { ...configMap('a'), dataa: {} }
    await verbs.create(request, Kinds.ConfigMap, 'default', body, { ...WRITE, fieldValidation: 'Warn' })
    expect(request.warnings).toEqual(['unknown field "dataa"'])
  })

  test('warnOnWrite() speaks at writes that take effect, and only at those', async () => {
    const { verbs, context } = await start({
      warnOnWrite: ({ verb }, object) => (object.metadata.name === 'a' ? [`owned: ${verb}`] : []),
    })
    const warned = async (action: (request: ReturnType<typeof context>) => Promise<unknown>) => {
      const request = context()
      await action(request)
      return request.warnings
    }
    const merge = (value: string) => ({ type: 'merge', body: { data: { x: value } }, force: false }) as const
    const patch = (value: string) => (request: ReturnType<typeof context>) =>
      verbs.patch(request, Kinds.ConfigMap, 'default', 'a', merge(value), WRITE)
    expect(await warned(r => verbs.create(r, Kinds.ConfigMap, 'default', configMap('a'), WRITE))).toEqual([
      'owned: create',
    ])
    expect(await warned(patch('2'))).toEqual(['owned: patch'])
    expect(await warned(patch('2'))).toEqual([])
    expect(await warned(r => verbs.delete(r, Kinds.ConfigMap, 'default', 'a', DELETE))).toEqual([
      'owned: delete',
    ])
  })

  test('pods get what upstream admits them with', async () => {
    const { verbs, context } = await start()
    const { object } = await verbs.create(context(), Kinds.Pod, 'default', podNamed('p'), WRITE)
    expect((object as Pod).spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [
        {
          key: 'node.kubernetes.io/not-ready',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
        {
          key: 'node.kubernetes.io/unreachable',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
      ],
    })
    const vip = { ...podNamed('q'), spec: { ...podNamed('q').spec!, priorityClassName: 'vip' } }
    const error = await failure(verbs.create(context(), Kinds.Pod, 'default', vip, WRITE))
    expect(error.message).toBe('pods "q" is forbidden: no PriorityClass with name vip was found')
  })

  test('writes keep account of who owns which field', async () => {
    const { verbs, context } = await start()
    const { object } = await verbs.create(context(), Kinds.ConfigMap, 'default', configMap('a'), {
      ...WRITE,
      fieldManager: '',
    })
    expect(object.metadata.managedFields).toMatchObject([
      { manager: 'test', operation: 'Update', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:x': {} } } },
    ])
  })

  test('list() of a version from the future waits three seconds, then says how far the server is', async () => {
    const clock = new FakeClock()
    const { verbs, context, store } = await start({ clock })
    const listing = failure(verbs.list(context(), Kinds.Pod, { ...LIST, resourceVersion: '999999' }))
    await eventually('the wait to begin', () => clock.pending > 2)
    await clock.advance(3_000)
    const error = await listing
    expect(error.code).toBe(504)
    expect(error.message).toBe(`Too large resource version: 999999, current: ${store.revision}`)
    expect(error.details.causes?.[0]?.reason).toBe('ResourceVersionTooLarge')
    expect(error.details.retryAfterSeconds).toBe(1)
  })

  test('list() of a version that is about to be written waits for it', async () => {
    const { verbs, context, client, store } = await start()
    const listing = verbs.list(context(), Kinds.ConfigMap, {
      ...LIST,
      resourceVersion: String(store.revision + 1),
    })
    await client.create(Kinds.ConfigMap, configMap('a'))
    expect((await listing).entries).toHaveLength(1)
  })

  test('list() with Exact shows the past, without its later changes', async () => {
    const { verbs, context, client } = await start()
    const made = await client.create(Kinds.ConfigMap, configMap('a'))
    await client.update(Kinds.ConfigMap, { ...made, data: { x: '2' } })
    const { resourceVersion = '' } = made.metadata
    const exact = { ...LIST, resourceVersion, resourceVersionMatch: 'Exact' } as const
    const list = await verbs.list(context(), Kinds.ConfigMap, exact)
    expect(list.entries.map(({ object }) => object)).toEqual([made])
    expect(list.resourceVersion).toBe(resourceVersion)
    for (const bad of [
      { resourceVersion: 'x' },
      { resourceVersionMatch: 'Exact' as const },
      { resourceVersion: '0', resourceVersionMatch: 'Exact' as const },
      { continue: 'nonsense' },
    ])
      expect((await failure(verbs.list(context(), Kinds.ConfigMap, { ...LIST, ...bad }))).code).toBe(400)
  })

  test('list() pages through a selector', async () => {
    const { verbs, context, client } = await start()
    for (let index = 0; index < 30; index += 1)
      await client.create(
        Kinds.ConfigMap,
        configMap(`c${String(index).padStart(2, '0')}`, { odd: String(index % 2) }),
      )
    const names: string[] = []
    let token = ''
    do {
      const query = { ...LIST, labelSelector: 'odd=1', limit: 4, continue: token }
      const page = await verbs.list(context(), Kinds.ConfigMap, query)
      expect(page.entries.length).toBeLessThanOrEqual(4)
      names.push(...page.entries.map(({ object }) => object.metadata.name ?? ''))
      token = page.continue
    } while (token !== '')
    expect(names).toEqual(
      Array.from({ length: 15 }, (_, index) => `c${String(index * 2 + 1).padStart(2, '0')}`),
    )
  })

  test('watch() with sendInitialEvents marks where the present begins', async () => {
    const { verbs, context, client } = await start()
    await client.create(Kinds.ConfigMap, configMap('a'))
    const query = { ...WATCH, sendInitialEvents: true, allowWatchBookmarks: true }
    const events = iterate(await verbs.watch(context(), Kinds.ConfigMap, query))
    expect(described(await events.next())).toBe('ADDED a')
    const mark = (await events.next()).value as EntryEvent
    expect(mark.type).toBe('BOOKMARK')
    expect(mark.entry.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  })

  test('watch() sends bookmarks that a later watch can begin at', async () => {
    const clock = new FakeClock()
    const { verbs, context, client } = await start({ clock })
    const events = iterate(
      await verbs.watch(context(), Kinds.ConfigMap, { ...WATCH, allowWatchBookmarks: true }),
    )
    const first = events.next()
    const other = await client.create(Kinds.Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
    })
    await clock.advance(60_000)
    const { type, entry } = (await first).value as EntryEvent
    expect(type).toBe('BOOKMARK')
    expect(Number(entry.resourceVersion)).toBeGreaterThanOrEqual(Number(other.metadata.resourceVersion))
    expect(JSON.parse(entry.bytes.toString())).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { resourceVersion: entry.resourceVersion },
    })
  })

  test('watch() shares an event and its bytes among the watchers of a selection, until they leave', async () => {
    const { verbs, context, client } = await start()
    const watchers = await Promise.all(
      [1, 2].map(async () => iterate(await verbs.watch(context(), Kinds.ConfigMap, WATCH))),
    )
    const told = watchers.map(watcher => watcher.next())
    await client.create(Kinds.ConfigMap, configMap('a'))
    const [one, two] = (await Promise.all(told)).map(({ value }) => value as EntryEvent)
    expect(one).toBe(two)
    expect(JSON.parse(one?.entry.bytes.toString() ?? '')).toEqual(one?.entry.object)
    expect(Object.isFrozen(one?.entry.object.metadata)).toBe(true)
    const [leaves, stays] = watchers
    await leaves?.return?.()
    await client.create(Kinds.ConfigMap, configMap('b'))
    expect((await stays?.next())?.value).toMatchObject({ entry: { object: { metadata: { name: 'b' } } } })
    expect(await leaves?.next()).toMatchObject({ done: true })
  })

  test('watch() ends when its time is over, however much of what is there it has not told', async () => {
    const { verbs, context, client } = await start()
    for (const name of ['a', 'b', 'c']) await client.create(Kinds.ConfigMap, configMap(name))
    const over = new AbortController()
    const query = { ...WATCH, resourceVersion: '0' }
    const events = iterate(await verbs.watch({ ...context(), signal: over.signal }, Kinds.ConfigMap, query))
    expect(described(await events.next())).toContain('a')
    over.abort()
    expect((await events.next()).done).toBe(true)
  })

  test('watch() closes a watcher that takes nothing, and writers never wait for it', async () => {
    const { verbs, context, client, store } = await start()
    const events = iterate(await verbs.watch(context(), Kinds.Lease, WATCH))
    const key = (index: number) => registryKey(Kinds.Lease, 'default', `l${index % 50}`)
    const value = Buffer.from(
      JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: {} }),
    )
    for (let round = 0; round < 101; round += 1)
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          store.txn([], [{ type: 'put', key: key(round * 100 + index), value }]),
        ),
      )
    // The caches have seen it all once a read is answered.
    await client.list(Kinds.Lease)
    const error = await failure(drain(events))
    expect(isGone(error)).toBe(true)
  })

  test('watch() and its memory of the past are bounded by bytes as well, and the past goes on from the store', async () => {
    const { verbs, context, client, store } = await start()
    const before = (await client.list(Kinds.ConfigMap)).resourceVersion
    const events = iterate(
      await verbs.watch(context(), Kinds.ConfigMap, { ...WATCH, resourceVersion: before }),
    )
    const key = registryKey(Kinds.ConfigMap, 'default', 'large')
    const versions = 24
    for (let version = 0; version < versions; version += 1) {
      const data = { text: String(version % 10).repeat(1_000_000) }
      const value = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'large', namespace: 'default' },
        data,
      }
      await store.txn([], [{ type: 'put', key, value: Buffer.from(JSON.stringify(value)) }])
    }
    await client.list(Kinds.ConfigMap)
    // 24 MB were never taken: they are not kept for the one who does not read.
    expect(isGone(await failure(drain(events)))).toBe(true)
    const again = iterate(
      await verbs.watch(context(), Kinds.ConfigMap, { ...WATCH, resourceVersion: before }),
    )
    for (let version = 0; version < versions; version += 1) {
      const { value } = await again.next()
      expect((value as EntryEvent).entry.bytes.includes(`"${version % 10}${version % 10}`)).toBe(true)
    }
    await again.return?.()
  })

  test('a watch from before a restart of the server goes on from the store', async () => {
    const running = await start()
    const { resourceVersion } = await running.client.list(Kinds.ConfigMap)
    const made = await running.client.create(Kinds.ConfigMap, configMap('a'))
    await running.client.update(Kinds.ConfigMap, { ...made, data: { x: '2' } })
    const waiting = drain(iterate(await running.verbs.watch(running.context(), Kinds.ConfigMap, WATCH)))
    await running.restart()
    await waiting
    const query = { ...WATCH, resourceVersion }
    const events = iterate(await running.verbs.watch(running.context(), Kinds.ConfigMap, query))
    await running.client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
    const told = [await events.next(), await events.next(), await events.next()]
    expect(told.map(described)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a'])
    const last = told.at(-1)?.value as EntryEvent
    expect(last.entry.resourceVersion).toBe(String(running.store.revision))
  })

  test('caches that lose their place in the store are filled again, and their watchers told to list', async () => {
    let lose = false
    const { verbs, context, client } = await start({
      wrapStore: store =>
        delegateStore(store, {
          async *watch(...call) {
            for await (const batch of store.watch(...call)) {
              if (lose) {
                lose = false
                throw new Error('the disk is gone')
              }
              yield batch
            }
          },
        }),
    })
    const events = iterate(await verbs.watch(context(), Kinds.ConfigMap, WATCH))
    const told = failure(events.next())
    lose = true
    await client.create(Kinds.ConfigMap, configMap('a'))
    expect(isGone(await told)).toBe(true)
    expect((await client.list(Kinds.ConfigMap)).items.map(item => item.metadata.name)).toEqual(['a'])
  })

  test('a store that cannot write is a refusal that may pass', async () => {
    const running = await start()
    await running.store.close()
    const error = await failure(running.client.create(Kinds.ConfigMap, configMap('a')))
    expect(error.code).toBe(503)
    expect(isTransient(error)).toBe(true)
  })

  test('deleteCollection() deletes what a selector finds', async () => {
    const { verbs, context, client } = await start()
    for (const name of ['a', 'b', 'c'])
      await client.create(Kinds.ConfigMap, configMap(name, { keep: String(name === 'b') }))
    const query = { ...LIST, namespace: 'default', labelSelector: 'keep=false' }
    const deleted = await verbs.deleteCollection(context(), Kinds.ConfigMap, query, DELETE)
    expect(deleted.map(({ object }) => object.metadata.name)).toEqual(['a', 'c'])
    expect((await client.list(Kinds.ConfigMap)).items.map(item => item.metadata.name)).toEqual(['b'])
  })

  test('deleteCollection() deletes no more than its limit', async () => {
    const { verbs, context, client } = await start()
    for (const name of ['a', 'b', 'c']) await client.create(Kinds.ConfigMap, configMap(name))
    const query = { ...LIST, namespace: 'default', limit: 1 }
    const deleted = await verbs.deleteCollection(context(), Kinds.ConfigMap, query, DELETE)
    expect(deleted.map(({ object }) => object.metadata.name)).toEqual(['a'])
    expect((await client.list(Kinds.ConfigMap)).items.map(item => item.metadata.name)).toEqual(['b', 'c'])
  })

  test('delete() ends a pod whose grace period is longer than any time', async () => {
    const { verbs, context, client } = await start()
    for (const terminationGracePeriodSeconds of [9_000_000_000_000, 2 ** 62]) {
      const pod = podNamed('p')
      await client.create(Kinds.Pod, {
        ...pod,
        spec: { ...pod.spec!, nodeName: 'n1', terminationGracePeriodSeconds },
      })
      const { entry, gone } = await verbs.delete(context(), Kinds.Pod, 'default', 'p', DELETE)
      expect([gone, entry.object.metadata.deletionGracePeriodSeconds]).toEqual([false, 2 ** 31 - 1])
      const now = { ...DELETE, gracePeriodSeconds: 0 }
      expect((await verbs.delete(context(), Kinds.Pod, 'default', 'p', now)).gone).toBe(true)
    }
  })

  test('delete() tells whether the object is gone, and at which version', async () => {
    const { verbs, context, client, store } = await start()
    await client.create(Kinds.ConfigMap, configMap('a'))
    const { entry, gone } = await verbs.delete(context(), Kinds.ConfigMap, 'default', 'a', DELETE)
    expect(gone).toBe(true)
    expect(entry.resourceVersion).toBe(String(store.revision))
    await client.create(Kinds.Pod, podNamed('p'))
    const foreground = { ...DELETE, propagationPolicy: 'Foreground' } as const
    const pending = await verbs.delete(context(), Kinds.Pod, 'default', 'p', foreground)
    expect(pending.gone).toBe(false)
    expect(pending.entry.object.metadata.finalizers).toEqual(['foregroundDeletion'])
  })

  test('an object is never made in a namespace that begins to end at the same instant', async () => {
    const { client } = await start()
    for (let round = 0; round < 10; round += 1) {
      const name = `shop-${round}`
      await client.create(Kinds.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      const making = Array.from({ length: 5 }, (_, index) =>
        client
          .create(Kinds.ConfigMap, { ...configMap('x'), metadata: { name: `c${index}`, namespace: name } })
          .then(
            made => Number(made.metadata.resourceVersion),
            () => 0,
          ),
      )
      await client.delete(Kinds.Namespace, name)
      const ending = await client.get(Kinds.Namespace, name)
      for (const revision of await Promise.all(making))
        expect(revision).toBeLessThan(Number(ending.metadata.resourceVersion))
    }
  })

  test('a CSR decision is written through approval only', async () => {
    const { client } = await start()
    const made = await client.create(Kinds.CertificateSigningRequest, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'csr' },
      spec: {
        request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----').toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: ['client auth'],
      },
    })
    const conditions = [{ type: 'Approved', status: 'True' as const, reason: 'Test', message: '' }]
    const approved = await client.update(
      Kinds.CertificateSigningRequest,
      { ...made, status: { conditions } },
      { subresource: 'approval' },
    )
    expect(approved.status?.conditions).toMatchObject([{ type: 'Approved' }])
  })

  test('events go an hour after they last happened', async () => {
    const clock = new FakeClock()
    const { client } = await start({ clock })
    const event = (name: string, lastTimestamp: string): EventObject => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      lastTimestamp,
    })
    await client.create(Kinds.Event, event('once', formatTime(clock.now())))
    await clock.advance(3_000_000)
    await client.create(Kinds.Event, event('later', formatTime(clock.now())))
    const names = async () => (await client.list(Kinds.Event)).items.map(item => item.metadata.name)
    expect(await names()).toEqual(['later', 'once'])
    await clock.advance(660_000)
    await eventually('the old event to go', async () => (await names()).length === 1)
    expect(await names()).toEqual(['later'])
  })

  test('reads see every write that was acknowledged, however many there are', async () => {
    const { client } = await start()
    await client.create(Kinds.ConfigMap, configMap('a'))
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let round = 0; round < 20; round += 1) {
          const patch = { type: 'merge', body: { data: { [`w${writer}`]: String(round) } } } as const
          await client.patch(Kinds.ConfigMap, 'a', patch, { namespace: 'default' })
          const { data } = await client.get(Kinds.ConfigMap, 'a', { namespace: 'default' })
          expect(data?.[`w${writer}`]).toBe(String(round))
        }
      }),
    )
  })

  test('an update that rests on a version loses to a concurrent one', async () => {
    const { client } = await start()
    const made = await client.create(Kinds.ConfigMap, configMap('a'))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        client.update(Kinds.ConfigMap, { ...made, data: { x: `n${index}` } }),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(isConflict(outcome.reason)).toBe(true)
  })

  test('an object that was written by another hand is served like any other', async () => {
    const { client, store } = await start()
    const value = Buffer.from(
      JSON.stringify({
        metadata: { name: 'r', resourceVersion: 'x' },
        kind: 'Record',
        apiVersion: 'bowline.dev/v1alpha1',
        spec: {},
      }),
    )
    await store.txn([], [{ type: 'put', key: registryKey(Kinds.Record, undefined, 'r'), value }])
    const record = await client.get(Kinds.Record, 'r')
    expect(record.metadata.resourceVersion).toBe(String(store.revision))
    expect(isNotFound(await failure(client.get(Kinds.Record, 'none')))).toBe(true)
  })
})

function iterate(events: AsyncIterable<EntryEvent>): AsyncIterator<EntryEvent> {
  return events[Symbol.asyncIterator]()
}

async function drain(events: AsyncIterator<EntryEvent>): Promise<void> {
  while (!(await events.next()).done);
}

function described({ value }: IteratorResult<EntryEvent>): string {
  const { type, entry } = value as EntryEvent
  return `${type} ${entry.object.metadata.name}`
}

async function failure(action: Promise<unknown>): Promise<StatusError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof StatusError) return error
  throw new Error('a refusal was expected', { cause: error })
}

function configMap(name: string, labels: Record<string, string> = {}): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels },
    data: { x: '1' },
  }
}

function podNamed(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'web:1' }] },
  }
}
