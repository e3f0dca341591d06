import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Ingress,
  Kinds,
  type PersistentVolumeClaim,
  type StorageClass,
} from '../../../../src/kube/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../test-api.ts'

const HERE = { namespace: 'default' }

describe('the admission of new objects', () => {
  let api: TestApi
  const clock = new FakeClock()

  beforeEach(async () => {
    api = await startTestApi({ clock })
  })

  afterEach(() => api.close())

  async function ingressClass(name: string, isDefault: boolean): Promise<void> {
    await api.client.create(Kinds.IngressClass, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: {
        name,
        annotations: { 'ingressclass.kubernetes.io/is-default-class': String(isDefault) },
      },
      spec: { controller: 'example.com/ingress' },
    })
    await clock.advance(1_000)
  }

  async function ingress(name: string, spec: object = {}, annotations = {}): Promise<string | undefined> {
    const body = {
      metadata: { name, namespace: 'default', annotations },
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } }, ...spec },
    } as Ingress
    return (await api.client.create(Kinds.Ingress, body)).spec?.ingressClassName
  }

  it('gives an ingress the newest of the default classes, unless it names one in either way', async () => {
    for (const { metadata } of (await api.client.list(Kinds.IngressClass)).items)
      await api.client.delete(Kinds.IngressClass, metadata.name ?? '')
    expect(await ingress('none')).toBeUndefined()
    await ingressClass('old', true)
    await ingressClass('other', false)
    expect(await ingress('a')).toBe('old')
    await ingressClass('new', true)
    expect(await ingress('b')).toBe('new')
    expect(await ingress('c', { ingressClassName: 'other' })).toBe('other')
    expect(await ingress('d', {}, { 'kubernetes.io/ingress.class': 'other' })).toBeUndefined()
  })

  it('lets a claim grow where its class can make it grow, once it has a volume', async () => {
    for (const [name, allowVolumeExpansion] of [
      ['fixed', false],
      ['elastic', true],
    ] as const)
      await api.client.create(Kinds.StorageClass, {
        metadata: { name },
        provisioner: 'example.com/disk',
        allowVolumeExpansion,
      } as unknown as StorageClass)
    for (const name of ['fixed', 'elastic'])
      await api.client.create(Kinds.PersistentVolumeClaim, {
        metadata: { name, ...HERE },
        spec: {
          storageClassName: name,
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      } as unknown as PersistentVolumeClaim)
    const grow = (name: string) =>
      api.client.patch(
        Kinds.PersistentVolumeClaim,
        name,
        { type: 'merge', body: { spec: { resources: { requests: { storage: '2Gi' } } } } },
        HERE,
      )
    await expect(grow('elastic')).rejects.toThrow('Only bound persistent volume claims can be expanded')
    for (const name of ['fixed', 'elastic'])
      await api.client.patch(
        Kinds.PersistentVolumeClaim,
        name,
        { type: 'merge', body: { status: { phase: 'Bound', capacity: { storage: '1Gi' } } } },
        { ...HERE, subresource: 'status' },
      )
    await expect(grow('fixed')).rejects.toThrow(
      'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    )
    expect((await grow('elastic')).spec?.resources?.requests?.storage).toBe('2Gi')
  })
})
