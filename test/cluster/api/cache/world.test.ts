import { expect, it } from 'vitest'
import {
  type KeyEvents,
  type KeyValueStore,
  silentLogger,
  systemClock,
  systemIds,
} from '../../../../src/base/index.ts'
import { createInformer } from '../../../../src/client/index.ts'
import { type ConfigMap, Kinds, registryKey } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { delegateStore } from '../support/delegate-store.ts'
import { startTestApi } from '../test-api.ts'

const namespace = 'default'
const keyOf = (name: string) => registryKey(Kinds.ConfigMap, namespace, name)
const configMap = (name: string, text: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { text },
})

it('keeps what others hold of the objects that history forgets while it has lost its place', async () => {
  let lost: Promise<void> | undefined
  let find = (): void => undefined
  const api = await startTestApi({
    wrapStore: store =>
      delegateStore(store, {
        async heads(...call) {
          await lost
          return store.heads(...call)
        },
        watch: (...call) => untilLost(store.watch(...call), () => lost !== undefined),
      }),
  })
  const stop = new AbortController()
  try {
    for (const name of ['changed', 'gone', 'kept'])
      await api.client.create(Kinds.ConfigMap, configMap(name, 'old'))
    await api.restart()
    const parts = { clock: systemClock, ids: systemIds, log: silentLogger }
    const informer = createInformer(api.client, Kinds.ConfigMap, parts)
    const running = informer.run(stop.signal)
    await informer.listed
    const seen: string[] = []
    informer.subscribe({
      appeared: () => undefined,
      updated: (object, previous) => {
        seen.push(`${object.metadata.name}: ${previous.data?.text} to ${object.data?.text}`)
      },
      deleted: object => {
        seen.push(`${object.metadata.name}: ${object.data?.text} is gone`)
      },
    })
    lost = new Promise(resolve => {
      find = resolve
    })
    const changed = { ...(await stored(api.store, 'changed')), data: { text: 'new' } }
    await api.store.txn(
      [],
      [
        { type: 'put', key: keyOf('changed'), value: Buffer.from(JSON.stringify(changed)) },
        { type: 'delete', key: keyOf('gone') },
      ],
    )
    await api.store.compact(api.store.revision)
    lost = undefined
    find()
    await eventually('both changes', () => seen.length === 2)
    expect(seen.sort()).toEqual(['changed: old to new', 'gone: old is gone'])
    expect(informer.get(`${namespace}/kept`)?.data).toEqual({ text: 'old' })
    stop.abort()
    await running
  } finally {
    stop.abort()
    await api.close()
  }
})

it('takes turns with others when it keeps what is held of a place that it has lost, and finds the place again', async () => {
  const COUNT = 100
  let isLost = false
  let turn = 0
  const turnsOf = { configmaps: new Set<number>(), pods: new Set<number>() }
  const timer = setInterval(() => {
    turn += 1
  }, 0)
  const api = await startTestApi({
    wrapStore: store =>
      delegateStore(store, {
        read(key, revision) {
          const kind = key.includes('/pods/') ? 'pods' : 'configmaps'
          turnsOf[kind].add(turn)
          const end = performance.now() + 1
          while (performance.now() < end);
          return store.read(key, revision)
        },
        watch: (...call) => untilLost(store.watch(...call), () => isLost),
      }),
  })
  try {
    const container = { name: 'c', image: 'i' }
    const names = Array.from({ length: COUNT }, (_, index) => `object-${index}`)
    await Promise.all(names.map(name => api.client.create(Kinds.ConfigMap, configMap(name, 'x'))))
    await Promise.all(
      names.map(name =>
        api.client.create(Kinds.Pod, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace },
          spec: { containers: [container] },
        }),
      ),
    )
    await api.restart()
    await api.client.get(Kinds.Namespace, namespace)
    expect(turnsOf.pods.size).toBeGreaterThan(1)
    turnsOf.pods.clear()
    turnsOf.configmaps.clear()
    isLost = true
    await api.client.create(Kinds.ConfigMap, configMap('last', 'x')).catch(() => undefined)
    isLost = false
    await eventually('the place to be found', async () => {
      const { items } = await api.client.list(Kinds.ConfigMap)
      return items.length === COUNT + 1
    })
    expect(turnsOf.configmaps.size).toBeGreaterThan(1)
    expect(turnsOf.pods.size).toBeGreaterThan(1)
  } finally {
    clearInterval(timer)
    await api.close()
  }
})

async function stored(store: KeyValueStore, name: string): Promise<object> {
  const { value } = (await store.get(keyOf(name)))!
  return JSON.parse(Buffer.from(value).toString()) as object
}

async function* untilLost(
  batches: AsyncIterable<KeyEvents>,
  isLost: () => boolean,
): AsyncGenerator<KeyEvents> {
  for await (const batch of batches) {
    if (isLost()) throw new Error('fell too far behind')
    yield batch
  }
}
