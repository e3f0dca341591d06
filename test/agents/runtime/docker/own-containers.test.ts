import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { Engine } from '../../../../src/agents/runtime/docker/engine/engine.ts'
import { labelsOf } from '../../../../src/agents/runtime/docker/inspect.ts'
import { Labels } from '../../../../src/agents/runtime/docker/names.ts'
import { OwnContainers } from '../../../../src/agents/runtime/docker/own-containers.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

const OWNER = { clusterUid: 'c', nodeName: 'n' }
const LABELS = { ...labelsOf(OWNER), [Labels.type]: 'container', [Labels.container]: 'main' }

let server: Server
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

interface FakeEngine {
  readonly client: Engine
  /** From now on who inspects this container gets no answer, as while the engine starts it. Resolves when somebody asks. */
  silence(id: string): Promise<void>
}

/** An engine that lists a container that was never started, and one that runs. */
async function startEngine(clock: FakeClock): Promise<FakeEngine> {
  const listed = (Id: string, State: string) => ({
    ...{ Id, State, Image: 'app:1', ImageID: 'sha256:1', Created: 1_767_225_600, Labels: LABELS },
  })
  const inspected = (Id: string) => ({
    ...{ Id, Created: '2026-01-01T00:00:00Z', Image: 'sha256:1', HostConfig: { OomScoreAdj: 0 } },
    State: { Status: 'created', Running: false, ExitCode: 0, Error: '', StartedAt: '', FinishedAt: '' },
    Config: { Image: 'app:1', Hostname: '', Tty: true, Labels: LABELS },
    NetworkSettings: { Networks: {} },
  })
  const answers: Record<string, unknown> = {
    '/version': { Version: '20', ApiVersion: '1.41', Arch: 'amd64' },
    '/v1.41/containers/json': [listed('slow', 'created'), listed('other', 'running')],
    '/v1.41/containers/slow/json': inspected('slow'),
    '/v1.41/containers/other/json': inspected('other'),
  }
  const silenced = new Map<string, () => void>()
  server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const isAsked = silenced.get(path)
    if (isAsked !== undefined) return isAsked()
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answers[path]))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    client: await Engine.connect(`tcp://127.0.0.1:${port}`, clock),
    silence: id => new Promise(resolve => silenced.set(`/v1.41/containers/${id}/json`, resolve)),
  }
}

it('inspectAll() is not held up by a container that the engine is busy starting', async () => {
  const clock = new FakeClock()
  const engine = await startEngine(clock)
  const containers = new OwnContainers(engine.client, OWNER)
  await containers.inspectAll('container')
  const isAsked = engine.silence('slow')
  const asked = containers.inspectAll('container')
  await isAsked
  await clock.advance(5_000)
  const found = await asked
  expect(found.map(({ Id }) => Id)).toEqual(['slow', 'other'])
  expect(found[0]).toMatchObject({
    Created: '2026-01-01T00:00:00.000Z',
    State: { Running: false, ExitCode: 0, Error: '' },
    Config: { Image: 'app:1', Labels: LABELS },
  })
  // What it was made with is still known from before.
  expect(await containers.made('slow')).toMatchObject({ tty: true })
})

it('inspectAll() fails when the engine is silent on a container that it does not start', async () => {
  const clock = new FakeClock()
  const engine = await startEngine(clock)
  const isAsked = engine.silence('other')
  const asked = new OwnContainers(engine.client, OWNER).inspectAll('container')
  const outcome = asked.catch((error: Error) => error.message)
  await isAsked
  await clock.advance(30_000)
  expect(await outcome).toContain('the engine did not answer within 30 s')
})
