import { beforeEach, describe, expect, it } from 'vitest'
import { applyPlan, type Outcome } from '../../src/apply/index.ts'
import { BowlineError } from '../../src/base/index.ts'
import type { Client } from '../../src/client/index.ts'
import type { Change, Plan } from '../../src/diff/index.ts'
import { findKind, type KubeObject, type ObjectRef, refKey, StatusError } from '../../src/kube/index.ts'
import { FakeClock } from '../base/fake-clock.ts'

describe('applyPlan()', () => {
  let clock: FakeClock
  let calls: string[]
  let live: Map<string, KubeObject>
  let stop: AbortController
  /** What the API does with a write; throws to refuse it. */
  let answer: (verb: 'patch' | 'delete', name: string) => Promise<void> | void

  beforeEach(() => {
    clock = new FakeClock()
    calls = []
    live = new Map()
    stop = new AbortController()
    answer = () => {}
  })

  function run(...changes: readonly Change[]): Promise<readonly Outcome[]> {
    const plan: Plan = { app: 'shop', revision: 'a1b2c3d', changes }
    return applyPlan({
      plan,
      desired: ref => ({ apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: ref.name } }),
      live: ref => live.get(refKey(ref)),
      kindOf: ref => findKind(ref.apiVersion, ref.kind),
      client: fakeClient(),
      clock,
      signal: stop.signal,
      onOutcome: () => {},
    })
  }

  function fakeClient(): Client {
    const refuse = (): never => {
      throw new Error('not used')
    }
    return {
      ...{
        get: refuse,
        list: refuse,
        watch: refuse,
        create: refuse,
        update: refuse,
        createSubresource: refuse,
      },
      async patch(kind, name, patch, options) {
        calls.push(`begin ${name}`)
        await answer('patch', name)
        calls.push(`${patch.type} ${kind.kind} ${name} by ${options?.fieldManager}`)
        return { metadata: { resourceVersion: '7' } } as never
      },
      async delete(kind, name, options) {
        await answer('delete', name)
        calls.push(`delete ${kind.kind} ${name} ${options?.preconditions?.uid} ${options?.propagationPolicy}`)
      },
    }
  }

  it('applies by force as the one manager, and answers with the version that each write made', async () => {
    const outcomes = await run(change('create', CONFIG), change('keep', OTHER))
    expect(outcomes).toEqual([
      {
        ref: CONFIG,
        action: 'create',
        outcome: 'created',
        at: '2026-01-01T00:00:00.000Z',
        resourceVersion: '7',
      },
    ])
    expect(calls).toEqual(['begin config', 'apply ConfigMap config by bowline'])
  })

  it('runs neighbours of one kind and action side by side, and begins the next group when they have ended', async () => {
    let release = (): void => {}
    answer = (_verb, name) =>
      name === 'config' ? new Promise<void>(resolve => (release = resolve)) : undefined
    const running = run(change('configure', CONFIG), change('configure', OTHER), change('configure', WEB))
    await clock.advance(0)
    expect(calls).toEqual(['begin config', 'begin other', 'apply ConfigMap other by bowline'])
    release()
    await running
    expect(calls.slice(3)).toEqual([
      'apply ConfigMap config by bowline',
      'begin web',
      'apply Deployment web by bowline',
    ])
  })

  it('deletes exactly the object that is there, and calls it unchanged when there is none', async () => {
    live.set(refKey(CONFIG), object(CONFIG, { uid: 'uid-1' }))
    live.set(refKey(WEB), object(WEB, { uid: 'uid-2' }))
    answer = (_verb, name) => {
      if (name === 'web') throw new StatusError('NotFound', 'not found')
    }
    const outcomes = await run(change('delete', CONFIG), change('delete', OTHER), change('delete', WEB))
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['unchanged', 'deleted', 'unchanged'])
    expect(calls).toEqual(['delete ConfigMap config uid-1 Background'])
  })

  it('goes on after a failure, but deletes nothing any more', async () => {
    live.set(refKey(OTHER), object(OTHER, { uid: 'uid' }))
    answer = (_verb, name) => {
      if (name === 'config') throw new StatusError('Invalid', 'data is invalid')
    }
    const outcomes = await run(change('create', CONFIG), change('create', WEB), change('delete', OTHER))
    expect(outcomes.map(({ outcome, message }) => [outcome, message])).toEqual([
      ['failed', 'data is invalid'],
      ['created', undefined],
      ['skipped', 'another change of this commit failed'],
    ])
    expect(outcomes[0]?.retryable).toBe(false)
  })

  it.each([
    new StatusError('ServiceUnavailable', 'later'),
    new StatusError('Conflict', 'somebody else wrote'),
    new BowlineError('unavailable', 'no answer'),
    new BowlineError('timeout', 'too slow'),
  ])('repeats a write that meets "$message", ever more slowly', async error => {
    let attempts = 0
    answer = () => {
      attempts += 1
      if (attempts < 4) throw error
    }
    const running = run(change('create', CONFIG))
    await clock.advance(100 + 200 - 1)
    expect(attempts).toBe(2)
    await clock.advance(1 + 400)
    expect((await running)[0]?.outcome).toBe('created')
  })

  it('gives up after five attempts and says that the same write may succeed later', async () => {
    answer = () => {
      throw new StatusError('InternalError', 'broken')
    }
    const running = run(change('create', CONFIG))
    await clock.advance(60_000)
    expect(await running).toMatchObject([{ outcome: 'failed', message: 'broken', retryable: true }])
    expect(calls).toHaveLength(5)
  })

  it('writes to no object that is being deleted, and makes it anew once it is gone', async () => {
    live.set(refKey(CONFIG), object(CONFIG, { deletionTimestamp: '2026-01-01T00:00:00Z' }))
    const running = run(change('create', CONFIG))
    await clock.advance(30_000)
    expect(calls).toEqual([])
    live.delete(refKey(CONFIG))
    await clock.advance(2_000)
    expect((await running)[0]?.outcome).toBe('created')
  })

  it('waits for a namespace that is ending, and not for ever', async () => {
    answer = () => {
      throw new StatusError('Forbidden', 'it is being terminated', {
        causes: [{ reason: 'NamespaceTerminating', message: '', field: '' }],
      })
    }
    const running = run(change('create', CONFIG))
    await clock.advance(119_000)
    expect(calls.length).toBeGreaterThan(50)
    await clock.advance(5_000)
    expect((await running)[0]).toMatchObject({ outcome: 'failed', retryable: true })
  })

  it('skips what was not begun when the signal aborts, in the words of its reason', async () => {
    answer = (_verb, name) => {
      if (name === 'config') stop.abort(new BowlineError('aborted', 'a newer commit took over'))
    }
    const outcomes = await run(change('create', CONFIG), change('create', WEB))
    expect(outcomes).toMatchObject([
      { outcome: 'created' },
      { outcome: 'skipped', message: 'a newer commit took over' },
    ])
  })

  it('ends a wait between attempts when the signal aborts', async () => {
    answer = () => {
      throw new StatusError('ServiceUnavailable', 'later')
    }
    const running = run(change('create', CONFIG))
    await clock.advance(0)
    stop.abort(new BowlineError('aborted', 'the server was stopped'))
    expect((await running)[0]).toMatchObject({ outcome: 'skipped', message: 'the server was stopped' })
    expect(clock.pending).toBe(0)
  })

  it('tells a refused Secret by its fields and never by its values', async () => {
    answer = () => {
      throw new StatusError('Invalid', 'Secret "keys" is invalid: data[password]: Invalid value: "canary"', {
        causes: [
          { reason: 'FieldValueInvalid', message: 'Invalid value: "canary"', field: 'data[password]' },
        ],
      })
    }
    const [outcome] = await run(
      change('create', { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'keys' }),
    )
    expect(outcome?.message).toBe('Secret "keys" is refused as Invalid: data[password]')
  })
})

const CONFIG: ObjectRef = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'config' }
const OTHER: ObjectRef = { ...CONFIG, name: 'other' }
const WEB: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }

function change(action: Change['action'], ref: ObjectRef): Change {
  return { action, ref, fields: [] }
}

function object(ref: ObjectRef, metadata: KubeObject['metadata']): KubeObject {
  return { apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: ref.name, ...metadata } }
}
