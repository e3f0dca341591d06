import { describe, expect, it } from 'vitest'
import { definitionOf } from '../../../src/kinds/definitions/definitions.ts'
import {
  applyDefaults,
  fieldValue,
  readScale,
  selectableFields,
  tableColumns,
  tableRow,
  writeScale,
} from '../../../src/kinds/index.ts'
import { allKinds, findKind, Kinds, type KubeObject, tokenRequestKind } from '../../../src/kube/index.ts'
import { deploymentManifest, manifest, podManifest } from '../../kube/objects.ts'

const NOW = Date.parse('2025-01-01T12:00:00Z')
const created = { creationTimestamp: '2025-01-01T11:55:00Z' }

describe('definitionOf()', () => {
  it('knows every kind that is served, and a kind that only travels', () => {
    for (const kind of [...allKinds, tokenRequestKind])
      expect(definitionOf(kind)).toMatchObject({
        kind: kind.kind,
        plural: kind.plural,
        columns: expect.any(Array),
      })
    expect(() => definitionOf({ ...Kinds.Pod, kind: 'Pot' })).toThrow(
      'Cannot find the definition of kind v1 Pot',
    )
  })
})

describe('selectableFields() and fieldValue()', () => {
  it('offer what upstream offers for pods', () => {
    const pod = podManifest({ nodeName: 'host-1' })
    expect(selectableFields(Kinds.Pod)).toEqual(
      expect.arrayContaining(['metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.phase']),
    )
    expect(fieldValue(Kinds.Pod, pod, 'spec.nodeName')).toBe('host-1')
    expect(fieldValue(Kinds.Pod, pod, 'status.phase')).toBe('')
    expect(fieldValue(Kinds.Pod, pod, 'spec.containers')).toBeUndefined()
    expect(fieldValue(Kinds.Pod, pod, 'constructor')).toBeUndefined()
  })

  it('offer no namespace where there is none', () => {
    expect(selectableFields(Kinds.Node)).toEqual(['metadata.name', 'spec.unschedulable'])
    expect(fieldValue(Kinds.Node, manifest('v1', 'Node'), 'metadata.namespace')).toBeUndefined()
    expect(fieldValue(Kinds.Node, manifest('v1', 'Node'), 'spec.unschedulable')).toBe('false')
  })

  it('find events by what they are about, as describe does', () => {
    const event = manifest('v1', 'Event', { involvedObject: { kind: 'Pod', name: 'web', uid: 'u' } })
    for (const [field, value] of [
      ['involvedObject.kind', 'Pod'],
      ['involvedObject.name', 'web'],
      ['involvedObject.uid', 'u'],
    ] as const)
      expect(fieldValue(Kinds.Event, event, field)).toBe(value)
  })
})

describe('readScale() and writeScale()', () => {
  const deployment = {
    ...applyDefaults(
      Kinds.Deployment,
      deploymentManifest({ replicas: 3 }, { uid: 'u', resourceVersion: '7' }),
    ),
    status: { replicas: 2 },
  } as KubeObject

  it('show replicas and selector of a Deployment', () => {
    expect(readScale(Kinds.Deployment, deployment)).toEqual({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '7' },
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=web' },
    })
  })

  it('change nothing but the replicas', () => {
    const scaled = writeScale(Kinds.Deployment, deployment, 0) as KubeObject & { spec: object }
    expect(scaled).toEqual({ ...deployment, spec: { ...scaled.spec, replicas: 0 } })
    expect(readScale(Kinds.Deployment, scaled).spec?.replicas).toBe(0)
  })

  it.each([-1, 1.5, 2 ** 31])('refuse %d replicas', replicas => {
    expect(() => writeScale(Kinds.Deployment, deployment, replicas)).toThrow(/spec\.replicas: Invalid value/)
  })
})

describe('tableRow()', () => {
  it.each<[KubeObject, readonly (boolean | number | string)[]]>([
    [
      {
        ...deploymentManifest({ replicas: 3 }, created),
        status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
      } as KubeObject,
      ['web', '2/3', 1, 2, '5m', 'app', 'registry.local/app:1.0', 'app=web'],
    ],
    [
      manifest(
        'apps/v1',
        'ReplicaSet',
        {
          spec: { replicas: 2, selector: { matchLabels: { a: 'b' } } },
          status: { replicas: 2, readyReplicas: 1 },
        },
        created,
      ),
      ['example', 2, 2, 1, '5m', '', '', 'a=b'],
    ],
    [
      manifest(
        'v1',
        'Node',
        {
          spec: { unschedulable: true },
          status: {
            conditions: [{ type: 'Ready', status: 'True' }],
            addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
            nodeInfo: {
              kubeletVersion: 'v1.32.0',
              osImage: 'Debian 12',
              kernelVersion: '6.1',
              containerRuntimeVersion: 'docker://20.10.24',
            },
          },
        },
        { ...created, labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/edge': '' } },
      ),
      [
        'example',
        'Ready,SchedulingDisabled',
        'edge,worker',
        '5m',
        'v1.32.0',
        '10.0.0.1',
        '<none>',
        'Debian 12',
        '6.1',
        'docker://20.10.24',
      ],
    ],
    [manifest('v1', 'Namespace', { status: { phase: 'Active' } }, created), ['example', 'Active', '5m']],
    [manifest('v1', 'ConfigMap', { data: { a: '' }, binaryData: { b: '' } }, created), ['example', 2, '5m']],
    [manifest('v1', 'Secret', { type: 'Opaque', data: { a: '' } }, created), ['example', 'Opaque', 1, '5m']],
    [manifest('v1', 'ServiceAccount', {}, created), ['example', 0, '5m']],
    [
      manifest('coordination.k8s.io/v1', 'Lease', { spec: { holderIdentity: 'host-1' } }, created),
      ['example', 'host-1', '5m'],
    ],
    [
      manifest(
        'certificates.k8s.io/v1',
        'CertificateSigningRequest',
        {
          spec: { signerName: 'a/b', username: 'someone', expirationSeconds: 86_400, request: '' },
          status: { certificate: 'eA==', conditions: [{ type: 'Approved', status: 'True' }] },
        },
        created,
      ),
      ['example', '5m', 'a/b', 'someone', '24h', 'Approved,Issued'],
    ],
    [
      manifest('v1', 'Event', {
        involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{app}' },
        type: 'Warning',
        reason: 'BackOff',
        message: 'Back-off restarting failed container\n',
        count: 4,
        firstTimestamp: '2025-01-01T11:00:00Z',
        lastTimestamp: '2025-01-01T11:59:30Z',
        source: { component: 'kubelet', host: 'host-1' },
      }),
      [
        '30s',
        'Warning',
        'BackOff',
        'pod/web',
        'spec.containers{app}',
        'kubelet, host-1',
        'Back-off restarting failed container',
        '60m',
        4,
        'example',
      ],
    ],
    [
      manifest(
        'bowline.dev/v1alpha1',
        'App',
        {
          spec: { source: { repository: '/srv/fleet', branch: 'main', path: 'apps/shop' } },
          status: {
            phase: 'Held',
            observedRevision: 'a1b2c3d4e5f6',
            objects: 12,
            message: 'Deletes everything',
          },
        },
        created,
      ),
      ['example', 'Held', 'a1b2c3d', 12, 'Deletes everything', '/srv/fleet', 'apps/shop', '5m'],
    ],
    [
      manifest(
        'bowline.dev/v1alpha1',
        'Record',
        {
          spec: {
            app: 'shop',
            commit: { id: 'a1b2c3d4e5f6', author: { name: 'Ada' } },
            trigger: 'push',
            plan: { counts: { create: 1, configure: 2, delete: 0, keep: 9 } },
            openedAt: '2025-01-01T11:55:00Z',
          },
          status: { state: 'Healthy', durationMs: 12_400 },
        },
        created,
      ),
      ['example', 'shop', 'a1b2c3d', 'Ada', 'push', 'Healthy', '+1 ~2 -0', '12s', '5m'],
    ],
  ])('%#: shows what kubectl shows, one cell per column', (object, cells) => {
    const kind = findKind(object.apiVersion, object.kind)
    expect(kind).toBeDefined()
    if (kind === undefined) return
    expect(tableRow(kind, object, NOW)).toEqual(cells)
    expect(tableColumns(kind)).toHaveLength(cells.length)
  })
})

describe('tableColumns()', () => {
  it.each([
    ['Pod', 'Name Ready Status Restarts Age [IP] [Node] [Nominated Node] [Readiness Gates]'],
    ['Deployment', 'Name Ready Up-to-date Available Age [Containers] [Images] [Selector]'],
    ['ReplicaSet', 'Name Desired Current Ready Age [Containers] [Images] [Selector]'],
    [
      'Node',
      'Name Status Roles Age Version [Internal-IP] [External-IP] [OS-Image] [Kernel-Version] [Container-Runtime]',
    ],
    ['Event', 'Last Seen Type Reason Object [Subobject] [Source] Message [First Seen] [Count] [Name]'],
    ['Namespace', 'Name Status Age'],
    ['ConfigMap', 'Name Data Age'],
    ['Secret', 'Name Type Data Age'],
    ['ServiceAccount', 'Name Secrets Age'],
    ['Lease', 'Name Holder Age'],
    ['CertificateSigningRequest', 'Name Age SignerName Requestor RequestedDuration Condition'],
    ['App', 'Name Phase Revision Objects Message [Repository] [Path] Age'],
    ['Record', 'Name App Commit Author Trigger State Changes Duration Age'],
  ] as const)('of %s are %s', (name, columns) => {
    const shown = tableColumns(Kinds[name]).map(column =>
      column.priority === 0 ? column.name : `[${column.name}]`,
    )
    expect(shown.join(' ')).toBe(columns)
  })
})
