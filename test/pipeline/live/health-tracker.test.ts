import { beforeEach, describe, expect, it } from 'vitest'
import type { Health } from '../../../src/kinds/index.ts'
import { type ObjectRef, refKey, refOf } from '../../../src/kube/index.ts'
import { HealthTracker } from '../../../src/pipeline/live/health-tracker.ts'
import type { DesiredObject } from '../../../src/pipeline/source/app-target.ts'

describe('HealthTracker', () => {
  let states: Map<string, Health>
  let judged: string[]
  let tracker: HealthTracker

  beforeEach(() => {
    states = new Map()
    judged = []
    tracker = new HealthTracker(ref => {
      judged.push(ref.name)
      return states.get(ref.name) ?? { state: 'healthy', reason: '' }
    })
  })

  it('look() judges only what was touched, and no kind that is healthy as soon as it is there', () => {
    tracker.expect(desired(WEB, API, CONFIG))
    expect(tracker.look()).toEqual({ state: 'healthy', message: '3 objects are healthy' })
    expect(judged).toEqual(['web', 'api'])
    tracker.touch(refKey(API))
    tracker.touch(refKey(CONFIG))
    tracker.look()
    expect(judged).toEqual(['web', 'api', 'api'])
  })

  it('look() names what has failed, and what is waited for when nothing has', () => {
    tracker.expect(desired(WEB, API))
    states.set('web', { state: 'progressing', reason: '1 of 3' })
    expect(tracker.look()).toEqual({ state: 'progressing', message: 'Deployment shop/web: 1 of 3' })
    states.set('api', { state: 'failed', reason: 'exit 1' })
    tracker.touch(refKey(API))
    expect(tracker.look()).toEqual({ state: 'failed', message: 'Deployment shop/api: exit 1' })
  })

  it('look() never calls healthy what nothing acts on', () => {
    const job = (name: string): ObjectRef => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      namespace: 'shop',
      name,
    })
    tracker.expect(desired(WEB, job('b'), job('a')))
    expect(tracker.look()).toEqual({
      state: 'healthy',
      message:
        '1 object is healthy, but nothing acts yet on Job shop/a (no controller makes pods of it), on Job shop/b (no controller makes pods of it)',
    })
    tracker.expect(desired(job('a')))
    expect(tracker.look().message).toBe('nothing acts yet on Job shop/a (no controller makes pods of it)')
    tracker.expect(desired(WEB))
    expect(tracker.look().message).toBe('1 object is healthy')
    expect(judged).toEqual(['web', 'web'])
  })

  it('look() tells of what is healthy and yet not as its object says, until it is', () => {
    tracker.expect(desired(WEB, API))
    states.set('web', { state: 'healthy', reason: 'is paused', caveat: 'is paused: 2 pods are as before' })
    expect(tracker.look()).toEqual({
      state: 'healthy',
      message: '1 object is healthy, but Deployment shop/web is paused: 2 pods are as before',
    })
    tracker.expect(desired(WEB))
    expect(tracker.look().message).toBe('Deployment shop/web is paused: 2 pods are as before')
    states.delete('web')
    tracker.touch(refKey(WEB))
    expect(tracker.look().message).toBe('1 object is healthy')
  })

  it('expect() keeps what is known of objects that stay, and forgets those that go', () => {
    states.set('web', { state: 'failed', reason: 'exit 1' })
    tracker.expect(desired(WEB, API))
    tracker.look()
    tracker.expect(desired(API))
    expect(tracker.look()).toEqual({ state: 'healthy', message: '1 object is healthy' })
    expect(judged).toEqual(['web', 'api'])
  })

  it('expect() with keys looks at nothing but those', () => {
    tracker.expect(desired(WEB, CONFIG))
    tracker.look()
    states.set('api', { state: 'progressing', reason: 'new' })
    tracker.expect(desired(API, CONFIG), [refKey(WEB), refKey(API)])
    expect(tracker.look()).toEqual({ state: 'progressing', message: 'Deployment shop/api: new' })
    expect(judged).toEqual(['web', 'api'])
    tracker.touch(refKey(WEB))
    tracker.look()
    expect(judged).toEqual(['web', 'api'])
  })

  it('onTouch() tells of what counts, until it is ended', () => {
    tracker.expect(desired(WEB))
    let touches = 0
    const end = tracker.onTouch(() => {
      touches += 1
    })
    tracker.touch(refKey(WEB))
    tracker.touch(refKey(API))
    end()
    tracker.touch(refKey(WEB))
    expect(touches).toBe(1)
  })
})

const WEB: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }
const API: ObjectRef = { ...WEB, name: 'api' }
const CONFIG: ObjectRef = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'config' }

function desired(...refs: readonly ObjectRef[]): ReadonlyMap<string, DesiredObject> {
  const source = { file: 'web.yaml', line: 1, column: 1 }
  const objects = refs.map(({ apiVersion, kind, ...metadata }) => ({ apiVersion, kind, metadata }))
  return new Map(
    objects.map(object => [refKey(refOf(object)), { object, ref: refOf(object), blob: undefined, source }]),
  )
}
