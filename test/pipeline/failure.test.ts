import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { Kinds, type Pod, type RecordObject, StatusError } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { addNode, scheduledPod, setContainer } from './by-hand.ts'
import { configMap, deployment } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

describe('Pipeline: failures', () => {
  let world: TestPipeline
  /** What the pipeline's writes meet before they reach the API. */
  let refuse: (name: string, manager: string | undefined) => void

  beforeEach(async () => {
    refuse = () => {}
    world = await TestPipeline.create({
      wrapClient: client => withFaults(client, (...facts) => refuse(...facts)),
    })
  })

  afterEach(() => world.close())

  it('closes the record of a refused change as Failed, once, and a commit that mends it works', async () => {
    world.push('one', { 'web.yaml': deployment('web'), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    refuse = name => {
      if (name === 'web') throw new StatusError('Invalid', 'Deployment.apps "web" is invalid: no such thing')
    }
    const commit = world.push('two', {
      'web.yaml': deployment('web', { image: 'shop:2' }),
      'config.yaml': configMap('config', 'two'),
    })
    const app = await world.reaches('Failed', commit)
    expect(app.status?.message).toMatch(/^Deployment default\/web: .*no such thing/)
    const record = await world.recorded('Failed', isClosedAt(commit))
    expect(record.status?.state).toBe('Failed')
    expect(record.status?.changes).toMatchObject([
      { ref: { kind: 'ConfigMap' }, outcome: 'configured' },
      { ref: { kind: 'Deployment' }, outcome: 'failed', message: expect.stringContaining('no such thing') },
    ])
    // What runs is well, but it is not what Git says.
    const [pod] = await podsOf(world)
    const { runtime, id } = await world.containerOf(pod?.metadata.name ?? '')
    runtime.exitContainer(id, 1)
    await eventually('the container to run again', async () => {
      const { items } = await world.client.list(Kinds.Pod, { namespace: 'default' })
      return (
        items[0]?.status?.containerStatuses?.[0]?.restartCount === 1 &&
        items[0].status.containerStatuses[0].ready
      )
    })
    await world.reaches('Failed', commit)
    expect(
      (await world.records()).filter(isClosedAt(commit)).filter(({ spec }) => spec.trigger !== 'drift'),
    ).toHaveLength(1)
    expect((await world.app()).status?.conditions).toMatchObject([
      { type: 'Ready', status: 'False' },
      { type: 'Synced', status: 'False', reason: 'Failed' },
    ])
    refuse = () => {}
    const mended = world.push('three', { 'web.yaml': deployment('web', { image: 'shop:3' }) })
    await world.reaches('Healthy', mended)
  })

  it('says in the record which policy denied a change, and is itself not denied to say so', async () => {
    const policy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: small }
spec:
  matchConstraints:
    resourceRules:
      - { apiGroups: ['', bowline.dev], apiVersions: ['*'], operations: ['*'], resources: [configmaps, records] }
  matchConditions: [{ name: written, expression: object != null }]
  validations:
    - expression: has(object.data) && object.data.all(key, object.data[key] != "forbidden")
      message: no map may hold this
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: everywhere }
spec: { policyName: small, validationActions: [Deny] }
`
    world.push('one', { 'policy.yaml': policy, 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'config.yaml': configMap('config', 'forbidden') })
    const denied =
      "ValidatingAdmissionPolicy 'small' with binding 'everywhere' denied request: no map may hold this"
    expect((await world.reaches('Failed', commit)).status?.message).toContain(denied)
    const record = await world.recorded('Failed', isClosedAt(commit))
    expect(record.status?.changes).toMatchObject([
      {
        ref: { kind: 'ConfigMap', name: 'config' },
        outcome: 'failed',
        message: `configmaps "config" is forbidden: ${denied}`,
      },
    ])
  })

  it('says which quota refused a change and where the change stands, and works once a commit gives room', async () => {
    const quota = (configmaps: number): string => `apiVersion: v1
kind: ResourceQuota
metadata: { name: few }
spec: { hard: { configmaps: '${configmaps}' } }
`
    world.push('one', { 'quota.yaml': quota(1), 'a.yaml': configMap('a') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'b.yaml': `---\n${configMap('b')}` })
    const refusal =
      'configmaps "b" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=1, limited: configmaps=1'
    expect((await world.reaches('Failed', commit)).status?.message).toBe(`ConfigMap default/b: ${refusal}`)
    const record = await world.recorded('Failed', isClosedAt(commit))
    expect(record.spec.plan.changes).toMatchObject([
      { ref: { name: 'b' }, source: { file: 'b.yaml', line: 2 } },
    ])
    expect(record.status?.changes).toMatchObject([
      { ref: { kind: 'ConfigMap', name: 'b' }, outcome: 'failed', message: refusal },
    ])
    await world.reaches('Healthy', world.push('three', { 'quota.yaml': quota(2) }))
    await world.client.get(Kinds.ConfigMap, 'b', { namespace: 'default' })
  })

  it('deletes nothing of an app after a change of the same commit failed', async () => {
    world.push('one', { 'web.yaml': deployment('web'), 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('rm', '-q', 'config.yaml')
    refuse = name => {
      if (name === 'web') throw new StatusError('Invalid', 'Deployment.apps "web" is invalid: no such thing')
    }
    const commit = world.push('two', { 'web.yaml': deployment('web', { image: 'shop:2' }) })
    await world.reaches('Failed', commit)
    const record = await world.recorded('Failed', isClosedAt(commit))
    expect(record.status?.changes.at(-1)).toMatchObject({
      action: 'delete',
      outcome: 'skipped',
      message: 'another change of this commit failed',
    })
    await world.client.get(Kinds.ConfigMap, 'config', { namespace: 'default' })
  })

  it('tries a commit again that a quota refused, for somebody may raise the quota', async () => {
    await world.start()
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few' } } as const
    const place = { namespace: 'default' }
    await world.client.create(Kinds.ResourceQuota, { ...quota, spec: { hard: { configmaps: '1' } } }, place)
    const commit = world.push('two', { 'a.yaml': configMap('a'), 'b.yaml': configMap('b') })
    await world.reaches('Failed', commit)
    const raise = { type: 'merge', body: { spec: { hard: { configmaps: '2' } } } } as const
    await world.client.patch(Kinds.ResourceQuota, 'few', raise, place)
    await world.reaches('Healthy', commit, ROOT, 15_000)
  })

  it('records once that a quota refuses a commit, however often it is tried', async () => {
    const tries: string[] = []
    refuse = name => {
      if (name === 'b') tries.push(name)
    }
    await world.start()
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few' } } as const
    const place = { namespace: 'default' }
    await world.client.create(Kinds.ResourceQuota, { ...quota, spec: { hard: { configmaps: '1' } } }, place)
    world.push('one', { 'a.yaml': configMap('a') })
    await world.reaches('Healthy', world.repository.head())
    const commit = world.push('two', { 'b.yaml': configMap('b') })
    await world.reaches('Failed', commit)
    await eventually('it to be tried again', () => tries.length >= 2, 15_000)
    await world.closed()
    expect((await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
      ['start', 'Healthy'],
      ['push', 'Failed'],
    ])
    await world.client.patch(
      Kinds.ResourceQuota,
      'few',
      { type: 'merge', body: { spec: { hard: { configmaps: '2' } } } },
      place,
    )
    await world.reaches('Healthy', commit, ROOT, 25_000)
    await world.closed()
    expect((await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
      ['start', 'Healthy'],
      ['push', 'Failed'],
      ['retry', 'Healthy'],
    ])
  })

  it('repeats a write that met a passing error', async () => {
    let refusals = 0
    refuse = name => {
      if (name !== 'config' || refusals >= 2) return
      refusals += 1
      throw new StatusError('ServiceUnavailable', 'not now')
    }
    const commit = world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    await world.reaches('Healthy', commit)
    expect(refusals).toBe(2)
    await world.closed()
    expect((await world.records())[0]?.status?.changes).toMatchObject([{ outcome: 'created' }])
  })

  it('tries a commit again in a record of its own when its writes kept meeting errors that pass', async () => {
    let isAway = true
    refuse = name => {
      if (name === 'config' && isAway) throw new StatusError('ServiceUnavailable', 'away for longer')
    }
    const commit = world.push('one', { 'config.yaml': configMap('config') })
    await world.start()
    const failed = await world.reaches('Failed', commit, ROOT, 15_000)
    expect(failed.status?.message).toContain('away for longer')
    isAway = false
    await world.reaches('Healthy', commit, ROOT, 15_000)
    await world.closed()
    expect((await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
      ['start', 'Failed'],
      ['retry', 'Healthy'],
    ])
  })

  it('carries on with what a held commit cut short until it is written, and the commit stays held', async () => {
    world.push('one', { 'web.yaml': deployment('web') })
    await world.start()
    await world.reaches('Healthy', world.repository.head())
    let isAway = true
    refuse = name => {
      if (name === 'web' && isAway) throw new StatusError('ServiceUnavailable', 'away for longer')
    }
    const two = world.push('two', { 'web.yaml': deployment('web', { image: 'shop:2' }) })
    await world.recorded('open', ({ spec, status }) => spec.commit.id === two && status?.state === 'Open')
    const three = world.push('three', { 'bad.yaml': 'a: b: c' })
    await world.reaches('Held', three)
    await world.recorded(
      'Failed',
      record => isClosedAt(two)(record) && record.status?.state === 'Failed',
      ROOT,
      15_000,
    )
    isAway = false
    await eventually(
      'the image of two',
      async () => {
        const { spec } = await world.client.get(Kinds.Deployment, 'web', { namespace: 'default' })
        return spec?.template.spec?.containers[0]?.image === 'shop:2'
      },
      15_000,
    )
    await world.recorded('Healthy', record => isClosedAt(two)(record) && record.status?.state === 'Healthy')
    expect((await world.app()).status).toMatchObject({ phase: 'Held', observedRevision: three })
  })
})

describe('Pipeline: pods that do not get well', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create({ nodes: [] })
    await world.start()
    await addNode(world.client, 'host-1')
  })

  afterEach(() => world.close())

  it('fails a commit whose container crashes three times, says how, and follows when it gets well by itself', async () => {
    const commit = world.push('one', { 'web.yaml': deployment('web') })
    const pod = await scheduledPod(world.client, 'shop:1')
    await setContainer(world.client, pod, {
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: {
        terminated: { exitCode: 1, reason: 'Error', message: 'Error: DATABASE_URL is not set\n' },
      },
    })
    const app = await world.reaches('Failed', commit)
    const message = `Deployment default/web: ${pod.metadata.name}/web on host-1: exit 1, restarted 3 times: Error: DATABASE_URL is not set`
    expect(app.status?.message).toBe(message)
    const record = await world.recorded('Failed', isClosedAt(commit))
    expect(record.status).toMatchObject({ state: 'Failed', health: { message } })
    // It tries once more, which is no health.
    await setContainer(world.client, pod, { ready: false, restartCount: 4, state: { running: {} } })
    expect((await world.app()).status).toMatchObject({ phase: 'Failed', message })
    await setContainer(world.client, pod, { ready: true, restartCount: 4, state: { running: {} } })
    await world.reaches('Healthy', commit)
    expect(await world.records()).toHaveLength(1)
  })

  it('records what stops again and again as one drift and not as one after another', async () => {
    const commit = world.push('one', { 'web.yaml': deployment('web') })
    const pod = await scheduledPod(world.client, 'shop:1')
    await setContainer(world.client, pod, { ready: true, restartCount: 0, state: { running: {} } })
    await world.reaches('Healthy', commit)
    for (const restartCount of [1, 2, 3, 4, 5]) {
      const containerID = `hollow://${restartCount}`
      await setContainer(world.client, pod, {
        ready: false,
        restartCount,
        containerID,
        state: { running: {} },
      })
      await setContainer(world.client, pod, {
        ready: false,
        restartCount,
        containerID,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1, containerID } },
      })
    }
    const app = await world.reaches('Failed', commit)
    expect(app.status?.message).toContain('exit 1, restarted')
    expect((await world.records()).map(({ spec }) => spec.trigger)).toEqual(['start', 'drift'])
  })

  it('says why pods are not scheduled', async () => {
    const commit = world.push('one', {
      'web.yaml': deployment('web', { more: '          resources: { requests: { cpu: "500" } }\n' }),
    })
    await eventually('the reason', async () =>
      (await world.app()).status?.message?.includes('0/1 nodes are available'),
    )
    await world.reaches('Progressing', commit)
  })
})

function isClosedAt(commit: string): (record: RecordObject) => boolean {
  return ({ spec, status }) => spec.commit.id === commit && status?.state !== 'Open'
}

async function podsOf(world: TestPipeline): Promise<readonly Pod[]> {
  return (await world.client.list(Kinds.Pod, { namespace: 'default' })).items
}

function withFaults(client: Client, refuse: (name: string, manager: string | undefined) => void): Client {
  return {
    ...client,
    patch: async (kind, name, patch, options) => {
      refuse(name, options?.fieldManager)
      return client.patch(kind, name, patch, options)
    },
  }
}
