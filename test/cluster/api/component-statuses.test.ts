import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ComponentHealth } from '../../../src/cluster/api/verbs/component-statuses.ts'
import { startTestApi, type TestApi } from './support/api-server.ts'
import { ask } from './support/https.ts'
import { kubectl } from './support/kubectl.ts'

const WARNING = 'Warning: v1 ComponentStatus is deprecated in v1.19+\n'

let components: readonly ComponentHealth[] = [{ name: 'etcd-0' }, { name: 'scheduler', error: 'it stands' }]
let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ components: () => components })
})
afterAll(() => api.close())

describe('kubectl get componentstatuses', () => {
  it("shows how each part is, in upstream's columns and with its warning", async () => {
    const { code, stdout, stderr } = await kubectl(api, ['get', 'cs'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: WARNING })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.trimEnd().split(/ {2,}/))
    expect(lines).toEqual([
      ['NAME', 'STATUS', 'MESSAGE', 'ERROR'],
      ['etcd-0', 'Healthy', 'ok'],
      ['scheduler', 'Unhealthy', 'it stands'],
    ])
  })

  it('finds one by its name, and says which are not there', async () => {
    expect((await kubectl(api, ['get', 'cs', 'etcd-0', '-o', 'name'])).stdout).toBe(
      'componentstatus/etcd-0\n',
    )
    expect((await kubectl(api, ['get', 'cs', 'nope'])).stderr).toBe(
      `${WARNING}Error from server (NotFound): componentstatuses "nope" not found\n`,
    )
    expect((await kubectl(api, ['describe', 'cs', 'etcd-0'])).stdout).toMatch(/Status: +True/)
    expect((await kubectl(api, ['explain', 'cs.conditions.status'])).stdout).toContain('FIELD: status')
  })

  it('is made anew each time, and can only be read', async () => {
    components = [{ name: 'scheduler' }]
    const { json } = await ask(api, '/api/v1/componentstatuses?fieldSelector=metadata.name%3Dscheduler')
    expect(json.items).toEqual([
      {
        apiVersion: 'v1',
        kind: 'ComponentStatus',
        metadata: { name: 'scheduler' },
        conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
      },
    ])
    expect((await ask(api, '/api/v1/componentstatuses?fieldSelector=metadata.name%3Dx')).json.items).toEqual(
      [],
    )
    const refused = await Promise.all(
      [
        ['POST', ''],
        ['PUT', '/scheduler'],
        ['PATCH', '/scheduler'],
        ['DELETE', '/scheduler'],
        ['DELETE', ''],
        ['GET', '?watch=1'],
      ].map(async ([method = '', path = '']) => {
        const { code } = await ask(api, `/api/v1/componentstatuses${path}`, { method })
        return `${method} ${path}: ${code}`
      }),
    )
    expect(refused.filter(line => !line.endsWith(': 405'))).toEqual([])
    const nobody = await api.identity('nobody')
    expect((await ask(api, '/api/v1/componentstatuses', { as: nobody })).code).toBe(403)
    expect((await ask(api, '/api/v1/componentstatuses/scheduler', { as: nobody })).code).toBe(403)
  })
})
