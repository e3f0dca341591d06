import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refuseMove } from '../../../../src/cluster/controllers/volumes/move/refusal.ts'
import {
  Kinds,
  type MoveState,
  moveStateOf,
  type PersistentVolumeClaim,
  type Pod,
} from '../../../../src/kube/index.ts'
import { until } from '../../../agents/support/test-agent.ts'
import { node, pod } from '../build.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'
import { claim, fresh, volume } from './build.ts'

const NAMESPACE = { namespace: 'default' }
const MOVE_TO = 'volume.bowline.dev/move-to'
const STATE = 'volume.bowline.dev/move'
const HELD = 'volume.bowline.dev/held'
const CONFIRMED = 'volume.bowline.dev/move-confirmed'

const folderOn = (name: string) => ({
  csi: { driver: 'local.bowline.dev', volumeHandle: 'v', volumeAttributes: { node: name } },
})
const bound = claim('data', { volumeName: 'v' }, { status: { phase: 'Bound' } })

describe('refuseMove()', () => {
  const request = {
    claim: bound,
    volume: volume('v', folderOn('host-1')),
    node: node('host-2'),
    to: 'host-2',
    pods: [pod('web', { controller: 'rs' })],
    earlier: undefined,
  }
  const kept: MoveState = { id: 'm0', from: 'host-3', to: 'host-1', phase: 'Kept' }

  it('refuseMove() lets a bound folder go to a host that is ready', () => {
    expect(refuseMove(request)).toBeUndefined()
    expect(refuseMove({ ...request, pods: [], earlier: { ...kept, phase: 'Refused' } })).toBeUndefined()
  })

  it.each<[Partial<Parameters<typeof refuseMove>[0]>, string]>([
    [{ claim: claim('data') }, 'the claim is not bound to a volume'],
    [{ volume: volume('v') }, 'volume v is no folder of a host that an agent keeps'],
    [{ volume: volume('v', folderOn('host-2')) }, 'volume v is on host-2 already'],
    [{ node: undefined }, 'host host-2 is not part of the cluster'],
    [{ node: node('host-2', { ready: 'Unknown' }) }, 'host host-2 is not ready'],
    [{ pods: [pod('naked')] }, 'pod naked uses the claim and has no controller'],
    [{ earlier: kept }, 'the original of an earlier move waits on host-3'],
    [
      { claim: claim('data', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }) },
      'the claim is being deleted',
    ],
  ])('refuseMove() says why not: %#', (change, why) => {
    expect(refuseMove({ ...request, ...change })).toContain(why)
  })
})

describe('VolumeMoveController', () => {
  let cluster: TestCluster

  beforeEach(async () => {
    cluster = await startTestCluster()
    await cluster.addNode('host-1')
    await cluster.client.create(Kinds.PersistentVolumeClaim, fresh(claim('data')), NAMESPACE)
    await cluster.client.create(Kinds.Deployment, DATABASE, NAMESPACE)
    await runsOn('host-1')
    cluster.volumeHosts.write('host-1', await volumeName(), 'rows')
    await cluster.addNode('host-2')
  })
  afterEach(() => cluster.close())

  const DATABASE = {
    apiVersion: 'apps/v1' as const,
    kind: 'Deployment' as const,
    metadata: { name: 'db' },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' as const },
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: {
          containers: [{ name: 'db', image: 'db' }],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      },
    },
  }

  const getClaim = (): Promise<PersistentVolumeClaim> =>
    cluster.client.get(Kinds.PersistentVolumeClaim, 'data', NAMESPACE)

  async function volumeName(): Promise<string> {
    return (await getClaim()).spec?.volumeName ?? ''
  }

  async function annotate(annotations: Record<string, string | null>): Promise<void> {
    const body = { metadata: { annotations } }
    await cluster.client.patch(Kinds.PersistentVolumeClaim, 'data', { type: 'merge', body }, NAMESPACE)
  }

  const inPhase = (phase: MoveState['phase']) =>
    until(`the move is ${phase}`, async () => {
      const state = moveStateOf(await getClaim())
      return state?.phase === phase ? state : undefined
    })

  const runsOn = (host: string) =>
    until(`the database runs on ${host}`, async () => {
      const pods = await cluster.pods('app=db')
      return pods.some(isRunning(host)) ? pods.find(isRunning(host)) : undefined
    })

  function isRunning(host: string): (pod: Pod) => boolean {
    return ({ metadata, spec, status }) =>
      metadata.deletionTimestamp === undefined && spec?.nodeName === host && status?.phase === 'Running'
  }

  it('moves the data, starts the pods there, and keeps the original until it is confirmed', async () => {
    const name = await volumeName()
    const before = await cluster.client.get(Kinds.PersistentVolume, name)
    await annotate({ [MOVE_TO]: 'host-2' })
    const { id, from, to } = await inPhase('Kept')
    expect([from, to]).toEqual(['host-1', 'host-2'])
    await runsOn('host-2')
    const { folders, trash } = cluster.volumeHosts
    expect([...folders].map(([key, { content }]) => [key, content])).toEqual([
      [`host-2/${name}`, 'rows'],
      [`host-1/${name}.${id}`, 'rows'],
    ])
    expect(trash).toEqual([])
    const after = await cluster.client.get(Kinds.PersistentVolume, name)
    expect(after.metadata.uid).not.toBe(before.metadata.uid)
    expect(after.metadata.annotations).toEqual(before.metadata.annotations)
    expect(after.spec).toEqual({
      ...before.spec,
      csi: { ...before.spec?.csi, volumeAttributes: { node: 'host-2' } },
      nodeAffinity: after.spec?.nodeAffinity,
    })
    expect(JSON.stringify(after.spec?.nodeAffinity)).toContain('host-2')
    const settled = await getClaim()
    expect(settled.status?.phase).toBe('Bound')
    expect(settled.metadata.annotations).not.toHaveProperty('volume.bowline.dev/held')

    await annotate({ [CONFIRMED]: 'another' })
    await annotate({ [MOVE_TO]: 'host-1' })
    await until('a second move is refused', async () =>
      moveStateOf(await getClaim())?.message?.includes('waits on host-1'),
    )
    await annotate({ [CONFIRMED]: id })
    await until('the state is gone', async () => moveStateOf(await getClaim()) === undefined)
    expect(trash).toEqual([`host-1/${name}.${id}`])
    expect([...folders.keys()]).toEqual([`host-2/${name}`])
  })

  it('holds the pods back until the copy is there, and can be cancelled as long', async () => {
    cluster.volumeHosts.away.add('host-2')
    await annotate({ [MOVE_TO]: 'host-2' })
    await until('it says what it waits for', async () =>
      moveStateOf(await getClaim())?.message?.includes('Cannot reach node "host-2"'),
    )
    await until('the pod that replaces the stopped one waits', async () =>
      (await cluster.pods('app=db')).some(({ status }) =>
        status?.conditions?.some(({ message }) => message?.includes('its volume moves to host host-2')),
      ),
    )
    expect((await cluster.pods('app=db')).some(isRunning('host-1'))).toBe(false)
    await annotate({ [MOVE_TO]: null })
    await runsOn('host-1')
    expect(moveStateOf(await getClaim())).toBeUndefined()
    expect([...cluster.volumeHosts.folders.keys()]).toEqual([`host-1/${await volumeName()}`])
  })

  it('holds the pods back again where an administrator let them go', async () => {
    cluster.volumeHosts.away.add('host-2')
    await annotate({ [MOVE_TO]: 'host-2' })
    await inPhase('Copying')
    await annotate({ [HELD]: null })
    await until('they are held again', async () => (await getClaim()).metadata.annotations?.[HELD])
    cluster.volumeHosts.away.delete('host-2')
    await annotate({ touched: 'yes' })
    await runsOn('host-2')
    expect((await getClaim()).metadata.annotations).not.toHaveProperty(HELD)
  })

  it('an original whose host went away meanwhile does not keep the pods from starting', async () => {
    const { volumeHosts } = cluster
    const name = await volumeName()
    const keep = volumeHosts.keep.bind(volumeHosts)
    volumeHosts.keep = async (...all) => {
      if (volumeHosts.away.has('lost')) throw new Error('Cannot reach host-1')
      return keep(...all)
    }
    volumeHosts.away.add('lost')
    await annotate({ [MOVE_TO]: 'host-2' })
    await inPhase('Keeping')
    await runsOn('host-2')
    expect(volumeHosts.folders.has(`host-1/${name}`)).toBe(true)
    volumeHosts.away.delete('lost')
    await annotate({ touched: 'yes' })
    await inPhase('Kept')
  })

  it('refuses what cannot be, and touches nothing', async () => {
    await annotate({ [MOVE_TO]: 'host-9' })
    expect((await inPhase('Refused')).message).toBe('host host-9 is not part of the cluster')
    expect((await getClaim()).metadata.annotations).not.toHaveProperty(MOVE_TO)
    await runsOn('host-1')
  })

  it('goes on with no move that a claim only says of itself: the volume that it names is another’s', async () => {
    const name = await volumeName()
    const before = await cluster.client.get(Kinds.PersistentVolume, name)
    const claimRef = { namespace: 'default', name: 'thief' }
    const state: MoveState = {
      id: 'm1',
      from: 'host-1',
      to: 'host-2',
      phase: 'Rebinding',
      volume: { spec: { ...before.spec, claimRef } },
    }
    const thief = claim('thief', { volumeName: name })
    const annotations = { [STATE]: JSON.stringify(state), [MOVE_TO]: 'host-2' }
    await cluster.client.create(
      Kinds.PersistentVolumeClaim,
      fresh({ ...thief, metadata: { ...thief.metadata, annotations } }),
      NAMESPACE,
    )
    const phase = await until('it is judged', async () => {
      const seen = await cluster.client.get(Kinds.PersistentVolumeClaim, 'thief', NAMESPACE)
      const { phase } = moveStateOf(seen) ?? state
      return phase === 'Rebinding' ? undefined : phase
    })
    const after = await cluster.client.get(Kinds.PersistentVolume, name)
    expect(phase).toBe('Refused')
    expect([after.metadata.uid, after.spec]).toEqual([before.metadata.uid, before.spec])
    await runsOn('host-1')
  })

  describe('goes on from wherever it was cut off:', () => {
    /** The world as a server left it that died in a phase of the move `m1`. */
    async function resume(phase: MoveState['phase'], done: (name: string) => Promise<void>): Promise<void> {
      const name = await volumeName()
      const { spec = {}, metadata } = await cluster.client.get(Kinds.PersistentVolume, name)
      const annotations = metadata.annotations ?? {}
      await cluster.client.patch(
        Kinds.Deployment,
        'db',
        { type: 'merge', body: { spec: { replicas: 0 } } },
        NAMESPACE,
      )
      await until('the pods are gone', async () => (await cluster.pods('app=db')).length === 0)
      await done(name)
      const state: MoveState = {
        id: 'm1',
        from: 'host-1',
        to: 'host-2',
        phase,
        volume: { annotations, spec },
      }
      await annotate({
        [MOVE_TO]: 'host-2',
        'volume.bowline.dev/held': 'it moves',
        [STATE]: JSON.stringify(state),
      })
      await inPhase('Kept')
      await cluster.client.patch(
        Kinds.Deployment,
        'db',
        { type: 'merge', body: { spec: { replicas: 1 } } },
        NAMESPACE,
      )
      await runsOn('host-2')
      expect(cluster.volumeHosts.folders.get(`host-2/${name}`)?.content).toBe('rows')
      expect(cluster.volumeHosts.folders.get(`host-1/${name}.m1`)?.content).toBe('rows')
      expect(cluster.volumeHosts.trash).toEqual([])
    }

    async function copy(name: string): Promise<void> {
      await cluster.volumeHosts.copy('host-1', 'host-2', name, 'm1')
      await cluster.volumeHosts.adopt('host-2', name, 'm1')
    }

    async function removeVolume(name: string): Promise<void> {
      const body = { metadata: { finalizers: [] } }
      // The protection puts its finalizer back as long as the volume is not ending.
      await until('the volume is gone', async () => {
        await cluster.client.delete(Kinds.PersistentVolume, name).catch(() => undefined)
        await cluster.client
          .patch(Kinds.PersistentVolume, name, { type: 'merge', body })
          .catch(() => undefined)
        return cluster.client.get(Kinds.PersistentVolume, name).then(
          () => false,
          () => true,
        )
      })
    }

    it('before the copy', () => resume('Copying', async () => {}))
    it('with a copy that nobody noted', () => resume('Copying', copy))
    it('with the old volume still there', () => resume('Rebinding', copy))
    it('with the old volume on its way out', () =>
      resume('Rebinding', async name => {
        await copy(name)
        await cluster.client.delete(Kinds.PersistentVolume, name)
        expect(
          (await cluster.client.get(Kinds.PersistentVolume, name)).metadata.deletionTimestamp,
        ).toBeDefined()
      }))
    it('with the old volume gone and no new one', () =>
      resume('Rebinding', async name => {
        await copy(name)
        await annotate({ [STATE]: '{}' })
        await removeVolume(name)
        expect((await getClaim()).status?.phase).toBe('Bound')
      }))
  })
})
