import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client, WatchEvent } from '../../src/client/index.ts'
import {
  type ConfigMap,
  type Deployment,
  isAlreadyExists,
  isConflict,
  isGone,
  isNotFound,
  Kinds,
  type KubeObject,
  type Namespace,
  type Pod,
  StatusError,
} from '../../src/kube/index.ts'

/** A server with a client of `system:masters`; fresh for every test, with the bootstrap objects made. */
export interface ClientBackend {
  readonly client: Client
  /** Makes the server forget history. It must have been started with an `eventWindow` of 16. */
  compact(): Promise<void>
  close(): Promise<void>
}

/** What every client promises (`Client`), in process and over HTTPS alike. */
export function describeClient(name: string, open: () => Promise<ClientBackend>): void {
  describe(name, () => {
    let backend: ClientBackend
    let client: Client
    let ended: AbortController

    beforeEach(async () => {
      backend = await open()
      client = backend.client
      ended = new AbortController()
    })
    afterEach(async () => {
      ended.abort()
      await backend.close()
    })

    test('create() answers with the stored object, and get() and list() show the same', async () => {
      const made = await client.create(Kinds.ConfigMap, configMap('a', { x: '1' }))
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect(made.metadata.resourceVersion).toMatch(/^\d+$/)
      expect(await read('a')).toEqual(made)
      const list = await client.list(Kinds.ConfigMap, { namespace: 'default' })
      expect(list.items).toEqual([made])
      expect(Number(list.resourceVersion)).toBeGreaterThanOrEqual(Number(made.metadata.resourceVersion))
    })

    test('create() fills defaults in and starts the generation', async () => {
      const made = await client.create(Kinds.Deployment, deployment('web'))
      expect(made.spec).toMatchObject({
        replicas: 1,
        revisionHistoryLimit: 10,
        strategy: { type: 'RollingUpdate' },
      })
      expect(made.metadata.generation).toBe(1)
    })

    test('create() makes a name out of generateName', async () => {
      const { name: _, ...metadata } = configMap('x').metadata
      const names = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const made = await client.create(Kinds.ConfigMap, {
            ...configMap('x'),
            metadata: { ...metadata, generateName: 'gen-' },
          })
          return made.metadata.name ?? ''
        }),
      )
      expect(new Set(names).size).toBe(5)
      for (const made of names) expect(made).toMatch(/^gen-[a-z0-9]{5}$/)
    })

    test('create() refuses a name that is taken', async () => {
      await client.create(Kinds.ConfigMap, configMap('a'))
      const error = await failure(client.create(Kinds.ConfigMap, configMap('a')))
      expect(isAlreadyExists(error)).toBe(true)
      expect(error.message).toBe('configmaps "a" already exists')
      await client.create(Kinds.Deployment, deployment('web'))
      const second = await failure(client.create(Kinds.Deployment, deployment('web')))
      expect(second.message).toBe('deployments.apps "web" already exists')
    })

    test('create() refuses what is not valid with every problem as a cause', async () => {
      const bad = { ...deployment('Web'), spec: { ...deployment('Web').spec, replicas: -1 } } as Deployment
      const error = await failure(client.create(Kinds.Deployment, bad))
      expect(error.reason).toBe('Invalid')
      expect(error.message).toMatch(/^Deployment\.apps "Web" is invalid: \[/)
      expect(error.details.causes?.map(cause => cause.field)).toEqual(
        expect.arrayContaining(['metadata.name', 'spec.replicas']),
      )
    })

    test('create() refuses a namespace that is not there', async () => {
      const error = await failure(
        client.create(Kinds.ConfigMap, { ...configMap('a'), metadata: { name: 'a', namespace: 'nowhere' } }),
      )
      expect(error.message).toBe('namespaces "nowhere" not found')
      expect(isNotFound(error)).toBe(true)
    })

    test('create() refuses unknown fields when strict, and drops them otherwise', async () => {
      const typo = { ...configMap('a'), dataa: { x: '1' } } as ConfigMap
      const error = await failure(client.create(Kinds.ConfigMap, typo))
      expect(error.message).toBe(
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dataa"',
      )
      expect(error.code).toBe(400)
      const made = await client.create(Kinds.ConfigMap, typo, { fieldValidation: 'Ignore' })
      expect(made).not.toHaveProperty('dataa')
    })

    test('get() of what is not there says so', async () => {
      const error = await failure(client.get(Kinds.Pod, 'x', { namespace: 'default' }))
      expect(isNotFound(error)).toBe(true)
      expect(error.message).toBe('pods "x" not found')
      expect(error.details).toMatchObject({ name: 'x', kind: 'pods' })
    })

    test('update() with an old version is a Conflict, without a version it wins', async () => {
      const first = await client.create(Kinds.Deployment, deployment('web'))
      const second = await client.update(Kinds.Deployment, withReplicas(first, 2))
      expect(second.metadata.generation).toBe(2)
      const error = await failure(client.update(Kinds.Deployment, withReplicas(first, 3)))
      expect(isConflict(error)).toBe(true)
      expect(error.message).toBe(
        'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
      )
      const { resourceVersion: _, ...metadata } = first.metadata
      const third = await client.update(Kinds.Deployment, withReplicas({ ...first, metadata }, 4))
      expect(third.spec?.replicas).toBe(4)
    })

    test('update() that changes nothing writes nothing', async () => {
      const made = await client.create(Kinds.Deployment, deployment('web'))
      expect(await client.update(Kinds.Deployment, made)).toEqual(made)
      const patched = await client.patch(
        Kinds.Deployment,
        'web',
        { type: 'merge', body: { spec: { replicas: 1 } } },
        { namespace: 'default' },
      )
      expect(patched.metadata.resourceVersion).toBe(made.metadata.resourceVersion)
    })

    test('update() cannot change what only the server says', async () => {
      const made = await client.create(Kinds.ConfigMap, configMap('a'))
      const error = await failure(
        client.update(Kinds.ConfigMap, { ...made, metadata: { ...made.metadata, uid: 'other' } }),
      )
      expect(isConflict(error)).toBe(true)
      const kept = await client.update(Kinds.ConfigMap, {
        ...made,
        metadata: { ...made.metadata, creationTimestamp: '2001-01-01T00:00:00Z' },
        data: { y: '1' },
      })
      expect(kept.metadata.creationTimestamp).toBe(made.metadata.creationTimestamp)
    })

    test('update() of the status changes the status alone, of the object all but the status', async () => {
      const made = await client.create(Kinds.Deployment, deployment('web'))
      const status = { replicas: 3, observedGeneration: 1 }
      const reported = await client.update(
        Kinds.Deployment,
        { ...withReplicas(made, 7), status },
        { subresource: 'status' },
      )
      expect(reported.status).toMatchObject(status)
      expect(reported.spec?.replicas).toBe(1)
      expect(reported.metadata.generation).toBe(1)
      const scaled = await client.update(Kinds.Deployment, {
        ...withReplicas(reported, 7),
        status: { replicas: 9 },
      })
      expect(scaled.status).toMatchObject(status)
      expect(scaled.spec?.replicas).toBe(7)
      expect(scaled.metadata.generation).toBe(2)
    })

    test('patch() knows JSON, merge and strategic merge patches', async () => {
      await client.create(Kinds.Deployment, deployment('web'))
      const at = { namespace: 'default' }
      await client.patch(
        Kinds.Deployment,
        'web',
        { type: 'json', body: [{ op: 'replace', path: '/spec/replicas', value: 5 }] },
        at,
      )
      await client.patch(
        Kinds.Deployment,
        'web',
        { type: 'merge', body: { metadata: { labels: { tier: 'front' } } } },
        at,
      )
      const patched = await client.patch(
        Kinds.Deployment,
        'web',
        {
          type: 'strategic',
          body: { spec: { template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } } },
        },
        at,
      )
      expect(patched.spec?.replicas).toBe(5)
      expect(patched.metadata.labels).toEqual({ tier: 'front' })
      expect(patched.spec?.template.spec?.containers.map(container => container.name).sort()).toEqual([
        'main',
        'side',
      ])
    })

    test('patch() by many at a time loses none of them', async () => {
      await client.create(Kinds.ConfigMap, configMap('a'))
      await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          client.patch(
            Kinds.ConfigMap,
            'a',
            { type: 'merge', body: { data: { [`k${index}`]: 'v' } } },
            { namespace: 'default' },
          ),
        ),
      )
      expect(Object.keys((await read('a')).data ?? {})).toHaveLength(13)
    })

    test('patch() of the scale changes the replicas', async () => {
      await client.create(Kinds.Deployment, deployment('web'))
      const scale = (await client.patch(
        Kinds.Deployment,
        'web',
        { type: 'merge', body: { spec: { replicas: 4 } } },
        { namespace: 'default', subresource: 'scale' },
      )) as KubeObject
      expect(scale).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 4 } })
      const live = await client.get(Kinds.Deployment, 'web', { namespace: 'default' })
      expect(live.spec?.replicas).toBe(4)
      expect(live.metadata.generation).toBe(2)
    })

    test('apply makes an object, changes it, and gives up what it no longer declares', async () => {
      const made = await apply('one', { x: '1', y: '1' })
      expect(made.data).toEqual({ x: '1', y: '1' })
      const changed = await apply('one', { x: '2' })
      expect(changed.data).toEqual({ x: '2' })
      const again = await apply('one', { x: '2' })
      expect(again.metadata.resourceVersion).toBe(changed.metadata.resourceVersion)
    })

    test('apply answers with the conflict over a field of another manager, and takes it by force', async () => {
      await apply('one', { x: '1' })
      await apply('two', { y: '1' })
      const error = await failure(apply('two', { x: '2', y: '1' }))
      expect(isConflict(error)).toBe(true)
      expect(error.message).toBe('Apply failed with 1 conflict: conflict with "one": .data.x')
      expect(error.details.causes).toEqual([
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
      ])
      const forced = await apply('two', { x: '2', y: '1' }, true)
      expect(forced.data).toEqual({ x: '2', y: '1' })
      // What `one` lost to `two` is not its to take away any more.
      expect((await apply('one', {})).data).toEqual({ x: '2', y: '1' })
    })

    test('a dry run tells what would be and changes nothing', async () => {
      const { resourceVersion } = await client.list(Kinds.ConfigMap)
      const dryRun = { dryRun: true }
      const would = await client.create(Kinds.ConfigMap, configMap('a', { x: '1' }), dryRun)
      expect(would.data).toEqual({ x: '1' })
      expect(isNotFound(await failure(read('a')))).toBe(true)
      const made = await client.create(Kinds.ConfigMap, configMap('b', { x: '1' }))
      const changed = await client.update(Kinds.ConfigMap, { ...made, data: { x: '2' } }, dryRun)
      expect(changed.data).toEqual({ x: '2' })
      await client.delete(Kinds.ConfigMap, 'b', { namespace: 'default', dryRun: true })
      expect(await read('b')).toEqual(made)
      await client.delete(Kinds.ConfigMap, 'b', { namespace: 'default' })
      expect(await changesAfter(resourceVersion, 2)).toEqual(['ADDED b', 'DELETED b'])
    })

    test('delete() removes an object at once when nothing keeps it', async () => {
      await client.create(Kinds.ConfigMap, configMap('a'))
      await client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
      expect(isNotFound(await failure(read('a')))).toBe(true)
      expect(isNotFound(await failure(client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })))).toBe(
        true,
      )
    })

    test('delete() of an object with finalizers waits for the last of them', async () => {
      const object = configMap('a')
      await client.create(Kinds.ConfigMap, {
        ...object,
        metadata: { ...object.metadata, finalizers: ['example.com/one', 'example.com/two'] },
      })
      await client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
      const ending = await read('a')
      expect(ending.metadata.deletionTimestamp).toBeDefined()
      const more = await failure(finalizers('a', ['example.com/one', 'example.com/two', 'example.com/three']))
      expect(more.reason).toBe('Invalid')
      await finalizers('a', ['example.com/two'])
      expect((await read('a')).metadata.finalizers).toEqual(['example.com/two'])
      await finalizers('a', null)
      expect(isNotFound(await failure(read('a')))).toBe(true)
    })

    test('delete() with a propagation policy leaves its finalizer for the collector', async () => {
      for (const [name, policy, finalizer] of [
        ['orphaned', 'Orphan', 'orphan'],
        ['first', 'Foreground', 'foregroundDeletion'],
      ] as const) {
        await client.create(Kinds.ConfigMap, configMap(name))
        await client.delete(Kinds.ConfigMap, name, { namespace: 'default', propagationPolicy: policy })
        expect((await read(name)).metadata.finalizers).toEqual([finalizer])
      }
    })

    test('delete() with preconditions deletes only that very object', async () => {
      const made = await client.create(Kinds.ConfigMap, configMap('a'))
      const at = { namespace: 'default' }
      for (const preconditions of [{ uid: 'other' }, { resourceVersion: '1' }])
        expect(isConflict(await failure(client.delete(Kinds.ConfigMap, 'a', { ...at, preconditions })))).toBe(
          true,
        )
      const { uid = '', resourceVersion = '' } = made.metadata
      await client.delete(Kinds.ConfigMap, 'a', { ...at, preconditions: { uid, resourceVersion } })
      expect(isNotFound(await failure(read('a')))).toBe(true)
    })

    test('a bound pod ends in its grace period, and at once with none', async () => {
      await client.create(Kinds.Pod, pod('free'))
      await client.delete(Kinds.Pod, 'free', { namespace: 'default' })
      expect(isNotFound(await failure(client.get(Kinds.Pod, 'free', { namespace: 'default' })))).toBe(true)

      await client.create(Kinds.Pod, pod('bound'))
      await bind('bound', 'host-1')
      await client.delete(Kinds.Pod, 'bound', { namespace: 'default' })
      const ending = await client.get(Kinds.Pod, 'bound', { namespace: 'default' })
      expect(ending.metadata.deletionGracePeriodSeconds).toBe(30)
      const end = Date.parse(ending.metadata.deletionTimestamp ?? '')
      expect(end - Date.parse(ending.metadata.creationTimestamp ?? '')).toBeGreaterThanOrEqual(30_000)
      await client.delete(Kinds.Pod, 'bound', { namespace: 'default', gracePeriodSeconds: 5 })
      const sooner = await client.get(Kinds.Pod, 'bound', { namespace: 'default' })
      expect(sooner.metadata.deletionGracePeriodSeconds).toBe(5)
      expect(Date.parse(sooner.metadata.deletionTimestamp ?? '')).toBe(end - 25_000)
      await client.delete(Kinds.Pod, 'bound', { namespace: 'default', gracePeriodSeconds: 0 })
      expect(isNotFound(await failure(client.get(Kinds.Pod, 'bound', { namespace: 'default' })))).toBe(true)
    })

    test('createSubresource() binds a pod once', async () => {
      await client.create(Kinds.Pod, pod('p'))
      await bind('p', 'host-1')
      const bound = await client.get(Kinds.Pod, 'p', { namespace: 'default' })
      expect(bound.spec?.nodeName).toBe('host-1')
      expect(bound.status?.conditions).toEqual([
        expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
      ])
      const error = await failure(bind('p', 'host-2'))
      expect(isConflict(error)).toBe(true)
      expect(error.message).toBe(
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "host-1"',
      )
    })

    test('delete() of a namespace makes it Terminating until it is finalized', async () => {
      await client.create(Kinds.Namespace, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'shop' },
      })
      await client.delete(Kinds.Namespace, 'shop')
      const ending = await client.get(Kinds.Namespace, 'shop')
      expect(ending.status?.phase).toBe('Terminating')
      const error = await failure(
        client.create(Kinds.ConfigMap, { ...configMap('a'), metadata: { name: 'a', namespace: 'shop' } }),
      )
      expect(error.message).toBe(
        'configmaps "a" is forbidden: unable to create new content in namespace shop because it is being terminated',
      )
      expect(error.details.causes?.[0]?.reason).toBe('NamespaceTerminating')
      await client.update(Kinds.Namespace, { ...ending, spec: {} } as Namespace, { subresource: 'finalize' })
      expect(isNotFound(await failure(client.get(Kinds.Namespace, 'shop')))).toBe(true)
      const immortal = await failure(client.delete(Kinds.Namespace, 'default'))
      expect(immortal.message).toBe('namespaces "default" is forbidden: this namespace may not be deleted')
    })

    test('list() pages over one state, whatever is written between the pages', async () => {
      for (let index = 0; index < 7; index += 1) await client.create(Kinds.ConfigMap, configMap(`c${index}`))
      const names: string[] = []
      let token: string | undefined
      let revision: string | undefined
      for (;;) {
        const page = await client.list(Kinds.ConfigMap, {
          namespace: 'default',
          limit: 3,
          ...(token === undefined ? {} : { continue: token }),
        })
        revision ??= page.resourceVersion
        expect(page.resourceVersion).toBe(revision)
        names.push(...page.items.map(item => item.metadata.name ?? ''))
        if (page.continue !== undefined) expect(page.remainingItemCount).toBe(7 - names.length)
        token = page.continue
        if (token === undefined) break
        await client.create(Kinds.ConfigMap, configMap(`c${names.length}x`))
        await client.delete(Kinds.ConfigMap, `c6`, { namespace: 'default' }).catch(() => undefined)
      }
      expect(names).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'])
    })

    test('list() of a page whose state was forgotten is Gone', async () => {
      for (let index = 0; index < 4; index += 1) await client.create(Kinds.ConfigMap, configMap(`c${index}`))
      const page = await client.list(Kinds.ConfigMap, { namespace: 'default', limit: 2 })
      await client.create(Kinds.ConfigMap, configMap('later'))
      await backend.compact()
      const error = await failure(
        client.list(Kinds.ConfigMap, { namespace: 'default', limit: 2, continue: page.continue ?? '' }),
      )
      expect(isGone(error)).toBe(true)
      expect(error.reason).toBe('Expired')
      // The refusal tells how to go on all the same, at the newest state.
      const rest = await client.list(Kinds.ConfigMap, { namespace: 'default', continue: error.continue })
      expect(rest.items.map(item => item.metadata.name)).toEqual(['c2', 'c3', 'later'])
    })

    test('list() selects by labels and fields', async () => {
      for (const [name, app, node] of [
        ['a', 'web', 'host-1'],
        ['b', 'web', 'host-2'],
        ['c', 'db', 'host-1'],
      ] as const) {
        await client.create(Kinds.Pod, pod(name, { app }))
        await bind(name, node)
      }
      const names = async (selection: object) =>
        (await client.list(Kinds.Pod, { namespace: 'default', ...selection })).items.map(
          item => item.metadata.name,
        )
      expect(await names({ labelSelector: 'app=web' })).toEqual(['a', 'b'])
      expect(await names({ labelSelector: 'app notin (web)' })).toEqual(['c'])
      expect(await names({ fieldSelector: 'spec.nodeName=host-1' })).toEqual(['a', 'c'])
      expect(await names({ fieldSelector: 'spec.nodeName=host-1', labelSelector: 'app=web' })).toEqual(['a'])
      expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b'])
      expect(await names({ namespace: 'kube-system', fieldSelector: 'spec.nodeName=host-1' })).toEqual([])
      const error = await failure(client.list(Kinds.Pod, { fieldSelector: 'spec.hostname=x' }))
      expect(error.code).toBe(400)
    })

    test('watch() from a version tells everything after it, in order', async () => {
      const { resourceVersion } = await client.list(Kinds.ConfigMap)
      const made = await client.create(Kinds.ConfigMap, configMap('a'))
      await client.update(Kinds.ConfigMap, { ...made, data: { x: '2' } })
      await client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
      await client.create(Kinds.ConfigMap, configMap('b'))
      expect(await changesAfter(resourceVersion, 4)).toEqual([
        'ADDED a',
        'MODIFIED a',
        'DELETED a',
        'ADDED b',
      ])
    })

    test('watch() without a version tells first what is there', async () => {
      await client.create(Kinds.ConfigMap, configMap('a'))
      await client.create(Kinds.ConfigMap, configMap('b'))
      const events = follow({})
      expect([await next(events), await next(events)]).toEqual(['ADDED a', 'ADDED b'])
      await client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
      expect(await next(events)).toBe('DELETED a')
    })

    test('watch() with a selector tells an object that stops matching as deleted, and one that starts as added', async () => {
      const { resourceVersion } = await client.list(Kinds.ConfigMap)
      const events = follow({ resourceVersion, labelSelector: 'on=yes' })
      const label = async (value: string | null): Promise<ConfigMap> =>
        client.patch(
          Kinds.ConfigMap,
          'a',
          { type: 'merge', body: { metadata: { labels: { on: value } } } },
          { namespace: 'default' },
        )
      await client.create(Kinds.ConfigMap, configMap('a'))
      await label('yes')
      expect(await next(events)).toBe('ADDED a')
      const changed = await label('no')
      const { value } = await events.next()
      expect(value).toMatchObject({ type: 'DELETED', object: { metadata: { labels: { on: 'yes' } } } })
      expect(value?.object.metadata.resourceVersion).toBe(changed.metadata.resourceVersion)
      await label('yes')
      await client.delete(Kinds.ConfigMap, 'a', { namespace: 'default' })
      expect([await next(events), await next(events)]).toEqual(['ADDED a', 'DELETED a'])
    })

    test('watch() from a version that was forgotten is Gone', async () => {
      const { resourceVersion } = await client.list(Kinds.ConfigMap)
      for (let index = 0; index < 40; index += 1) await client.create(Kinds.ConfigMap, configMap(`c${index}`))
      await backend.compact()
      const error = await failure(follow({ resourceVersion }).next())
      expect(isGone(error)).toBe(true)
    })

    test('watch() ends when its signal aborts', async () => {
      const events = follow({})
      const waiting = events.next()
      ended.abort()
      expect((await waiting).done).toBe(true)
    })

    test('a list and a watch from its version miss nothing while writers write', async () => {
      const writing = Promise.all(Array.from({ length: 4 }, (_, writer) => churn(`w${writer}`)))
      const state = new Map<string, string>()
      const list = await client.list(Kinds.ConfigMap, { namespace: 'default' })
      for (const item of list.items) state.set(item.metadata.name ?? '', item.metadata.resourceVersion ?? '')
      const events = follow({ namespace: 'default', resourceVersion: list.resourceVersion })
      await writing
      await client.create(Kinds.ConfigMap, configMap('end'))
      for (;;) {
        const { value } = await events.next()
        if (value === undefined) throw new Error('the watch ended')
        const { name = '', resourceVersion = '' } = value.object.metadata
        if (value.type === 'DELETED') state.delete(name)
        else if (value.type !== 'BOOKMARK') state.set(name, resourceVersion)
        if (name === 'end') break
      }
      const live = await client.list(Kinds.ConfigMap, { namespace: 'default' })
      expect([...state].sort()).toEqual(
        live.items.map(item => [item.metadata.name, item.metadata.resourceVersion]).sort(),
      )
    })

    async function churn(name: string): Promise<void> {
      for (let round = 0; round < 10; round += 1) {
        const made = await client.create(Kinds.ConfigMap, configMap(name))
        await client.update(Kinds.ConfigMap, { ...made, data: { round: String(round) } })
        if (round < 9) await client.delete(Kinds.ConfigMap, name, { namespace: 'default' })
      }
    }

    async function read(name: string): Promise<ConfigMap> {
      return client.get(Kinds.ConfigMap, name, { namespace: 'default' })
    }

    async function apply(manager: string, data: Record<string, string>, force = false): Promise<ConfigMap> {
      return client.patch(
        Kinds.ConfigMap,
        'applied',
        { type: 'apply', body: configMap('applied', data), force },
        { namespace: 'default', fieldManager: manager },
      )
    }

    async function bind(name: string, node: string): Promise<unknown> {
      const body = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name },
        target: { kind: 'Node', name: node },
      }
      return client.createSubresource(Kinds.Pod, name, 'binding', body, { namespace: 'default' })
    }

    async function finalizers(name: string, left: readonly string[] | null): Promise<unknown> {
      const body = { metadata: { finalizers: left } }
      return client.patch(Kinds.ConfigMap, name, { type: 'merge', body }, { namespace: 'default' })
    }

    function follow(options: object): AsyncIterator<WatchEvent<ConfigMap>> {
      const from = { namespace: 'default', ...options, signal: ended.signal }
      return client.watch(Kinds.ConfigMap, from)[Symbol.asyncIterator]()
    }

    async function next(events: AsyncIterator<WatchEvent<ConfigMap>>): Promise<string> {
      for (;;) {
        const { value } = await events.next()
        if (value === undefined) throw new Error('the watch ended')
        if (value.type !== 'BOOKMARK') return `${value.type} ${value.object.metadata.name}`
      }
    }

    async function changesAfter(resourceVersion: string, count: number): Promise<string[]> {
      const events = follow({ resourceVersion })
      const changes: string[] = []
      while (changes.length < count) changes.push(await next(events))
      return changes
    }
  })
}

async function failure(action: Promise<unknown>): Promise<StatusError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof StatusError) return error
  throw new Error('a refusal was expected', { cause: error })
}

function configMap(name: string, data: Record<string, string> = { x: '1' }): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }
}

function pod(name: string, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'main', image: 'web:1' }] },
  }
}

function deployment(name: string): Deployment {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
    },
  }
}

function withReplicas(object: Deployment, replicas: number): Deployment {
  return { ...object, spec: { ...object.spec!, replicas } }
}
