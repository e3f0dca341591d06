import { describe, expect, it } from 'vitest'
import { type ClaimStep, claimStep } from '../../../../src/cluster/controllers/volumes/claim-step.ts'
import { volumeStep } from '../../../../src/cluster/controllers/volumes/volume-step.ts'
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../../../src/kube/index.ts'
import { claim, storageClass, volume } from './build.ts'

const CHOSEN = { annotations: { 'volume.kubernetes.io/selected-node': 'host-1' } }
const BOUND = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } }
const ENDING = { deletionTimestamp: '2026-01-01T00:00:00Z' }

function step(
  object: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[] = [],
  classes: readonly StorageClass[] = [],
): ClaimStep {
  return claimStep(object, {
    volumes,
    volume: name => volumes.find(({ metadata }) => metadata.name === name),
    storageClass: name => classes.find(({ metadata }) => metadata.name === name),
    waitingPod: undefined,
  })
}

/** The step in a few words: its type, and the volume or the reason of its remark. */
function brief(found: ClaimStep): string {
  if (found.type === 'bind') return `bind ${found.volume.metadata.name}`
  const reason = 'remark' in found ? found.remark?.reason : undefined
  return reason === undefined ? found.type : `${found.type} ${reason}`
}

const ref = (name: string, uid?: string) => ({ namespace: 'default', name, ...(uid && { uid }) })
const local = storageClass('local')

describe('claimStep()', () => {
  it.each<[string, PersistentVolumeClaim, readonly PersistentVolume[], readonly StorageClass[], string]>([
    ['a volume that fits', claim('data'), [volume('v')], [], 'bind v'],
    ['no volume and no class', claim('data'), [], [], 'wait FailedBinding'],
    [
      'a class that is not there',
      claim('data', { storageClassName: 'x' }),
      [],
      [],
      'wait ProvisioningFailed',
    ],
    [
      'a class that waits',
      claim('data', { storageClassName: 'local' }),
      [],
      [local],
      'wait WaitForFirstConsumer',
    ],
    [
      'a class that waits, and a chosen node',
      claim('data', { storageClassName: 'local' }, { metadata: CHOSEN }),
      [],
      [local],
      'provision',
    ],
    [
      'the volume that was made for it',
      claim('data', { storageClassName: 'local' }, { metadata: CHOSEN }),
      [volume('v', { storageClassName: 'local', claimRef: ref('data', 'data') }, { phase: 'Pending' })],
      [local],
      'bind v',
    ],
    [
      'a chosen node, and an end',
      claim('data', { storageClassName: 'local' }, { metadata: { ...CHOSEN, ...ENDING } }),
      [],
      [local],
      'wait',
    ],
    [
      'an access mode that a folder cannot have',
      claim('data', { storageClassName: 'local', accessModes: ['ReadWriteMany'] }, { metadata: CHOSEN }),
      [],
      [local],
      'wait ProvisioningFailed',
    ],
    [
      'a class that makes folders at once',
      claim('data', { storageClassName: 'local' }),
      [],
      [storageClass('local', { volumeBindingMode: 'Immediate' })],
      'wait ProvisioningFailed',
    ],
    [
      'a class of another provisioner',
      claim('data', { storageClassName: 'ebs' }),
      [],
      [storageClass('ebs', { provisioner: 'ebs.csi.aws.com', volumeBindingMode: 'Immediate' })],
      'wait ExternalProvisioning',
    ],
    ['the name of a volume that is not there', claim('data', { volumeName: 'v' }), [], [], 'wait'],
    ['the name of a volume', claim('data', { volumeName: 'v' }), [volume('v')], [], 'bind v'],
    [
      'the name of a volume that is too small',
      claim('data', { volumeName: 'v' }),
      [volume('v', { capacity: { storage: '1Mi' } })],
      [],
      'wait VolumeMismatch',
    ],
    [
      "the name of another's volume",
      claim('data', { volumeName: 'v' }),
      [volume('v', { claimRef: ref('other', 'o') })],
      [],
      'wait FailedBinding',
    ],
    [
      'a finished binding',
      claim('data', { volumeName: 'v' }, { metadata: BOUND }),
      [volume('v', { claimRef: ref('data', 'data') })],
      [],
      'bind v',
    ],
    ['a binding to nothing', claim('data', {}, { metadata: BOUND }), [], [], 'lose ClaimLost'],
    [
      'a volume that is gone',
      claim('data', { volumeName: 'v' }, { metadata: BOUND }),
      [],
      [],
      'lose ClaimLost',
    ],
    [
      'a volume that a move makes anew',
      claim(
        'data',
        { volumeName: 'v' },
        { metadata: { annotations: { ...BOUND.annotations, 'volume.bowline.dev/move': '{}' } } },
      ),
      [],
      [],
      'wait',
    ],
    [
      'the volume of a claim of that name that is gone',
      claim('data', { volumeName: 'v' }, { metadata: BOUND }),
      [volume('v', { claimRef: ref('data', 'earlier') })],
      [],
      'lose ClaimMisbound',
    ],
  ])('claimStep() of a claim with %s', (_, object, volumes, classes, expected) => {
    expect(brief(step(object, volumes, classes))).toBe(expected)
  })
})

describe('volumeStep()', () => {
  const bound = claim('data', { volumeName: 'v' })
  const byController = { metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } } }
  it.each<[string, PersistentVolume, PersistentVolumeClaim | undefined, object]>([
    ['nobody’s', volume('v'), undefined, { type: 'set-phase', phase: 'Available' }],
    [
      'kept for a name',
      volume('v', { claimRef: ref('data') }),
      undefined,
      { type: 'set-phase', phase: 'Available' },
    ],
    [
      'kept for a claim that came',
      volume('v', { claimRef: ref('data') }),
      claim('data'),
      { type: 'tell-claim' },
    ],
    ['half bound', volume('v', { claimRef: ref('data', 'data') }), claim('data'), { type: 'tell-claim' }],
    ['bound', volume('v', { claimRef: ref('data', 'data') }), bound, { type: 'set-phase', phase: 'Bound' }],
    ['left', volume('v', { claimRef: ref('data', 'data') }), undefined, { type: 'release' }],
    [
      'left, with a new claim of the name',
      volume('v', { claimRef: ref('data', 'old') }),
      bound,
      { type: 'release' },
    ],
    [
      'one too many for its claim',
      volume('w', { claimRef: ref('data', 'data') }, byController),
      bound,
      { type: 'unbind', keepName: false },
    ],
    [
      'one too many, as a person wrote it',
      volume('w', { claimRef: ref('data', 'data') }),
      bound,
      { type: 'unbind', keepName: true },
    ],
  ])('volumeStep() of a volume that is %s', (_, object, owner, expected) => {
    expect(volumeStep(object, owner)).toEqual(expected)
  })
})
