import { describe, expect, it } from 'vitest'
import { deepFreeze, isObject } from '../../../src/base/index.ts'
import { applyConflictError } from '../../../src/kinds/apply/field-conflict.ts'
import { type ApplyResult, serverSideApply } from '../../../src/kinds/apply/server-side-apply.ts'
import { trackUpdate } from '../../../src/kinds/apply/track-update.ts'
import { applyDefaults } from '../../../src/kinds/index.ts'
import { definition } from '../../../src/kinds/schema/schema.ts'
import { Kinds } from '../../../src/kube/index.ts'
import type { KubeObject } from '../../../src/kube/object.ts'
import type { StatusError } from '../../../src/kube/status-error.ts'

const schema = definition('io.k8s.api.apps.v1.Deployment')
const T1 = '2024-01-01T00:00:01Z'
const T2 = '2024-01-01T00:00:02Z'
const T3 = '2024-01-01T00:00:03Z'

describe('serverSideApply()', () => {
  it('creates the object and owns what was declared', () => {
    const { object, conflicts } = apply(undefined, deployment({ spec: { replicas: 2 } }))
    expect(conflicts).toEqual([])
    expect(object).toEqual({
      ...deployment({ spec: { replicas: 2 } }),
      metadata: {
        name: 'web',
        namespace: 'shop',
        managedFields: [
          {
            manager: 'bowline',
            operation: 'Apply',
            apiVersion: 'apps/v1',
            time: T1,
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:spec': { 'f:replicas': {} } },
          },
        ],
      },
    })
  })

  it('leaves no hole in a list for an item that declares nothing but nulls', () => {
    const spec = { template: { spec: { containers: [{ name: 'web', ports: [{ hostIP: null }] }] } } }
    const { object } = apply(undefined, deployment({ spec }))
    expect(object).toMatchObject({ spec: { template: { spec: { containers: [{ ports: [{}] }] } } } })
  })

  it('gives the very live object back when nothing changes, whenever it is', () => {
    const live = apply(undefined, deployment(webSpec())).object
    expect(apply(live, deployment(webSpec()), { nowIso: T2 }).object).toBe(live)
  })

  it('takes another way to write a quantity, and an empty list or map, as no change', () => {
    const limits = (cpu: unknown): object =>
      podSpec({ containers: [{ name: 'web', resources: { limits: { cpu } } }] })
    const live = apply(undefined, deployment(limits('1'))).object
    expect(apply(live, deployment(limits('1000m')), { nowIso: T2 }).object).toBe(live)
    expect(apply(live, deployment(limits(1)), { nowIso: T2 }).object).toBe(live)
    const bare = deployment({ metadata: { annotations: {} }, ...podSpec({ volumes: [] }) })
    const created = apply(undefined, bare).object
    expect(apply(created, bare, { nowIso: T2 }).object).toBe(created)
  })

  it('takes a zero that is not stored, and a default inside of an atomic part, as no change and no conflict', () => {
    const declared = (ref: object): KubeObject => {
      const env = [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName', ...ref } } }]
      return deployment(podSpec({ hostNetwork: false, containers: [{ name: 'web', env }] }))
    }
    const live = apply(undefined, declared({ apiVersion: 'v1' })).object
    const stored = applyDefaults(Kinds.Deployment, live)
    expect(stored).not.toHaveProperty('spec.template.spec.hostNetwork')
    const { object, conflicts } = apply(stored, declared({}), { manager: 'other', nowIso: T2 })
    expect(conflicts).toEqual([])
    expect(object).toMatchObject({ spec: (stored as { spec?: object }).spec })
    expect(apply(object, declared({}), { manager: 'other', nowIso: T3 }).object).toBe(object)
  })

  it('sets a zero that is not stored where there is another value, and conflicts with its owner', () => {
    const live = created(deployment({ spec: { paused: true, minReadySeconds: 5 } }), 'kubectl')
    const zeros = deployment({ spec: { paused: false, minReadySeconds: 0 } })
    expect(apply(live, zeros).conflicts.map(({ path }) => path)).toEqual([
      '.spec.minReadySeconds',
      '.spec.paused',
    ])
    const { object } = apply(live, zeros, { force: true })
    expect(applyDefaults(Kinds.Deployment, object)).not.toHaveProperty('spec.paused')
    expect(applyDefaults(Kinds.Deployment, object)).not.toHaveProperty('spec.minReadySeconds')
  })

  it('leaves alone what it does not declare', () => {
    const live = apply(undefined, deployment({ spec: { replicas: 2, paused: true } }), {
      manager: 'other',
    }).object
    const { object } = apply(live, deployment({ spec: { minReadySeconds: 3 } }))
    expect(object).toMatchObject({ spec: { replicas: 2, paused: true, minReadySeconds: 3 } })
    expect(owners(object)).toEqual({
      'bowline Apply': { 'f:spec': { 'f:minReadySeconds': {} } },
      'other Apply': { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } },
    })
  })

  it('names manager and field of a conflict in upstream’s words, and changes nothing', () => {
    const live = created(deployment({ spec: { replicas: 2 } }), 'kubectl-client-side-apply')
    const { object, conflicts } = apply(live, deployment({ spec: { replicas: 3 } }))
    expect(object).toBe(live)
    const error = applyConflictError(conflicts)
    expect(error).toMatchObject({
      reason: 'Conflict',
      code: 409,
      message:
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-client-side-apply" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
    } satisfies Partial<StatusError>)
  })

  it('names several conflicts by manager', () => {
    const image = (tag: string): object => podSpec({ containers: [{ name: 'web', image: `web:${tag}` }] })
    const first = apply(undefined, deployment(image('1')), { manager: 'a' }).object
    const second = apply(first, deployment({ spec: { replicas: 2, paused: true } }), { manager: 'b' }).object
    const scaled = trackUpdate({
      schema,
      before: second,
      after: merge(second, { spec: { minReadySeconds: 3 } }),
      manager: 'c',
      nowIso: T2,
      subresource: 'scale',
    })
    const wanted = merge(deployment(image('2')), { spec: { replicas: 3, paused: false, minReadySeconds: 9 } })
    expect(applyConflictError(apply(scaled, wanted as KubeObject).conflicts).message).toBe(
      [
        'Apply failed with 4 conflicts: conflicts with "a":',
        '- .spec.template.spec.containers[name="web"].image',
        'conflicts with "b":',
        '- .spec.paused',
        '- .spec.replicas',
        'conflicts with "c" with subresource "scale" using apps/v1:',
        '- .spec.minReadySeconds',
      ].join('\n'),
    )
  })

  it('shares a field that several declare with the same value', () => {
    const one = apply(undefined, deployment({ spec: { replicas: 2 } }), { manager: 'a' }).object
    const two = apply(one, deployment({ spec: { replicas: 2 } }), { manager: 'b', nowIso: T2 })
    expect(two.conflicts).toEqual([])
    expect(Object.keys(owners(two.object))).toEqual(['a Apply', 'b Apply'])
    const without = apply(two.object, deployment({}), { manager: 'a', nowIso: T3 }).object
    expect(without).toMatchObject({ spec: { replicas: 2 } })
    expect(Object.keys(owners(without))).toEqual(['b Apply'])
    const gone = apply(without, deployment({}), { manager: 'b', nowIso: T3 }).object
    expect(gone).not.toHaveProperty('spec.replicas')
  })

  it('takes fields over by force', () => {
    const live = created(deployment({ spec: { replicas: 2, paused: true } }), 'kubectl')
    const { object, conflicts } = apply(live, deployment({ spec: { replicas: 3 } }), { force: true })
    expect(conflicts).toEqual([])
    expect(object).toMatchObject({ spec: { replicas: 3, paused: true } })
    expect(owners(object)).toEqual({
      'bowline Apply': { 'f:spec': { 'f:replicas': {} } },
      'kubectl Update': { 'f:spec': { 'f:paused': {} } },
    })
  })

  it('removes what its manager no longer declares, with the struct that held nothing else', () => {
    const live = apply(
      undefined,
      deployment({
        metadata: { labels: { a: '1', b: '2' } },
        spec: { replicas: 1, strategy: { rollingUpdate: { maxSurge: 1 } } },
      }),
    ).object
    const { object } = apply(live, deployment({ metadata: { labels: { a: '1' } }, spec: { replicas: 1 } }), {
      nowIso: T2,
    })
    expect(object.metadata.labels).toEqual({ a: '1' })
    expect((object as { spec?: unknown }).spec).toEqual({ replicas: 1 })
  })

  it('keeps what others own in a struct that it no longer declares, and unowned fields beside it', () => {
    const strategy = (rollingUpdate: object): object => ({ spec: { strategy: { rollingUpdate } } })
    const mine = apply(undefined, deployment(strategy({ maxSurge: 1 }))).object
    const both = apply(mine, deployment(strategy({ maxUnavailable: 2 })), { manager: 'other' }).object
    const left = apply(merge(both, { spec: { strategy: { type: 'RollingUpdate' } } }), deployment({}), {
      nowIso: T2,
    })
    expect(left.object).toMatchObject({
      spec: { strategy: { rollingUpdate: { maxUnavailable: 2 }, type: 'RollingUpdate' } },
    })
    expect(left.object).not.toHaveProperty('spec.strategy.rollingUpdate.maxSurge')
  })

  it('removes a container that left the declaration, with all that was set in it since', () => {
    const both = deployment(
      podSpec({
        containers: [
          { name: 'web', image: 'w' },
          { name: 'log', image: 'l' },
        ],
      }),
    )
    const live = apply(undefined, both).object
    const defaulted = merge(
      live,
      podSpec({
        containers: [
          { name: 'web', image: 'w', imagePullPolicy: 'Always' },
          { name: 'log', image: 'l', imagePullPolicy: 'Always' },
        ],
      }),
    )
    const { object } = apply(defaulted, deployment(podSpec({ containers: [{ name: 'web', image: 'w' }] })), {
      nowIso: T2,
    })
    expect(containersOf(object)).toEqual([{ name: 'web', image: 'w', imagePullPolicy: 'Always' }])
  })

  it('leaves a container that someone else made when its own declaration of it ends', () => {
    const live = created(deployment(podSpec({ containers: [{ name: 'web', image: 'w' }] })), 'kubectl-create')
    const mine = apply(live, deployment(podSpec({ containers: [{ name: 'web', args: ['x'] }] }))).object
    const { object } = apply(mine, deployment({}), { nowIso: T2 })
    expect(containersOf(object)).toEqual([{ name: 'web', image: 'w' }])
  })

  it('puts declared items in the declared order and leaves the others in their places', () => {
    const names = (...list: string[]): KubeObject =>
      deployment(podSpec({ containers: list.map(name => ({ name })) }))
    const live = apply(apply(undefined, names('b', 'a')).object, names('x'), { manager: 'other' }).object
    expect(containersOf(live)).toEqual([{ name: 'b' }, { name: 'a' }, { name: 'x' }])
    const first = apply(live, names('a', 'b', 'c'), { nowIso: T2 }).object
    expect(containersOf(first)).toEqual([{ name: 'a' }, { name: 'x' }, { name: 'b' }, { name: 'c' }])
    const withMiddle = apply(
      apply(undefined, names('a', 'x', 'b'), { manager: 'other' }).object,
      names('b', 'a'),
    ).object
    expect(containersOf(withMiddle)).toEqual([{ name: 'x' }, { name: 'b' }, { name: 'a' }])
  })

  it('replaces atomic lists and structs as a whole', () => {
    const live = apply(
      undefined,
      deployment(podSpec({ tolerations: [{ key: 'a' }], nodeSelector: { disk: 'ssd' } })),
    ).object
    const wanted = deployment(podSpec({ tolerations: [{ key: 'b' }], nodeSelector: { zone: '1' } }))
    const { object } = apply(live, wanted, { nowIso: T2 })
    expect(object).toMatchObject(podSpec({ tolerations: [{ key: 'b' }], nodeSelector: { zone: '1' } }))
    expect(object).not.toHaveProperty('spec.template.spec.nodeSelector.disk')
  })

  it('owns items of a set by their value', () => {
    const one = apply(undefined, deployment({ metadata: { finalizers: ['x/a'] } }), { manager: 'a' }).object
    const two = apply(one, deployment({ metadata: { finalizers: ['x/b'] } }), { manager: 'b' }).object
    expect(two.metadata.finalizers).toEqual(['x/a', 'x/b'])
    expect(apply(two, deployment({}), { manager: 'a' }).object.metadata.finalizers).toEqual(['x/b'])
  })

  it('takes a value away by null, and conflicts when another owns it', () => {
    const live = created(deployment({ spec: { replicas: 2, paused: true } }), 'kubectl')
    expect(apply(live, deployment({ spec: { paused: null } })).conflicts).toEqual([
      { manager: '"kubectl" using apps/v1', path: '.spec.paused' },
    ])
    const { object } = apply(live, deployment({ spec: { paused: null } }), { force: true })
    expect((object as { spec?: unknown }).spec).toEqual({ replicas: 2 })
    expect(apply(object, deployment({ spec: { paused: null } }), { nowIso: T2 }).object).toBe(object)
  })

  it('keeps account of what was there before the first apply', () => {
    const live = { ...deployment({ spec: { replicas: 2 } }) }
    const { conflicts } = apply(live, deployment({ spec: { replicas: 3 } }))
    expect(conflicts).toEqual([{ manager: '"before-first-apply" using apps/v1', path: '.spec.replicas' }])
    const { object } = apply(live, deployment({ spec: { paused: true } }))
    expect(owners(object)).toEqual({
      'bowline Apply': { 'f:spec': { 'f:paused': {} } },
      'before-first-apply Update': { 'f:spec': { 'f:replicas': {} } },
    })
  })

  it('owns neither identity nor what the server writes', () => {
    const applied = deployment({
      metadata: { uid: 'u', resourceVersion: '1', generation: 4, creationTimestamp: T1, generateName: 'w-' },
      status: { replicas: 1 },
    })
    const { object } = apply(undefined, applied)
    expect(object).toMatchObject({ metadata: { name: 'web', generateName: 'w-' } })
    expect(object.metadata).not.toHaveProperty('uid')
    expect(object).not.toHaveProperty('status')
    expect(owners(object)).toEqual({ 'bowline Apply': { 'f:metadata': { 'f:generateName': {} } } })
  })

  it('applies the status alone through its subresource', () => {
    const live = apply(undefined, deployment({ spec: { replicas: 2 } })).object
    const applied = deployment({
      metadata: { labels: { a: 'b' } },
      spec: { replicas: 9 },
      status: { replicas: 1 },
    })
    const { object } = apply(live, applied, { subresource: 'status', nowIso: T2 })
    expect(object).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 1 } })
    expect(object.metadata).not.toHaveProperty('labels')
    expect(object.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['bowline', undefined],
      ['bowline', 'status'],
    ])
  })

  it('lets kubectl take over from its own client-side apply, and keeps the annotation for the way back', () => {
    const lastApplied = JSON.stringify(deployment({ spec: { replicas: 2 } }))
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': lastApplied }
    const live = created(
      deployment({ metadata: { annotations }, spec: { replicas: 2 } }),
      'kubectl-client-side-apply',
    )
    expect(apply(live, deployment({ spec: { replicas: 3 } }), { manager: 'bowline' }).conflicts).toHaveLength(
      1,
    )
    const { object, conflicts } = apply(live, deployment({ spec: { replicas: 3 } }), { manager: 'kubectl' })
    expect(conflicts).toEqual([])
    expect(object).toMatchObject({ spec: { replicas: 3 } })
    const text = object.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'] ?? ''
    expect(JSON.parse(text)).toMatchObject({ spec: { replicas: 3 } })
  })

  it('keeps a key __proto__ as data', () => {
    const labels = JSON.parse('{"__proto__":"x"}') as Record<string, string>
    const { object } = apply(undefined, deployment({ metadata: { labels } }))
    expect(Object.hasOwn(object.metadata.labels ?? {}, '__proto__')).toBe(true)
    expect(apply(object, deployment({ metadata: { labels } }), { nowIso: T2 }).object).toBe(object)
  })
})

interface ApplyChoices {
  readonly manager?: string
  readonly force?: boolean
  readonly nowIso?: string
  readonly subresource?: string
}

function apply(live: KubeObject | undefined, applied: KubeObject, choices: ApplyChoices = {}): ApplyResult {
  const { manager = 'bowline', force = false, nowIso = T1, subresource = '' } = choices
  return deepFreeze(
    serverSideApply({
      schema,
      live: live && deepFreeze(live),
      applied: deepFreeze(applied),
      manager,
      force,
      nowIso,
      subresource,
    }),
  )
}

function created(object: KubeObject, manager: string): KubeObject {
  return trackUpdate({ schema, before: undefined, after: object, manager, nowIso: T1 })
}

function deployment(parts: object): KubeObject {
  const { metadata = {}, ...rest } = parts as { metadata?: object }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', ...metadata },
    ...rest,
  }
}

function podSpec(spec: object): object {
  return { spec: { template: { spec } } }
}

function webSpec(): object {
  return podSpec({
    containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  })
}

/** `fieldsV1` by manager and operation. */
function owners(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(
    (object.metadata.managedFields ?? []).map(entry => [
      `${entry.manager} ${entry.operation}`,
      entry.fieldsV1,
    ]),
  )
}

function containersOf(object: KubeObject): unknown {
  return (object as { spec?: { template?: { spec?: { containers?: unknown } } } }).spec?.template?.spec
    ?.containers
}

function merge(base: unknown, change: unknown): KubeObject {
  return mergeValues(base, change) as KubeObject
}

function mergeValues(base: unknown, change: unknown): unknown {
  if (!isObject(base) || !isObject(change)) return change
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(change)) merged[key] = mergeValues(base[key], value)
  return merged
}
