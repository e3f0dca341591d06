import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

const NODES = {
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }] },
    ],
  },
}
const LOCAL = {
  accessModes: ['ReadWriteOnce'],
  capacity: { storage: '1Gi' },
  local: { path: '/data' },
  nodeAffinity: NODES,
}

function volume(spec: object): KubeObject {
  return manifest('v1', 'PersistentVolume', { spec: { ...LOCAL, ...spec } })
}

function claim(spec: object, status: object = {}): KubeObject {
  return manifest(
    'v1',
    'PersistentVolumeClaim',
    {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
      status,
    },
    { namespace: 'default' },
  )
}

function storageClass(fields: object): KubeObject {
  return manifest('storage.k8s.io/v1', 'StorageClass', { provisioner: 'example.com/disk', ...fields })
}

describe('validateObject() of a PersistentVolume', () => {
  it('takes local ones, those of a server, and folders of a host', () => {
    expect(problemsOf(volume({}))).toEqual([])
    expect(problemsOf(volume({ local: undefined, nfs: { server: 'nas', path: '/data' } }))).toEqual([])
    expect(problemsOf(volume({ local: undefined, hostPath: { path: '/data' } }))).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    ['no modes', { accessModes: [] }, ['spec.accessModes: Required value']],
    [
      'modes that do not go together',
      { accessModes: ['ReadWriteOncePod', 'ReadWriteMany', 'Sometimes'] },
      [
        'spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      ],
    ],
    [
      'no capacity',
      { capacity: {} },
      ['spec.capacity: Required value', 'spec.capacity: Unsupported value: {}: supported values: "storage"'],
    ],
    [
      'a capacity of nothing',
      { capacity: { storage: '0' } },
      ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'no source',
      { local: undefined, nodeAffinity: undefined },
      ['spec: Required value: must specify a volume type'],
    ],
    [
      'two sources',
      { nfs: { server: 'nas', path: 'data' } },
      [
        'spec.nfs: Forbidden: may not specify more than 1 volume type',
        'spec.nfs.path: Invalid value: "data": must be an absolute path',
      ],
    ],
    [
      'a local one that may be anywhere',
      { nodeAffinity: undefined },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'a way out of the folder',
      { local: { path: '/data/../etc' } },
      ['spec.local.path: Invalid value: "/data/../etc": must not contain \'..\''],
    ],
    [
      'a whole host to be emptied',
      { local: undefined, hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(volume(spec))).toEqual(expected)
  })

  it('refuses to become another volume, and lets all else change', () => {
    expect(problemsOf(volume({ local: { path: '/other' } }), volume({}))).toEqual([
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\nchanged: spec.local',
    ])
    expect(problemsOf(volume({ volumeMode: 'Block' }), volume({}))).toEqual([
      'volumeMode: Invalid value: "Block": field is immutable',
    ])
    const elsewhere = {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] },
    }
    expect(problemsOf(volume({ nodeAffinity: elsewhere }), volume({}))[0]).toMatch(
      /^nodeAffinity: Invalid value: .*: field is immutable, except for updating from beta label to GA$/,
    )
    const changed = volume({ capacity: { storage: '2Gi' }, persistentVolumeReclaimPolicy: 'Delete' })
    expect(problemsOf(changed, volume({}))).toEqual([])
  })
})

describe('validateObject() of a PersistentVolumeClaim', () => {
  it.each<[string, object, readonly string[]]>([
    [
      'no modes',
      { accessModes: [] },
      ['spec.accessModes: Required value: at least 1 access mode is required'],
    ],
    ['no size', { resources: {} }, ['spec.resources[storage]: Required value']],
    [
      'a size below nothing',
      { resources: { requests: { storage: '-1' } } },
      ['spec.resources[storage]: Invalid value: "-1": must be greater than zero'],
    ],
    [
      'a mode that there is not',
      { volumeMode: 'Tape' },
      ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(claim(spec))).toEqual(expected)
  })

  const IMMUTABLE =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\nchanged: '
  const BOUND = { phase: 'Bound', capacity: { storage: '1Gi' } }
  const size = (storage: string): object => ({ resources: { requests: { storage } } })

  it('is given a volume once, and a class when it had none', () => {
    expect(problemsOf(claim({ volumeName: 'a', storageClassName: 'fast' }), claim({}))).toEqual([])
    expect(problemsOf(claim({ volumeName: 'b' }), claim({ volumeName: 'a' }))).toEqual([
      `${IMMUTABLE}spec.volumeName`,
    ])
    expect(problemsOf(claim({ storageClassName: 'b' }), claim({ storageClassName: 'a' }))).toEqual([
      `${IMMUTABLE}spec.storageClassName`,
    ])
  })

  it('may grow once it is bound, and take back what it did not get', () => {
    expect(problemsOf(claim(size('2Gi'), BOUND), claim({}, BOUND))).toEqual([])
    expect(problemsOf(claim(size('2Gi')), claim({}))).toEqual([`${IMMUTABLE}spec.resources`])
    expect(problemsOf(claim(size('2Gi'), BOUND), claim(size('3Gi'), BOUND))).toEqual([])
    expect(problemsOf(claim(size('1Gi'), BOUND), claim(size('3Gi'), BOUND))).toEqual([
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ])
  })

  it('stays what it is in everything else', () => {
    expect(problemsOf(claim({ accessModes: ['ReadWriteMany'] }, BOUND), claim({}, BOUND))).toEqual([
      `${IMMUTABLE}spec.accessModes`,
    ])
  })
})

describe('validateObject() of a StorageClass', () => {
  it.each<[string, object, readonly string[]]>([
    ['no provisioner', { provisioner: '' }, ['provisioner: Required value']],
    [
      'a parameter without a name',
      { parameters: { '': 'a' } },
      ['parameters: Invalid value: "": field can not be empty.'],
    ],
    [
      'a policy that there is not for classes',
      { reclaimPolicy: 'Recycle' },
      ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    ],
    [
      'a topology of nothing',
      { allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: [] }] }] },
      ['allowedTopologies[0].matchLabelExpressions[0].values: Required value'],
    ],
  ])('refuses %s', (_, fields, expected) => {
    expect(problemsOf(storageClass(fields))).toEqual(expected)
  })

  it('refuses to make volumes in another way', () => {
    const changed = {
      provisioner: 'example.com/tape',
      parameters: { speed: 'slow' },
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
    }
    expect(problemsOf(storageClass(changed), storageClass({}))).toEqual([
      'parameters: Forbidden: updates to parameters are forbidden.',
      'provisioner: Forbidden: updates to provisioner are forbidden.',
      'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ])
    expect(problemsOf(storageClass({ allowVolumeExpansion: true }), storageClass({}))).toEqual([])
  })
})
