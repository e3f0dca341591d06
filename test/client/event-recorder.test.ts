import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BowlineError, silentLogger } from '../../src/base/index.ts'
import { createEventRecorder, type EventRecorder } from '../../src/client/index.ts'
import { type EventObject, Kinds, type KubeObject } from '../../src/kube/index.ts'
import { FakeClock } from '../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../cluster/api/test-api.ts'

const about: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '7' },
}
let api: TestApi
let clock: FakeClock
let recorder: EventRecorder

beforeEach(async () => {
  api = await startTestApi()
  clock = new FakeClock()
  recorder = createEventRecorder({
    client: api.client,
    component: 'tester',
    host: 'n1',
    clock,
    log: silentLogger,
  })
})
afterEach(() => api.close())

async function events() {
  await recorder.flush()
  return (await api.client.list(Kinds.Event)).items
}

describe('createEventRecorder()', () => {
  it('writes who said what about which part of what', async () => {
    recorder.record(about, 'Warning', 'BackOff', 'Back-off', { fieldPath: 'spec.containers{web}' })
    expect(await events()).toMatchObject([
      {
        metadata: { namespace: 'default' },
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Pod',
          namespace: 'default',
          name: 'web',
          uid: 'u',
          resourceVersion: '7',
          fieldPath: 'spec.containers{web}',
        },
        type: 'Warning',
        reason: 'BackOff',
        message: 'Back-off',
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
        source: { component: 'tester', host: 'n1' },
      },
    ])
  })

  it('loses nothing when several say something about an object in the same instant', async () => {
    const others = ['one', 'two'].map(component =>
      createEventRecorder({ client: api.client, component, clock, log: silentLogger }),
    )
    for (const [index, each] of [recorder, ...others].entries())
      for (const what of ['A', 'B']) each.record(about, 'Normal', `${what}${index}`, 'said')
    await Promise.all(others.map(each => each.flush()))
    expect((await events()).map(({ reason }) => reason).sort()).toEqual(['A0', 'A1', 'A2', 'B0', 'B1', 'B2'])
  })

  it('counts the same event instead of writing it again', async () => {
    recorder.record(about, 'Normal', 'Pulled', 'Image is there')
    await recorder.flush()
    await clock.advance(5_000)
    recorder.record(about, 'Normal', 'Pulled', 'Image is there')
    expect(await events()).toMatchObject([
      { count: 2, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:05Z' },
    ])
  })

  it('writes it anew when the first one is gone', async () => {
    recorder.record(about, 'Normal', 'Pulled', 'Image is there')
    const [first] = await events()
    await api.client.delete(Kinds.Event, first!.metadata.name!, { namespace: 'default' })
    recorder.record(about, 'Normal', 'Pulled', 'Image is there')
    expect(await events()).toMatchObject([{ count: 2 }])
  })

  it('combines events that are alike, and cuts off one that never stops', async () => {
    for (let index = 0; index < 100; index++)
      recorder.record(about, 'Normal', 'Created', `Created pod ${index}`)
    const written = await events()
    expect(written).toHaveLength(11)
    expect(written.find(event => event.message?.startsWith('(combined from similar events)'))?.count).toBe(15)
  })

  it('puts events about what has no namespace into default', async () => {
    recorder.record(
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'n' } },
      'Normal',
      'NodeReady',
      'x',
    )
    expect(await events()).toMatchObject([
      { metadata: { namespace: 'default' }, involvedObject: { name: 'n1' } },
    ])
  })

  it('close() tries what waits once more and waits for no server', async () => {
    const tried: string[] = []
    const away = createEventRecorder({
      client: {
        create: async (_kind, object) => {
          tried.push((object as KubeObject as EventObject).reason ?? '')
          throw new BowlineError('unavailable', 'Cannot reach the server: it is away', { retryable: true })
        },
        patch: api.client.patch,
      },
      component: 'tester',
      clock,
      log: silentLogger,
    })
    for (const reason of ['One', 'Two', 'Three']) away.record(about, 'Normal', reason, 'said')
    await clock.advance(0)
    expect(tried).toEqual(['One'])
    await away.close()
    away.record(about, 'Normal', 'Late', 'said')
    await away.flush()
    expect(tried).toEqual(['One', 'Two', 'Three'])
    expect(clock.pending).toBe(0)
  })

  it('loses an event that is refused, and goes on', async () => {
    recorder.record(
      { ...about, metadata: { ...about.metadata, namespace: 'nowhere' } },
      'Normal',
      'Lost',
      'x',
    )
    recorder.record(about, 'Normal', 'Kept', 'x')
    expect((await events()).map(event => event.reason)).toEqual(['Kept'])
  })
})
