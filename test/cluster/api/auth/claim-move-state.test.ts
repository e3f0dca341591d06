import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, type Reply } from '../support/https.ts'
import { allowEverything } from '../support/roles.ts'

const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims'
const STATE = 'volume.bowline.dev/move'
let api: TestApi
let chief: TestIdentity

beforeAll(async () => {
  api = await startTestApi()
  chief = await api.identity('chief', ['chiefs'])
  await allowEverything(api, 'chiefs', 'default')
  await eventually('the binding counts', async () => (await ask(api, CLAIMS, { as: chief })).code === 200)
  const made = await ask(api, CLAIMS, { method: 'POST', body: claim('data'), as: chief })
  expect(made.code).toBe(201)
})
afterAll(() => api.close())

function claim(name: string, annotations: Record<string, string> = {}) {
  return {
    apiVersion: 'v1' as const,
    kind: 'PersistentVolumeClaim' as const,
    metadata: { name, annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
}

function patch(type: string, body: object, path = ''): Promise<Reply> {
  return ask(api, `${CLAIMS}/data${path}`, {
    method: 'PATCH',
    headers: { 'content-type': `application/${type}` },
    body,
    as: chief,
  })
}

describe('the state of a move', () => {
  it('is written by no user, on no way', async () => {
    const metadata = { annotations: { [STATE]: '{}' } }
    const known = (await ask(api, `${CLAIMS}/data`, { as: chief })).json
    const answers = [
      await ask(api, CLAIMS, { method: 'POST', body: claim('forged', { [STATE]: '{}' }), as: chief }),
      await ask(api, `${CLAIMS}/data`, {
        method: 'PUT',
        body: { ...known, metadata: { ...known.metadata, ...metadata } },
        as: chief,
      }),
      await patch('merge-patch+json', { metadata }),
      await patch('strategic-merge-patch+json', { metadata }),
      await patch('merge-patch+json', { metadata }, '/status'),
      await patch('json-patch+json', [
        { op: 'add', path: '/metadata/annotations', value: metadata.annotations },
      ]),
      await patch('apply-patch+yaml', { ...claim('data', { [STATE]: '{}' }) }, '?fieldManager=chief'),
    ]
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 403))
    expect(answers[0]?.json.message).toContain(`annotation ${STATE}`)
  })

  it('comes with no new claim, whoever makes it: of a template that a user wrote, controllers do', async () => {
    const made = api.client.create(Kinds.PersistentVolumeClaim, claim('made', { [STATE]: '{}' }), {
      namespace: 'default',
    })
    await expect(made).rejects.toThrow(`annotation ${STATE}`)
  })

  it('is the server’s to write, and leaves the claim to its owner', async () => {
    const body = { metadata: { annotations: { [STATE]: '{"id":"m1"}' } } }
    await api.client.patch(
      Kinds.PersistentVolumeClaim,
      'data',
      { type: 'merge', body },
      { namespace: 'default' },
    )
    expect((await patch('merge-patch+json', { metadata: { labels: { a: 'b' } } })).code).toBe(200)
    expect((await patch('merge-patch+json', { metadata: { annotations: { [STATE]: null } } })).code).toBe(200)
  })

  it('stays, and so do its pods, while the move is under way; the way to cancel it is open', async () => {
    const HELD = 'volume.bowline.dev/held'
    const TO = 'volume.bowline.dev/move-to'
    const server = (body: { readonly [key: string]: unknown }, options: object = {}) =>
      api.client.patch(
        Kinds.PersistentVolumeClaim,
        'data',
        { type: 'merge', body },
        { namespace: 'default', ...options },
      )
    const move = (phase: string) => JSON.stringify({ id: 'm2', from: 'host-1', to: 'host-2', phase })
    await server({ status: { phase: 'Bound' } }, { subresource: 'status' })
    const unannotated = claim('data')
    for (const phase of ['Stopping', 'Copying', 'Rebinding']) {
      await server({
        metadata: { annotations: { [STATE]: move(phase), [HELD]: 'it moves', [TO]: 'host-2' } },
      })
      const { json: known } = await ask(api, `${CLAIMS}/data`, { as: chief })
      const answers = [
        await patch('merge-patch+json', { metadata: { annotations: { [STATE]: null } } }),
        await patch('merge-patch+json', { metadata: { annotations: { [HELD]: null } } }),
        await patch('json-patch+json', [{ op: 'remove', path: '/metadata/annotations' }]),
        await ask(api, `${CLAIMS}/data`, {
          method: 'PUT',
          body: { ...unannotated, spec: known.spec },
          as: chief,
        }),
      ]
      expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 403))
      expect(answers[1]?.json.message).toContain('its volume moves to host host-2')
      expect((await patch('merge-patch+json', { metadata: { labels: { a: phase } } })).code).toBe(200)
      expect((await patch('merge-patch+json', { metadata: { annotations: { [TO]: null } } })).code).toBe(200)
    }
    await server({ metadata: { annotations: { [STATE]: move('Refused'), [HELD]: null } } })
    expect((await patch('merge-patch+json', { metadata: { annotations: { [STATE]: null } } })).code).toBe(200)
  })
})
