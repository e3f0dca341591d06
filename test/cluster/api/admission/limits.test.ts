import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  Kinds,
  type LimitRange,
  type PersistentVolumeClaim,
  type Pod,
  type PriorityClass,
} from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../test-api.ts'

describe('LimitRanges and PriorityClasses at admission', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startTestApi({})
  })
  afterEach(() => api.close())

  const pod = (name: string, resources: object = {}, spec: object = {}): Promise<Pod> =>
    api.client.create(Kinds.Pod, {
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'a', resources }], ...spec },
    } as unknown as Pod)
  const range = (limits: object[]): Promise<LimitRange> =>
    api.client.create(Kinds.LimitRange, {
      metadata: { name: 'limits', namespace: 'default' },
      spec: { limits },
    } as unknown as LimitRange)
  const priority = (name: string, fields: object): Promise<PriorityClass> =>
    api.client.create(Kinds.PriorityClass, { metadata: { name }, ...fields } as unknown as PriorityClass)

  // The cases of upstream's conformance test limit_range.go.
  it('give pods their defaults, and refuse what is outside', async () => {
    await range([
      {
        type: 'Container',
        min: { cpu: '50m', memory: '100Mi', 'ephemeral-storage': '100Gi' },
        max: { cpu: '500m', memory: '500Mi', 'ephemeral-storage': '500Gi' },
        default: { cpu: '500m', memory: '500Mi', 'ephemeral-storage': '500Gi' },
        defaultRequest: { cpu: '100m', memory: '200Mi', 'ephemeral-storage': '200Gi' },
      },
    ])
    const limits = { cpu: '500m', memory: '500Mi', 'ephemeral-storage': '500Gi' }
    const none = await pod('none')
    expect(none.spec?.containers[0]?.resources).toEqual({
      requests: { cpu: '100m', memory: '200Mi', 'ephemeral-storage': '200Gi' },
      limits,
    })
    expect(none.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu, ephemeral-storage, memory request for container main; cpu, ephemeral-storage, memory limit for container main',
    )
    expect(none.status?.qosClass).toBe('Burstable')
    const partly = await pod('partly', { requests: { cpu: '300m' }, limits: { memory: '300Mi' } })
    // A limit that is said is also the request that is not.
    expect(partly.spec?.containers[0]?.resources).toEqual({
      requests: { cpu: '300m', memory: '300Mi', 'ephemeral-storage': '200Gi' },
      limits: { ...limits, memory: '300Mi' },
    })
    await expect(pod('little', { requests: { cpu: '10m' } })).rejects.toThrow(
      'pods "little" is forbidden: minimum cpu usage per Container is 50m, but request is 10m',
    )
    await expect(pod('much', { requests: { cpu: '600m' }, limits: { cpu: '600m' } })).rejects.toThrow(
      'pods "much" is forbidden: maximum cpu usage per Container is 500m, but limit is 600m',
    )
  })

  it('count whole pods, ratios and the size of claims', async () => {
    await range([
      { type: 'Pod', max: { cpu: '1' } },
      { type: 'Container', maxLimitRequestRatio: { memory: '2' } },
      { type: 'PersistentVolumeClaim', max: { storage: '2Gi' } },
    ])
    const half = { limits: { cpu: '600m', memory: '2Gi' }, requests: { memory: '1Gi' } }
    expect((await pod('one', half)).metadata.name).toBe('one')
    const two = { containers: ['a', 'b'].map(name => ({ name, image: 'a', resources: half })) }
    await expect(pod('two', {}, two)).rejects.toThrow('maximum cpu usage per Pod is 1, but limit is 1200m')
    const steep = { limits: { cpu: '1', memory: '3Gi' }, requests: { memory: '1Gi' } }
    await expect(pod('steep', steep)).rejects.toThrow(
      'memory max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    )
    const claim = {
      metadata: { name: 'large', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '3Gi' } } },
    } as unknown as PersistentVolumeClaim
    await expect(api.client.create(Kinds.PersistentVolumeClaim, claim)).rejects.toThrow(
      'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    )
  })

  it('are checked themselves, and say what follows from what they say', async () => {
    await expect(
      range([{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' }, default: { cpu: '3' } }]),
    ).rejects.toThrow(/min value 2 is greater than max value 1.*default value 3 is greater than max value 1/)
    const { spec } = await range([{ type: 'Container', max: { cpu: '1' }, min: { memory: '1Gi' } }])
    expect(spec?.limits[0]).toEqual({
      type: 'Container',
      max: { cpu: '1' },
      min: { memory: '1Gi' },
      default: { cpu: '1' },
      defaultRequest: { cpu: '1', memory: '1Gi' },
    })
  })

  it('give pods the priority of their class, or of the class of those that name none', async () => {
    expect((await pod('plain')).spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' })
    await priority('urgent', { value: 1000, preemptionPolicy: 'Never' })
    expect((await pod('urgent', {}, { priorityClassName: 'urgent' })).spec).toMatchObject({
      priority: 1000,
      preemptionPolicy: 'Never',
    })
    expect((await pod('node', {}, { priorityClassName: 'system-node-critical' })).spec?.priority).toBe(
      2_000_001_000,
    )
    await expect(pod('none', {}, { priorityClassName: 'none' })).rejects.toThrow(
      'no PriorityClass with name none was found',
    )
    await expect(pod('own', {}, { priorityClassName: 'urgent', priority: 5 })).rejects.toThrow(
      'the integer value of priority (5) must not be provided in pod spec',
    )
    await priority('usual', { value: 7, globalDefault: true })
    expect((await pod('default')).spec).toMatchObject({ priority: 7, priorityClassName: 'usual' })
    await expect(priority('system-mine', { value: 1 })).rejects.toThrow('reserved for system use only')
  })

  it('lets a container for a look around into a pod by its own subresource alone', async () => {
    await pod('seen')
    const look = { name: 'look', image: 'tools', targetContainerName: 'main' }
    const patch = (
      name: string,
      body: { readonly [field: string]: unknown },
      subresource = '',
    ): Promise<Pod> =>
      api.client.patch(Kinds.Pod, name, { type: 'strategic', body }, { namespace: 'default', subresource })
    const added = await patch(
      'seen',
      { spec: { ephemeralContainers: [look], hostNetwork: true } },
      'ephemeralcontainers',
    )
    expect(added.spec?.ephemeralContainers).toMatchObject([{ ...look, imagePullPolicy: 'Always' }])
    expect(added.spec?.hostNetwork).toBeUndefined()
    const changed = { spec: { ephemeralContainers: [{ ...look, image: 'others' }] } }
    await expect(patch('seen', changed, 'ephemeralcontainers')).rejects.toThrow(
      'existing ephemeral containers "look" may not be changed',
    )
    expect(
      (await patch('seen', { metadata: { labels: { a: 'b' } }, ...changed })).spec?.ephemeralContainers,
    ).toEqual(added.spec?.ephemeralContainers)
  })
})
