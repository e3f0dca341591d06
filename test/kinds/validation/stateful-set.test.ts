import { describe, expect, it } from 'vitest'
import { applyDefaults } from '../../../src/kinds/index.ts'
import { Kinds, type KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'
import { problemsOf } from '../problems.ts'

const MOUNT = { name: 'data', mountPath: '/data' }
const CLAIM = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
}

function statefulSet(spec: object, metadata: object = {}, status?: object): KubeObject {
  return manifest(
    'apps/v1',
    'StatefulSet',
    {
      spec: {
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: template({}),
        ...spec,
      },
      ...(status === undefined ? {} : { status }),
    },
    { name: 'db', namespace: 'default', ...metadata },
  )
}

function template(spec: object, labels: object = { app: 'db' }): object {
  return { metadata: { labels }, spec: { containers: [{ name: 'db', image: 'db:1', ...spec }] } }
}

describe('validateObject() of a StatefulSet', () => {
  it('takes mounts of the volumes that its claims give', () => {
    const spec = { template: template({ volumeMounts: [MOUNT] }), volumeClaimTemplates: [CLAIM] }
    expect(problemsOf(statefulSet(spec))).toEqual([])
    expect(problemsOf(statefulSet({ template: template({ volumeMounts: [MOUNT] }) }))).toEqual([
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ])
  })

  it('takes none for the empty name of a Service', () => {
    const object = statefulSet({ serviceName: undefined })
    expect(applyDefaults(Kinds.StatefulSet, object)).toMatchObject({ spec: { serviceName: '' } })
    expect(problemsOf(object)).toEqual([])
  })

  it.each<[string, object, readonly string[]]>([
    [
      'numbers below zero',
      {
        replicas: -1,
        minReadySeconds: -1,
        ordinals: { start: -1 },
        updateStrategy: { rollingUpdate: { partition: -1 } },
      },
      [
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
        'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'a partition of an update that waits for deletions',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'a selector of everything',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    ],
    [
      'a template that the selector does not find',
      { template: template({}, { app: 'web' }) },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'pods that end',
      {
        template: {
          metadata: { labels: { app: 'db' } },
          spec: {
            containers: [{ name: 'db', image: 'db:1' }],
            restartPolicy: 'Never',
            activeDeadlineSeconds: 5,
          },
        },
      },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
      ],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(problemsOf(statefulSet(spec))).toEqual(expected)
  })

  it('refuses a name that is no hostname, and lets an old one be', () => {
    const named = statefulSet({}, { name: 'a.b' })
    expect(problemsOf(named)).toEqual([
      "metadata.name: Invalid value: \"a.b\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ])
    expect(problemsOf(named, named)).toEqual([])
  })

  it('refuses changes of what names its pods and volumes', () => {
    const refusal =
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    const old = statefulSet({ volumeClaimTemplates: [CLAIM] })
    for (const change of [
      { serviceName: 'other' },
      { podManagementPolicy: 'Parallel' },
      { volumeClaimTemplates: [] },
      {
        selector: { matchLabels: { app: 'db', tier: 'a' } },
        template: template({}, { app: 'db', tier: 'a' }),
      },
    ])
      expect(problemsOf(statefulSet({ volumeClaimTemplates: [CLAIM], ...change }), old)).toEqual([refusal])
  })

  it('lets the rest change', () => {
    const old = statefulSet({})
    const next = statefulSet({
      replicas: 5,
      minReadySeconds: 3,
      ordinals: { start: 1 },
      template: template({ image: 'db:2' }),
      updateStrategy: { rollingUpdate: { partition: 2 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
    })
    expect(problemsOf(next, old)).toEqual([])
  })

  it('refuses a status that cannot be', () => {
    const status = { replicas: 1, readyReplicas: 2, availableReplicas: 3, collisionCount: 1 }
    const old = statefulSet({}, {}, { replicas: 1, collisionCount: 2 })
    expect(problemsOf(statefulSet({}, {}, status), old)).toEqual([
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas',
      'status.collisionCount: Invalid value: 1: cannot be decremented',
    ])
  })
})

describe('validateObject() of a ControllerRevision', () => {
  function revision(fields: object): KubeObject {
    return manifest(
      'apps/v1',
      'ControllerRevision',
      { revision: 1, data: { a: 1, b: 2 }, ...fields },
      { namespace: 'default' },
    )
  }

  it('refuses other data, whatever the order of its keys', () => {
    expect(problemsOf(revision({ revision: 2, data: { b: 2, a: 1 } }), revision({}))).toEqual([])
    expect(problemsOf(revision({ data: { a: 2 } }), revision({}))).toEqual([
      'data: Invalid value: "": field is immutable',
    ])
    expect(problemsOf(revision({ data: undefined }))).toEqual(['data: Required value: data is mandatory'])
    expect(problemsOf(revision({ revision: -1 }))).toEqual([
      'revision: Invalid value: -1: must be greater than or equal to 0',
    ])
  })
})
