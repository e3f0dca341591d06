import { readFileSync } from 'node:fs'
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'

const NAMESPACE = 'default'
const PATH = `/api/v1/namespaces/${NAMESPACE}/configmaps`

let api: TestApi
let config: KubeConfig
let core: CoreV1Api

beforeAll(async () => {
  api = await startTestApi()
  config = new KubeConfig()
  config.loadFromString(readFileSync(api.kubeconfig, 'utf8'))
  core = config.makeApiClient(CoreV1Api)
})
afterAll(() => api.close())

function configMap(name: string, data: Record<string, string> = {}) {
  return {
    apiVersion: 'v1' as const,
    kind: 'ConfigMap' as const,
    metadata: { name, namespace: NAMESPACE },
    data,
  }
}

describe('@kubernetes/client-node', () => {
  it('creates, reads, replaces, lists in pages and deletes', async () => {
    const made = await core.createNamespacedConfigMap({
      namespace: NAMESPACE,
      body: configMap('typed', { a: '1' }),
    })
    expect(made.metadata?.uid).toBeTruthy()
    made.data = { a: '2' }
    const replaced = await core.replaceNamespacedConfigMap({
      namespace: NAMESPACE,
      name: 'typed',
      body: made,
    })
    expect(replaced.data).toEqual({ a: '2' })
    for (const name of ['page-1', 'page-2', 'page-3'])
      await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: configMap(name) })
    const first = await core.listNamespacedConfigMap({ namespace: NAMESPACE, limit: 2 })
    const next = first.metadata?._continue ?? ''
    const second = await core.listNamespacedConfigMap({ namespace: NAMESPACE, limit: 2, _continue: next })
    expect([first.items.length, second.items.length, second.metadata?._continue]).toEqual([2, 2, undefined])
    await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: 'typed' })
    await expect(core.readNamespacedConfigMap({ namespace: NAMESPACE, name: 'typed' })).rejects.toMatchObject(
      { code: 404 },
    )
  })

  it('its informer sees what is there and every change', async () => {
    const informer = makeInformer<V1ConfigMap>(config, PATH, () =>
      core.listNamespacedConfigMap({ namespace: NAMESPACE }),
    )
    const seen: string[] = []
    for (const event of ['add', 'update', 'delete'] as const)
      informer.on(event, object => void seen.push(`${event} ${object.metadata?.name}`))
    informer.on('error', () => undefined)
    await api.client.create(Kinds.ConfigMap, configMap('before'))
    await informer.start()
    try {
      await vi.waitFor(() => expect(seen).toContain('add before'))
      await api.client.create(Kinds.ConfigMap, configMap('after'))
      await vi.waitFor(() => expect(seen).toContain('add after'))
      await api.client.patch(
        Kinds.ConfigMap,
        'after',
        { type: 'merge', body: { data: { a: '1' } } },
        { namespace: NAMESPACE },
      )
      await vi.waitFor(() => expect(seen).toContain('update after'))
      await api.client.delete(Kinds.ConfigMap, 'after', { namespace: NAMESPACE })
      await vi.waitFor(() => expect(seen).toContain('delete after'))
      expect(informer.get('before', NAMESPACE)?.metadata?.name).toBe('before')
      expect(informer.get('after', NAMESPACE)).toBeUndefined()
    } finally {
      await informer.stop()
    }
  })
})
