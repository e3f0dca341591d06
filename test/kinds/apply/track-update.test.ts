import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../../src/base/index.ts'
import { trackUpdate } from '../../../src/kinds/apply/track-update.ts'
import { definition } from '../../../src/kinds/schema/schema.ts'
import type { KubeObject, ManagedFieldsEntry } from '../../../src/kube/object.ts'

const schema = definition('io.k8s.api.core.v1.ConfigMap')

describe('trackUpdate()', () => {
  it('gives a created object’s fields to its creator', () => {
    expect(entriesOf(track(undefined, configMap({ a: '1' }), 'kubectl-create', 1))).toEqual([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2024-01-01T00:00:01Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
      },
    ])
  })

  it('moves what a write changes to its manager and forgets what it removes', () => {
    const made = track(undefined, configMap({ a: '1', b: '2', c: '3' }), 'a', 1)
    const changed = track(made, configMap({ a: '9', b: '2', d: '4' }), 'b', 2)
    expect(fieldsOf(changed)).toEqual({
      a: { 'f:data': { '.': {}, 'f:b': {} } },
      b: { 'f:data': { 'f:a': {}, 'f:d': {} } },
    })
  })

  it('keeps the fields of a manager that writes the same ones again, with a new time', () => {
    const made = track(undefined, configMap({ a: '1' }), 'a', 1)
    const again = track(made, configMap({ a: '2' }), 'a', 2)
    const [before] = entriesOf(made) ?? []
    const [after] = entriesOf(again) ?? []
    expect(after).toEqual({ ...before, time: '2024-01-01T00:00:02Z' })
    expect(after?.fieldsV1).toBe(before?.fieldsV1)
  })

  it('changes no entry and no time when the write changes nothing that can be owned', () => {
    const made = track(undefined, configMap({ a: '1' }), 'a', 1)
    const touched = { ...made, metadata: { ...made.metadata, resourceVersion: '7', generation: 2 } }
    expect(track(made, touched, 'b', 2)).toBe(touched)
    expect(track(made, made, 'b', 2)).toBe(made)
  })

  it('keeps the account when a client does not send it', () => {
    const made = track(undefined, configMap({ a: '1' }), 'a', 1)
    expect(entriesOf(track(made, configMap({ a: '1' }), 'b', 2))).toEqual(entriesOf(made))
  })

  it('takes over an account that a client sends, but not through a subresource', () => {
    const made = track(undefined, configMap({ a: '1' }), 'a', 1)
    const managedFields: ManagedFieldsEntry[] = [
      { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ]
    const sent = { ...made, metadata: { ...made.metadata, managedFields } }
    expect(Object.keys(fieldsOf(track(made, sent, 'b', 2)))).toEqual(['x'])
    expect(Object.keys(fieldsOf(track(made, sent, 'b', 2, 'status')))).toEqual(['a'])
  })

  it('ends the account when a client sends a single empty entry, and begins none by itself', () => {
    const made = track(undefined, configMap({ a: '1' }), 'a', 1)
    const reset = track(made, { ...made, metadata: { name: 'c', managedFields: [{}] } }, 'b', 2)
    expect(reset.metadata).not.toHaveProperty('managedFields')
    expect(track(reset, configMap({ a: '2' }), 'b', 3).metadata).not.toHaveProperty('managedFields')
  })

  it('keeps a subresource’s writes apart from the manager’s others', () => {
    const pods = definition('io.k8s.api.core.v1.Pod')
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'n' } }
    const made = trackUpdate({ schema: pods, before: undefined, after: pod, manager: 'agent', nowIso: at(1) })
    const after = {
      ...made,
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    }
    const updated = trackUpdate({
      schema: pods,
      before: made,
      after,
      manager: 'agent',
      nowIso: at(2),
      subresource: 'status',
    })
    expect(entriesOf(updated).map(({ manager, subresource, time }) => [manager, subresource, time])).toEqual([
      ['agent', undefined, at(1)],
      ['agent', 'status', at(2)],
    ])
    expect(entriesOf(updated)[1]?.fieldsV1).toEqual({
      'f:status': {
        'f:phase': {},
        'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:type': {}, 'f:status': {} } },
      },
    })
  })

  it('keeps at most ten updaters and merges the oldest', () => {
    let object = track(undefined, configMap({ k0: '0' }), 'm0', 0)
    for (let turn = 1; turn < 15; turn += 1) {
      const data = { ...(object as { data?: Record<string, string> }).data, [`k${turn}`]: `${turn}` }
      object = track(object, { ...object, data } as KubeObject, `m${turn}`, turn)
    }
    const fields = fieldsOf(object)
    expect(Object.keys(fields)).toHaveLength(10)
    expect(fields['ancient-changes']).toEqual({
      'f:data': { '.': {}, 'f:k0': {}, 'f:k1': {}, 'f:k2': {}, 'f:k3': {}, 'f:k4': {}, 'f:k5': {} },
    })
  })
})

function track(
  before: KubeObject | undefined,
  after: KubeObject,
  manager: string,
  second: number,
  subresource = '',
): KubeObject {
  return deepFreeze(trackUpdate({ schema, before, after, manager, nowIso: at(second), subresource }))
}

function at(second: number): string {
  return `2024-01-01T00:00:${String(second).padStart(2, '0')}Z`
}

function configMap(data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data } as KubeObject
}

function entriesOf(object: KubeObject): readonly ManagedFieldsEntry[] {
  return object.metadata.managedFields ?? []
}

function fieldsOf(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(entriesOf(object).map(entry => [entry.manager, entry.fieldsV1]))
}
