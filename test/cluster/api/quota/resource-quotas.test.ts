import { afterEach, describe, expect, it } from 'vitest'
import { BowlineError, type KeyValueStore } from '../../../../src/base/index.ts'
import {
  type ConfigMap,
  type CustomResourceDefinition,
  isAlreadyExists,
  type Kind,
  Kinds,
  type KubeObject,
  type PersistentVolumeClaim,
  type Pod,
  type ResourceQuota,
  type Service,
  StatusError,
} from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { definition } from '../support/definitions.ts'
import { delegateStore } from '../support/delegate-store.ts'
import { startTestApi, type TestApi, type TestApiOptions } from '../test-api.ts'

const NAMESPACE = 'default'

describe('ResourceQuotas', () => {
  let api: TestApi
  afterEach(() => api.close())

  async function start(options: TestApiOptions = {}): Promise<void> {
    api = await startTestApi(options)
  }

  function quota(name: string, hard: Record<string, string>, spec: object = {}): Promise<ResourceQuota> {
    return api.client.create(Kinds.ResourceQuota, {
      metadata: { name, namespace: NAMESPACE },
      spec: { hard, ...spec },
    } as ResourceQuota)
  }

  function setHard(name: string, hard: Record<string, string>): Promise<ResourceQuota> {
    const change = { type: 'merge', body: { spec: { hard } } } as const
    return api.client.patch(Kinds.ResourceQuota, name, change, { namespace: NAMESPACE })
  }

  function pod(name: string, requests: object = {}, spec: object = {}): Promise<Pod> {
    return api.client.create(Kinds.Pod, {
      metadata: { name, namespace: NAMESPACE },
      spec: { containers: [{ name: 'c1', image: 'a', resources: { requests } }], ...spec },
    } as unknown as Pod)
  }

  function configMap(
    name: string,
    options: { dryRun?: boolean; namespace?: string } = {},
  ): Promise<ConfigMap> {
    const { namespace = NAMESPACE, dryRun = false } = options
    return api.client.create(Kinds.ConfigMap, { metadata: { name, namespace } } as ConfigMap, { dryRun })
  }

  function remove(kind: Kind, name: string): Promise<void> {
    return api.client.delete(kind, name, { namespace: NAMESPACE })
  }

  async function refusal(write: Promise<unknown>): Promise<StatusError> {
    const error = await write.then(
      () => undefined,
      reason => reason,
    )
    if (!(error instanceof StatusError)) throw new Error('it was not refused')
    return error
  }

  it('refuse what exceeds one of them, in upstream’s words, and let it in when there is room', async () => {
    await start()
    await quota('few', { pods: '2', 'requests.cpu': '1' })
    await pod('a', { cpu: '300m' })
    const greedy = await refusal(pod('b', { cpu: '800m' }))
    expect(greedy.toStatus()).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      details: { kind: 'pods', name: 'b' },
    })
    expect(greedy.message).toBe(
      'pods "b" is forbidden: exceeded quota: few, requested: requests.cpu=800m, used: requests.cpu=300m, limited: requests.cpu=1',
    )
    await pod('b', { cpu: '500m' })
    expect((await refusal(pod('c', { cpu: '500m' }))).message).toBe(
      'pods "c" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=800m, limited: pods=2,requests.cpu=1',
    )
    await remove(Kinds.Pod, 'a')
    await pod('c', { cpu: '500m' })
  })

  it('refuse a pod that does not say what it takes of what is limited', async () => {
    await start()
    await quota('said', { 'limits.cpu': '1', 'requests.memory': '1Gi' })
    expect((await refusal(pod('x'))).message).toBe(
      'pods "x" is forbidden: failed quota: said: must specify limits.cpu for: c1; requests.memory for: c1',
    )
  })

  it('count from the moment that they are acknowledged, with what was there, and as they are changed', async () => {
    await start()
    await configMap('a')
    await quota('one', { configmaps: '1' })
    await refusal(configMap('b'))
    await setHard('one', { configmaps: '2' })
    await configMap('b')
    await setHard('one', { configmaps: '1' })
    expect((await refusal(configMap('c'))).message).toContain('used: configmaps=2, limited: configmaps=1')
    await remove(Kinds.ResourceQuota, 'one')
    await configMap('c')
  })

  it('are for their own namespace', async () => {
    await start()
    await quota('none', { configmaps: '0', 'count/configmaps': '0' })
    expect((await refusal(configMap('a'))).message).toContain(
      'requested: configmaps=1,count/configmaps=1, used: configmaps=0,count/configmaps=0, limited: configmaps=0,count/configmaps=0',
    )
    await configMap('a', { namespace: 'kube-public' })
  })

  it('let no more in than there is room for, however many ask at once', async () => {
    await start()
    await quota('ten', { configmaps: '10', secrets: '3' })
    const answers = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => configMap(`m${index}`)))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    const { items } = await api.client.list(Kinds.ConfigMap, { namespace: NAMESPACE })
    expect(items).toHaveLength(10)
    // Those that go make room for as many.
    await Promise.all(items.slice(0, 4).map(({ metadata }) => remove(Kinds.ConfigMap, metadata.name ?? '')))
    const more = await Promise.allSettled(Array.from({ length: 30 }, (_, index) => configMap(`n${index}`)))
    expect(more.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
  })

  it('hold for writes under way when their terms change, and however the writes end', async () => {
    const gate = gated()
    await start({ wrapStore: gate.wrap })
    await quota('two', { configmaps: '1' })
    gate.close()
    const first = configMap('a')
    await gate.waiting(1)
    const lowered = setHard('two', { configmaps: '2' })
    await gate.waiting(2)
    gate.open('resourcequotas')
    await lowered
    const second = configMap('b')
    await gate.waiting(2)
    expect((await refusal(configMap('c'))).message).toContain('used: configmaps=2, limited: configmaps=2')
    gate.fail(new BowlineError('unavailable', 'the disk is full'))
    expect((await refusal(first)).code).toBe(503)
    expect((await refusal(second)).code).toBe(503)
    await configMap('c')
    await configMap('d')
    await refusal(configMap('e'))
  })

  it('count a write once that is seen before whoever wrote it knows', async () => {
    let tell: () => void = () => {}
    const told = new Promise<void>(resolve => {
      tell = resolve
    })
    await start({
      wrapStore: store =>
        delegateStore(store, {
          async txn(compares, operations) {
            const result = await store.txn(compares, operations)
            if (operations[0]?.type === 'put' && operations[0].key.endsWith('/slow')) await told
            return result
          },
        }),
    })
    await quota('two', { configmaps: '2' })
    const slow = configMap('slow')
    await eventually('the map to be seen', async () => {
      const { items } = await api.client.list(Kinds.ConfigMap, { namespace: NAMESPACE })
      return items.length === 1
    })
    await configMap('b')
    await refusal(configMap('c'))
    await remove(Kinds.ConfigMap, 'slow')
    await configMap('c')
    await refusal(configMap('d'))
    tell()
    await slow
    await refusal(configMap('d'))
    await remove(Kinds.ConfigMap, 'c')
    await configMap('d')
  })

  it('judge dry runs, which take nothing, and leave alone what is there already', async () => {
    await start()
    await quota('one', { configmaps: '1' })
    for (let time = 0; time < 3; time += 1) await configMap('a', { dryRun: true })
    await configMap('a')
    await refusal(configMap('b', { dryRun: true }))
    expect(isAlreadyExists(await refusal(configMap('a')))).toBe(true)
    const change = { type: 'merge', body: { data: { key: 'value' } } } as const
    await api.client.patch(Kinds.ConfigMap, 'a', change, { namespace: NAMESPACE })
  })

  it('refuse an apply that makes something, not one that changes it', async () => {
    await start()
    await quota('one', { configmaps: '1' })
    const apply = (name: string, value: string): Promise<ConfigMap> =>
      api.client.patch(
        Kinds.ConfigMap,
        name,
        {
          type: 'apply',
          force: false,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } } as never,
        },
        { namespace: NAMESPACE },
      )
    await apply('a', '1')
    await apply('a', '2')
    expect((await refusal(apply('b', '1'))).message).toContain(
      'configmaps "b" is forbidden: exceeded quota: one',
    )
  })

  it('refuse a service that becomes one that takes more, not one that takes less', async () => {
    await start()
    await quota('ports', { services: '2', 'services.nodeports': '2', 'services.loadbalancers': '0' })
    const body = (name: string, spec: object): Service =>
      ({ metadata: { name, namespace: NAMESPACE }, spec }) as Service
    const service = (name: string, spec: object) => api.client.create(Kinds.Service, body(name, spec))
    const patch = (name: string, spec: object) =>
      api.client.patch(Kinds.Service, name, { type: 'merge', body: { spec } }, { namespace: NAMESPACE })
    await service('web', { ports: [{ port: 80 }] })
    await service('api', { type: 'NodePort', ports: [{ port: 80 }] })
    const two = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ]
    expect((await refusal(patch('web', { type: 'NodePort', ports: two }))).message).toBe(
      'services "web" is forbidden: exceeded quota: ports, requested: services.nodeports=2, used: services.nodeports=1, limited: services.nodeports=2',
    )
    expect((await refusal(patch('api', { type: 'LoadBalancer' }))).message).toContain(
      'requested: services.loadbalancers=1,',
    )
    await patch('api', { type: 'ClusterIP' })
    await patch('web', { type: 'NodePort', ports: two })
    expect((await refusal(service('third', { ports: [{ port: 80 }] }))).message).toContain(
      'requested: services=1, used: services=2, limited: services=2',
    )
  })

  it('refuse claims, and claims that grow, by their class too', async () => {
    await start()
    const name = 'local.storageclass.storage.k8s.io/requests.storage'
    await quota('room', { 'requests.storage': '3Gi', [name]: '2Gi' })
    const claim = (claimName: string, storage: string, storageClassName: string) =>
      api.client.create(Kinds.PersistentVolumeClaim, {
        metadata: { name: claimName, namespace: NAMESPACE },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } } },
      } as unknown as PersistentVolumeClaim)
    await claim('a', '1Gi', 'local')
    expect((await refusal(claim('b', '1536Mi', 'local'))).message).toContain(
      `requested: ${name}=1536Mi, used: ${name}=1Gi, limited: ${name}=2Gi`,
    )
    await claim('b', '1536Mi', 'other')
    const bound = { type: 'merge', body: { status: { phase: 'Bound' } } } as const
    await api.client.patch(Kinds.PersistentVolumeClaim, 'a', bound, {
      namespace: NAMESPACE,
      subresource: 'status',
    })
    const grow = (storage: string) =>
      api.client.patch(
        Kinds.PersistentVolumeClaim,
        'a',
        { type: 'merge', body: { spec: { resources: { requests: { storage } } } } },
        { namespace: NAMESPACE },
      )
    expect((await refusal(grow('2Gi'))).message).toContain(
      'requested: requests.storage=1Gi, used: requests.storage=2560Mi, limited: requests.storage=3Gi',
    )
    await grow('1536Mi')
  })

  it('count objects of every kind, those of defined kinds too, and quotas themselves', async () => {
    await start()
    await quota('kinds', {
      'count/deployments.apps': '0',
      'count/crontabs.stable.example.com': '1',
      resourcequotas: '2',
    })
    await quota('second', {})
    expect((await refusal(quota('third', {}))).message).toContain('requested: resourcequotas=1')
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'a', image: 'a' }] } }
    const deployment = {
      metadata: { name: 'web', namespace: NAMESPACE },
      spec: { selector: { matchLabels: { app: 'a' } }, template },
    } as unknown as KubeObject
    expect((await refusal(api.client.create(Kinds.Deployment, deployment as never))).message).toBe(
      'deployments.apps "web" is forbidden: exceeded quota: kinds, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0',
    )
    const kind = await defineCronTabs(api)
    const cronTab = (name: string) =>
      api.client.create(kind, { metadata: { name, namespace: NAMESPACE } } as KubeObject)
    await cronTab('a')
    expect((await refusal(cronTab('b'))).message).toBe(
      'crontabs.stable.example.com "b" is forbidden: exceeded quota: kinds, requested: count/crontabs.stable.example.com=1, used: count/crontabs.stable.example.com=1, limited: count/crontabs.stable.example.com=1',
    )
    await remove(kind, 'a')
    await cronTab('b')
  })

  it('do not count pods that have ended, nor those that should have long since', async () => {
    const clock = new FakeClock()
    await start({ clock })
    await quota('one', { pods: '1' })
    await pod('a', {}, { nodeName: 'n' })
    const over = { type: 'merge', body: { status: { phase: 'Succeeded' } } } as const
    await api.client.patch(Kinds.Pod, 'a', over, { namespace: NAMESPACE, subresource: 'status' })
    await pod('b', {}, { nodeName: 'n' })
    await api.client.delete(Kinds.Pod, 'b', { namespace: NAMESPACE, gracePeriodSeconds: 30 })
    await refusal(pod('c'))
    await clock.advance(60_000)
    await refusal(pod('c'))
    await clock.advance(2_000)
    await pod('c')
  })

  it('are for the pods of their scopes alone', async () => {
    await start()
    await quota('idle', { pods: '1' }, { scopes: ['BestEffort'] })
    await quota(
      'vip',
      { pods: '0' },
      {
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] },
          ],
        },
      },
    )
    await pod('a')
    expect((await refusal(pod('b'))).message).toContain('exceeded quota: idle')
    await pod('c', { cpu: '1' })
    expect(
      (await refusal(pod('d', { cpu: '1' }, { priorityClassName: 'system-node-critical' }))).message,
    ).toContain('exceeded quota: vip')
  })

  it('are counted anew after a restart', async () => {
    await start()
    await quota('two', { configmaps: '2' })
    await configMap('a')
    await api.restart()
    await configMap('b')
    await refusal(configMap('c'))
  })

  it('are counted anew when the caches lost their place in the store', async () => {
    const lost = losing()
    await start({ wrapStore: lost.wrap })
    await quota('two', { configmaps: '2' })
    await configMap('a')
    lost.lose()
    await configMap('b')
    await refusal(configMap('c'))
    await remove(Kinds.ConfigMap, 'a')
    await configMap('c')
    await refusal(configMap('d'))
  })
})

/** A store whose writes wait, by the prefix of what they write, until they are let through or fail. */
function gated() {
  let isClosed = false
  const queue: { key: string; go: (error?: Error) => void }[] = []
  const wakes: (() => void)[] = []
  const take = (wanted: (key: string) => boolean, error?: Error): void => {
    for (const entry of [...queue].filter(({ key }) => wanted(key))) {
      queue.splice(queue.indexOf(entry), 1)
      entry.go(error)
    }
  }
  return {
    wrap: (store: KeyValueStore): KeyValueStore =>
      delegateStore(store, {
        async txn(compares, operations) {
          if (isClosed)
            await new Promise<void>((resolve, reject) => {
              queue.push({
                key: operations[0]!.key,
                go: error => (error === undefined ? resolve() : reject(error)),
              })
              for (const wake of wakes.splice(0)) wake()
            })
          return store.txn(compares, operations)
        },
      }),
    close(): void {
      isClosed = true
    },
    /** Resolves when as many writes wait. */
    async waiting(count: number): Promise<void> {
      while (queue.length < count) await new Promise<void>(resolve => wakes.push(resolve))
    },
    open: (part: string): void => take(key => key.includes(part)),
    /** What waits fails, and nothing waits any more. */
    fail(error: Error): void {
      isClosed = false
      take(() => true, error)
    },
  }
}

/** A store whose watch breaks when it is told to. */
function losing() {
  let isLost = false
  return {
    wrap: (store: KeyValueStore): KeyValueStore =>
      delegateStore(store, {
        async *watch(prefix, from, signal) {
          for await (const batch of store.watch(prefix, from, signal)) {
            if (isLost) {
              isLost = false
              throw new Error('the disk is gone')
            }
            yield batch
          }
        },
      }),
    lose(): void {
      isLost = true
    },
  }
}

/** Defines CronTabs, as the controller of definitions would establish them, and answers with their kind. */
async function defineCronTabs(api: TestApi): Promise<Kind> {
  const { metadata, spec } = definition('CronTab', { group: 'stable.example.com' })
  const { client } = api
  await client.create(Kinds.CustomResourceDefinition, {
    metadata,
    spec,
  } as unknown as CustomResourceDefinition)
  const { names } = spec as { names: object }
  const conditions = ['NamesAccepted', 'Established'].map(type => ({ type, status: 'True' }))
  await client.patch(
    Kinds.CustomResourceDefinition,
    metadata.name,
    { type: 'merge', body: { status: { acceptedNames: names, conditions } } },
    { subresource: 'status' },
  )
  const kind = await api.verbs.kinds.find('stable.example.com', 'v1', 'crontabs', api.context())
  if (kind === undefined) throw new Error('it is not served')
  return kind
}
