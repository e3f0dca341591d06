import { describe, expect, it } from 'vitest'
import { applyDefaults, prepareForCreate, prepareForUpdate } from '../../../src/kinds/index.ts'
import { type Deployment, findKind, type Kind, Kinds, type KubeObject } from '../../../src/kube/index.ts'
import { deploymentManifest, manifest, podManifest } from '../../kube/objects.ts'

function kindOf(object: KubeObject): Kind {
  return findKind(object.apiVersion, object.kind) as Kind
}

function created(object: KubeObject): KubeObject {
  const kind = kindOf(object)
  return prepareForCreate(kind, applyDefaults(kind, object))
}

describe('prepareForCreate()', () => {
  it.each<[KubeObject, object | undefined]>([
    [podManifest({}, {}), { phase: 'Pending', qosClass: 'BestEffort' }],
    [deploymentManifest(), {}],
    [manifest('v1', 'Namespace', { status: { phase: 'Terminating' } }), { phase: 'Active' }],
    [
      manifest('bowline.dev/v1alpha1', 'App', {
        spec: { source: { repository: '/srv/fleet', branch: 'main', path: '' } },
        status: { phase: 'Healthy' },
      }),
      undefined,
    ],
    [
      manifest('v1', 'Node', { status: { capacity: { cpu: '1' } } }),
      { capacity: { cpu: '1' }, allocatable: { cpu: '1' } },
    ],
  ])('%#: gives a new object its first status, whatever the writer says', (object, status) => {
    expect((created({ ...object }) as { status?: object }).status).toEqual(status)
  })

  it.each([
    [deploymentManifest({}, { generation: 7 }), 1],
    [podManifest({}, { generation: 7 }), undefined],
    [manifest('v1', 'ConfigMap', {}, { generation: 7 }), undefined],
  ])('%#: counts generations from one, or not at all', (object, generation) => {
    expect(created(object).metadata.generation).toBe(generation)
  })

  it('keeps a Namespace until it is empty', () => {
    expect(created(manifest('v1', 'Namespace'))).toMatchObject({ spec: { finalizers: ['kubernetes'] } })
  })

  it.each([
    [{}, 'BestEffort'],
    [{ requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
    [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }, 'Guaranteed'],
    [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1' } }, 'Guaranteed'],
    [{ limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '0' } }, 'BestEffort'],
  ])('classes a pod with resources %j as %s', (resources, qosClass) => {
    const pod = created(podManifest({ containers: [{ name: 'a', image: 'a', resources }] }))
    expect(pod).toMatchObject({ status: { qosClass } })
  })
})

describe('prepareForUpdate()', () => {
  const old = {
    ...created(deploymentManifest()),
    status: { readyReplicas: 1 },
  } as Deployment

  function changed(fields: object, subresource = ''): Deployment {
    return prepareForUpdate(
      Kinds.Deployment,
      { ...old, ...fields } as Deployment,
      old,
      subresource,
    ) as Deployment
  }

  it('lets a write to the main resource change everything but the status', () => {
    const next = changed({ spec: { ...old.spec, replicas: 5 }, status: { readyReplicas: 9 } })
    expect(next.spec?.replicas).toBe(5)
    expect(next.status).toEqual({ readyReplicas: 1 })
    expect(next.metadata.generation).toBe(2)
  })

  it('lets a write to status change nothing but it', () => {
    const next = changed(
      {
        spec: { ...old.spec, replicas: 5 },
        status: { readyReplicas: 9 },
        metadata: { ...old.metadata, labels: { sneaked: 'in' }, generation: 99 },
      },
      'status',
    )
    expect(next.spec?.replicas).toBe(1)
    expect(next.status).toEqual({ readyReplicas: 9 })
    expect(next.metadata.labels).toBeUndefined()
    expect(next.metadata.generation).toBe(1)
  })

  it('counts changed annotations of a Deployment as a new generation, changed labels not', () => {
    expect(changed({ metadata: { ...old.metadata, annotations: { a: 'b' } } }).metadata.generation).toBe(2)
    expect(changed({ metadata: { ...old.metadata, labels: { a: 'b' } } }).metadata.generation).toBe(1)
    expect(changed({ metadata: { ...old.metadata, annotations: {} } }).metadata.generation).toBe(1)
  })

  it('counts no generation where the kind has none', () => {
    const pod = created(podManifest())
    const next = prepareForUpdate(Kinds.Pod, { ...pod, spec: { containers: [] } } as KubeObject, pod, '')
    expect(next.metadata.generation).toBeUndefined()
  })

  it('keeps the class of a pod when an agent writes its status', () => {
    const pod = created(podManifest())
    const next = prepareForUpdate(
      Kinds.Pod,
      { ...pod, status: { phase: 'Running' } } as KubeObject,
      pod,
      'status',
    )
    expect(next).toMatchObject({ status: { phase: 'Running', qosClass: 'BestEffort' } })
  })

  describe('of a pod', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u1', controller: true }
    const pod = created(podManifest({}, { labels: { app: 'web' }, ownerReferences: [owner] }))
    const forged = {
      ...pod.metadata,
      labels: { app: 'other' },
      annotations: { a: 'b' },
      finalizers: ['example.com/held'],
      ownerReferences: [{ ...owner, uid: 'u2' }],
    }
    const written = (subresource: string, metadata: object) =>
      prepareForUpdate(Kinds.Pod, { ...pod, metadata } as KubeObject, pod, subresource).metadata

    it('leaves its owners to writes of the pod itself, as old agents spoil them in a status', () => {
      const { ownerReferences: _, ...unowned } = pod.metadata
      expect(written('status', forged).ownerReferences).toEqual([owner])
      expect(written('status', unowned).ownerReferences).toEqual([owner])
      expect(written('status', forged).annotations).toEqual({ a: 'b' })
      expect(written('', forged).ownerReferences).toEqual(forged.ownerReferences)
    })

    it('lets who adds a container for a look around change nothing else', () => {
      expect(written('ephemeralcontainers', forged)).toEqual(pod.metadata)
      expect(written('ephemeralcontainers', { name: 'web' })).toMatchObject({
        labels: { app: 'web' },
        ownerReferences: [owner],
      })
    })
  })

  it('lets only finalize take the finalizers of a Namespace away', () => {
    const namespace = created(manifest('v1', 'Namespace'))
    const emptied = { ...namespace, spec: { finalizers: [] } } as KubeObject
    expect(prepareForUpdate(Kinds.Namespace, emptied, namespace, '')).toMatchObject({
      spec: { finalizers: ['kubernetes'] },
    })
    expect(prepareForUpdate(Kinds.Namespace, emptied, namespace, 'finalize')).toMatchObject({
      spec: { finalizers: [] },
      status: { phase: 'Active' },
    })
  })

  it('keeps approvals and certificates of a CertificateSigningRequest apart', () => {
    const request = {
      ...created(
        manifest('certificates.k8s.io/v1', 'CertificateSigningRequest', {
          spec: { request: 'eA==', signerName: 'a/b', usages: ['client auth'] },
        }),
      ),
    }
    const approved = prepareForUpdate(
      Kinds.CertificateSigningRequest,
      {
        ...request,
        status: { certificate: 'Zm9yZ2Vk', conditions: [{ type: 'Approved', status: 'True' }] },
      } as KubeObject,
      request,
      'approval',
    )
    expect(approved).toMatchObject({ status: { conditions: [{ type: 'Approved', status: 'True' }] } })
    expect(approved).not.toHaveProperty('status.certificate')
    const issued = prepareForUpdate(
      Kinds.CertificateSigningRequest,
      {
        ...approved,
        status: { certificate: 'Y2VydA==', conditions: [{ type: 'Denied', status: 'True' }] },
      } as KubeObject,
      approved,
      'status',
    )
    expect(issued).toMatchObject({
      status: { certificate: 'Y2VydA==', conditions: [{ type: 'Approved', status: 'True' }] },
    })
  })

  it('changes neither of the objects it is given', () => {
    const before = JSON.stringify(old)
    changed({ metadata: { ...old.metadata, labels: { a: 'b' } } }, 'status')
    expect(JSON.stringify(old)).toBe(before)
  })
})
