import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { startControllers } from '../../../../src/cluster/controllers/index.ts'
import { type EndpointSlice, type Endpoints, Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

const namespace = 'default'
let api: TestApi
const running: (() => Promise<void>)[] = []

beforeEach(async () => {
  api = await startTestApi()
})
afterEach(async () => {
  for (const end of running.splice(0)) await end()
  await api.close()
})

/** The controllers of one server; the function ends them. */
function start(): () => Promise<void> {
  const stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const parts = Promise.all([
    startControllers({ ...context, informers }).start(stop.signal),
    informers.start(stop.signal),
  ])
  const end = async () => {
    stop.abort()
    await parts
  }
  running.push(end)
  return end
}

async function makeService(name: string): Promise<void> {
  await api.client.create(Kinds.Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ port: 80, protocol: 'TCP' }] },
  })
}

async function endpoints(): Promise<readonly Endpoints[]> {
  return (await api.client.list(Kinds.Endpoints, { namespace })).items
}

async function slices(): Promise<readonly EndpointSlice[]> {
  return (await api.client.list(Kinds.EndpointSlice, { namespace })).items
}

function names(objects: readonly (Endpoints | EndpointSlice)[]): readonly string[] {
  return objects
    .map(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] ?? metadata.name ?? '')
    .sort()
}

it('a server that comes back takes away what services left that are gone, changes nothing else, and leaves what others wrote', async () => {
  const end = start()
  for (const name of ['gone', 'stays']) await makeService(name)
  await eventually('both slices', async () => names(await slices()).join() === 'gone,stays')
  await eventually('both Endpoints', async () => names(await endpoints()).join() === 'gone,stays')
  await end()
  const [before] = (await slices()).filter(slice => names([slice])[0] === 'stays')
  await api.client.delete(Kinds.Service, 'gone', { namespace })
  const metadata = { name: 'hand-made', namespace }
  await api.client.create(Kinds.Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata })
  start()
  await eventually('the slice is gone', async () => names(await slices()).join() === 'stays')
  await eventually(
    'the Endpoints are gone',
    async () => names(await endpoints()).join() === 'hand-made,stays',
  )
  const [after] = await slices()
  expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion)
})
