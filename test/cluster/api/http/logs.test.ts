import { once } from 'node:events'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { TUNNEL_PATH, TUNNEL_PROTOCOL } from '../../../../src/cluster/api/index.ts'
import { Kinds, type KubeObject, type Pod } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi, type TestIdentity } from '../support/api-server.ts'
import { ask, open } from '../support/https.ts'
import { kubectl, kubectlOk, spawnKubectl } from '../support/kubectl.ts'
import { allowEverything } from '../support/roles.ts'

type Handler = (stream: ServerHttp2Stream, url: URL) => void

let api: TestApi
let tunnel: Duplex
let handler: Handler

const LOG = '/api/v1/namespaces/default/pods/web/log'

beforeAll(async () => {
  api = await startTestApi()
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { nodeName: 'host-1', containers: [{ name: 'main', image: 'a' }] },
  } as Pod
  await api.client.create(Kinds.Pod, pod)
  const two = {
    ...pod,
    metadata: { name: 'two', namespace: 'default' },
    spec: {
      ...pod.spec,
      containers: [
        { name: 'a', image: 'a' },
        { name: 'b', image: 'b' },
      ],
    },
  } as Pod
  await api.client.create(Kinds.Pod, two)
  tunnel = await openTunnel()
})
afterAll(async () => {
  tunnel.destroy()
  await api.close()
})

/** The agent's end, as an agent makes it. */
async function openTunnel(node = 'host-1', maxConcurrentStreams?: number): Promise<Duplex> {
  const identity = await api.identity(`system:node:${node}`, ['system:nodes'])
  const request = httpsRequest({
    host: '127.0.0.1',
    port: api.port,
    path: TUNNEL_PATH,
    ca: api.authority.certificate,
    ...identity,
    headers: { connection: 'Upgrade', upgrade: TUNNEL_PROTOCOL },
  })
  request.end()
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Duplex]
  const settings = maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }
  const session = performServerHandshake(socket, { settings })
  session.on('error', () => undefined)
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    handler(stream, new URL(String(headers[':path']), 'http://agent'))
  })
  await once(session, 'remoteSettings')
  return socket
}

function answer(text: string): Handler {
  return stream => {
    stream.respond({ ':status': 200, 'content-type': 'text/plain' })
    stream.end(text)
  }
}

describe('GET pods/log', () => {
  it('is fetched from the node over its tunnel, with the options that an agent knows', async () => {
    let seen = ''
    handler = (stream, url) => {
      seen = `${url.pathname}${url.search}`
      answer('line 1\nline 2\n')(stream, url)
    }
    const reply = await ask(
      api,
      `${LOG}?tailLines=2&timestamps=true&previous=true&sinceSeconds=5&limitBytes=100&insecureSkipTLSVerifyBackend=true`,
    )
    expect([reply.code, reply.text, reply.headers['content-type']]).toEqual([
      200,
      'line 1\nline 2\n',
      'text/plain',
    ])
    expect(seen).toBe(
      '/containerLogs/default/web/main?previous=true&timestamps=true&tailLines=2&limitBytes=100&sinceSeconds=5',
    )
  })

  it('kubectl logs, --tail, -c, --previous and -f print it', async () => {
    handler = (stream, url) =>
      answer(`${url.pathname} ${url.searchParams.get('tailLines') ?? 'all'}\n`)(stream, url)
    expect(await kubectlOk(api, ['logs', 'web'])).toBe('/containerLogs/default/web/main all\n')
    expect(await kubectlOk(api, ['logs', 'web', '--tail=3'])).toBe('/containerLogs/default/web/main 3\n')
    expect(await kubectlOk(api, ['logs', 'two', '-c', 'b'])).toBe('/containerLogs/default/two/b all\n')
    // kubectl itself chooses the first container and says so.
    expect((await kubectl(api, ['logs', 'two'])).stderr).toContain('Defaulted container "a" out of: a, b')
  })

  it('follows line by line until the reader goes, and then the agent is told', async () => {
    let followed: ServerHttp2Stream | undefined
    handler = (stream, url) => {
      expect(url.searchParams.get('follow')).toBe('true')
      followed = stream
      stream.respond({ ':status': 200 })
      stream.write('first\n')
    }
    const child = spawnKubectl(api, ['logs', '-f', 'web'])
    let seen = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await vi.waitFor(() => expect(seen).toBe('first\n'), 15_000)
    followed?.write('second\n')
    await vi.waitFor(() => expect(seen).toBe('first\nsecond\n'), 5_000)
    child.kill()
    await vi.waitFor(() => expect(followed?.closed).toBe(true), 5_000)
  })

  it('a log that breaks off half-way cuts the connection instead of looking whole', async () => {
    handler = stream => {
      stream.respond({ ':status': 200 })
      stream.write('half')
      stream.close(2)
    }
    const response = await open(api, LOG)
    const read = async (): Promise<void> => {
      for await (const _ of response);
    }
    await expect(read()).rejects.toThrow()
  })

  it("hands on the agent's refusal in its own words", async () => {
    handler = stream => {
      stream.respond({ ':status': 400 })
      stream.end('container "main" in pod "web" is waiting to start: ContainerCreating')
    }
    expect((await ask(api, LOG)).json).toMatchObject({
      kind: 'Status',
      code: 400,
      message: expect.stringContaining('is waiting to start'),
    })
  })

  it.each([
    'tailLines=-1',
    'sinceSeconds=0',
    'limitBytes=0',
    'sinceTime=yesterday',
    'sinceTime=2024-01-01T00:00:00Z&sinceSeconds=1',
    'container=none',
  ])('%s is 400', async query =>
    expect((await ask(api, `${LOG}?${query}`)).json).toMatchObject({ kind: 'Status', code: 400 }),
  )

  it('a pod of several containers needs one named, unless its annotation does', async () => {
    const path = '/api/v1/namespaces/default/pods/two/log'
    expect((await ask(api, path)).json.message).toBe(
      'a container name must be specified for pod two, choose one of: [a b]',
    )
    const metadata = { annotations: { 'kubectl.kubernetes.io/default-container': 'b' } }
    await api.client.patch<KubeObject>(
      Kinds.Pod,
      'two',
      { type: 'merge', body: { metadata } },
      { namespace: 'default' },
    )
    handler = (stream, url) => answer(url.pathname)(stream, url)
    expect((await ask(api, path)).text).toBe('/containerLogs/default/two/b')
  })

  it('of one node takes a share of its tunnel for each reader, and leaves room for the server', async () => {
    await api.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'narrow', namespace: 'default' },
      spec: { nodeName: 'host-2', containers: [{ name: 'main', image: 'a' }] },
    })
    const narrow = await openTunnel('host-2', 8)
    await allowEverything(api, 'readers', 'default')
    const [ada, bob] = await Promise.all(['ada', 'bob'].map(name => api.identity(name, ['readers'])))
    const path = `${LOG.replace('web', 'narrow')}?follow=true`
    handler = stream => {
      stream.respond({ ':status': 200 })
      stream.write('first\n')
    }
    const read = (as: TestIdentity | undefined) => open(api, path, { ...(as && { as }), agent: false })
    await eventually('ada may read', async () => {
      const reply = await ask(api, `${LOG.replace('web', 'none')}`, { as: ada as TestIdentity })
      return reply.code === 404
    })
    const own = [await read(ada), await read(ada)]
    expect(own.map(({ statusCode }) => statusCode)).toEqual([200, 200])
    const refused = await read(ada)
    expect(refused.statusCode).toBe(429)
    const others = [await read(bob), await read(undefined)]
    expect(others.map(({ statusCode }) => statusCode)).toEqual([200, 200])
    own[0]?.destroy()
    await eventually('the place is free', async () => {
      const again = await read(ada)
      others.push(again)
      return again.statusCode === 200
    })
    for (const response of [...own, ...others, refused]) response.destroy()
    narrow.destroy()
  })

  it('is for those whom the authorizer lets', async () => {
    const refused = await ask(api, LOG, { as: await api.identity('system:node:host-1', ['system:nodes']) })
    expect(refused.json).toMatchObject({ code: 403, message: expect.stringContaining('pods/log') })
    expect((await ask(api, LOG.replace('web', 'none'))).code).toBe(404)
    expect((await ask(api, LOG, { method: 'POST' })).code).toBe(405)
  })
})
