import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { containerStatus } from '../../../../src/agents/runtime/docker/container-status.ts'
import { parseEndpoint } from '../../../../src/agents/runtime/docker/engine/endpoint.ts'
import { Engine } from '../../../../src/agents/runtime/docker/engine/engine.ts'
import { imageStatus, splitReference } from '../../../../src/agents/runtime/docker/images/pull.ts'
import { containerName, networkName, sandboxName } from '../../../../src/agents/runtime/docker/names.ts'
import { withMountHint, withSourceHint } from '../../../../src/agents/runtime/docker/volumes.ts'
import { BowlineError, messageOf, systemClock } from '../../../../src/base/index.ts'

it.each([
  ['/run/docker.sock', { socketPath: '/run/docker.sock' }],
  ['unix:///run/docker.sock', { socketPath: '/run/docker.sock' }],
  ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: 2375, protocol: 'http' }],
  ['tcp://[::1]:1', { host: '[::1]', port: 1, protocol: 'http' }],
  ['http://engine', { host: 'engine', port: 2375, protocol: 'http' }],
])('parseEndpoint() reads %s', (text, expected) => {
  expect(parseEndpoint(text)).toEqual(expected)
})

it.each(['', 'docker.sock', 'unix://', 'ssh://host', 'https://host:2376', 'tcp://'])(
  'parseEndpoint() refuses "%s" by name',
  text => {
    expect(() => parseEndpoint(text)).toThrow(`"${text}"`)
  },
)

it.each([
  ['busybox', 'busybox', 'latest'],
  ['busybox:1.36', 'busybox', '1.36'],
  ['registry:5000/team/app', 'registry:5000/team/app', 'latest'],
  ['registry:5000/team/app:2', 'registry:5000/team/app', '2'],
  ['app@sha256:abc', 'app', 'sha256:abc'],
])('splitReference() reads %s', (image, name, tag) => {
  expect(splitReference(image)).toEqual({ name, tag })
})

it('imageStatus() asks for images only, whatever a pod names', async () => {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    response.end(JSON.stringify({ Id: 'sha256:1', Version: '20.10', ApiVersion: '1.41', Arch: 'amd64' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const engine = await Engine.connect(`tcp://127.0.0.1:${port}`, systemClock)
    asked.length = 0
    for (const image of [
      '../containers/app',
      'a/../../volumes/x',
      'app/json?x=',
      'app#',
      'a%2f..',
      './a',
      'a b',
      'ä',
      '',
    ])
      expect(await imageStatus(engine, image), image).toBeUndefined()
    expect(asked).toEqual([])
    const good = ['app', 'Host_1:5000/team__a/app-b.c:1.0@sha256:ab', 'sha256:ab']
    for (const image of good) expect(await imageStatus(engine, image)).toMatchObject({ id: 'sha256:1' })
    expect(asked.map(url => url.replace('/v1.41/images/', ''))).toEqual(good.map(image => `${image}/json?`))
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

it.each([
  [137, false, true, 'OOMKilled'],
  [137, true, false, 'OOMKilled'],
  [137, false, false, 'Error'],
  // Something in it was killed, and it went on.
  [1, false, true, 'Error'],
  [0, false, true, 'Completed'],
])(
  'containerStatus() of exit code %i, OOMKilled %s and an event of it %s is %s',
  (ExitCode, OOMKilled, hasEvent, reason) => {
    const at = '2026-01-01T00:00:00Z'
    const State = { Status: 'exited', Running: false, Pid: 0, OOMKilled, ExitCode, Error: '' }
    const inspect = {
      ...{ Id: 'id', Created: at, Image: 'sha256:1', HostConfig: { OomScoreAdj: 0 } },
      State: { ...State, StartedAt: at, FinishedAt: at },
      Config: { Image: 'app:1', Hostname: '', Tty: false, Labels: {} },
      NetworkSettings: { Networks: {} },
    }
    expect(containerStatus(inspect, hasEvent)).toMatchObject({ state: 'exited', exitCode: ExitCode, reason })
  },
)

describe('withMountHint()', () => {
  const engineSays = (reason: string) =>
    new BowlineError(
      'internal',
      `failed to mount local volume: mount :/data:/var/lib/docker/volumes/bowline-nfs-1/_data, data: addr=192.0.2.1: ${reason}`,
    )

  it.each([
    ['no such device', 'it has no NFS client'],
    ['protocol not supported', 'can name another, such as nfsvers=4.1'],
  ])('says what "%s" means for a share', (reason, hint) => {
    expect(messageOf(withMountHint(engineSays(reason)))).toContain(hint)
  })

  it('looks through a path of any length once', () => {
    const path = 'failed to mount local volume: mount bowline-nfs-: a'.repeat(20_000)
    const error = new BowlineError('internal', `${path}: NO`)
    expect(withMountHint(error)).toBe(error)
  })

  it('leaves other words alone', () => {
    for (const error of [engineSays('connection refused'), new BowlineError('internal', 'no such device')])
      expect(withMountHint(error)).toBe(error)
  })
})

it('withSourceHint() says so when a source is there for the agent and not for the engine', () => {
  const engineSays = (source: string) =>
    new BowlineError(
      'bad-config',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    )
  expect(messageOf(withSourceHint(engineSays('/proc')))).toContain('the same mount namespace?')
  const error = engineSays('/nowhere')
  expect(withSourceHint(error)).toBe(error)
})

describe('names', () => {
  const pod = { uid: 'u', namespace: 'ns', name: 'web' }
  const owner = { clusterUid: 'c', nodeName: 'n' }

  it('containerName() differs by cluster, node, pod, container and attempt, and repeats otherwise', () => {
    const names = [
      containerName(owner, pod, 'main', 0),
      containerName(owner, pod, 'main', 1),
      containerName(owner, pod, 'other', 0),
      containerName(owner, { ...pod, uid: 'v' }, 'main', 0),
      containerName({ ...owner, nodeName: 'm' }, pod, 'main', 0),
      containerName({ ...owner, clusterUid: 'd' }, pod, 'main', 0),
      sandboxName(owner, pod, 0),
    ]
    expect(new Set(names).size).toBe(names.length)
    expect(containerName(owner, pod, 'main', 0)).toBe(names[0])
    expect(names[0]).toMatch(/^bowline_main_web_ns_u_0_[0-9a-f]{12}$/)
  })

  it('networkName() is one for all nodes of a cluster', () => {
    expect(networkName('c')).toMatch(/^bowline_[0-9a-f]{12}$/)
    expect(networkName('c')).not.toBe(networkName('d'))
  })
})
