import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerConfig, SandboxStatus } from '../../../../src/agents/runtime/index.ts'
import {
  detectEngine,
  ensureBusyboxImage,
  openDockerRuntime,
  type PodIdentity,
  type PodNetwork,
} from '../../../../src/agents/runtime/index.ts'
import { BowlineError, hasCode, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { eventually } from '../../../base/eventually.ts'
import {
  importBusybox,
  startTestEngine,
  TEST_IMAGE,
  type TestEngine,
  testEngineAvailability,
} from '../../../support/dockerd.ts'
import { openTestPods } from '../../network/pods/test-pods.ts'
import { baseConfig, collect, podNamed } from '../conformance.ts'
import { startDistantEngine } from './distant-engine.ts'
import { startRegistry } from './registry.ts'

type DockerRuntime = Awaited<ReturnType<typeof openDockerRuntime>>

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`Docker Engine behind the runtime contract (${reason})`, () => {
  let engine: TestEngine
  let folder: string
  let runtime: DockerRuntime
  const signal = new AbortController().signal

  /** The engine wires pods, unless a network is given that does. */
  async function open(
    clusterUid: string,
    nodeName: string,
    podNetwork?: PodNetwork,
    pidsLimit?: number,
  ): Promise<DockerRuntime> {
    const stateDir = join(folder, clusterUid, nodeName)
    await mkdir(stateDir, { recursive: true })
    return await openDockerRuntime({
      ...{ socketPath: engine.socketPath, clusterUid, nodeName },
      ...{
        clock: systemClock,
        log: silentLogger,
        options: { stateDir, ...(podNetwork && { podNetwork }), ...(pidsLimit && { pidsLimit }) },
      },
    })
  }

  async function run(
    pod: PodIdentity,
    script: string,
    changes: Partial<ContainerConfig> = {},
    on: DockerRuntime = runtime,
  ): Promise<{ sandbox: SandboxStatus; id: string }> {
    const sandbox = await on.runSandbox({ pod, attempt: 0, hostname: pod.name, ports: [] })
    const config = { ...baseConfig(pod, TEST_IMAGE), command: ['sh', '-c', script], ...changes }
    const id = await on.createContainer(sandbox.id, config)
    await on.startContainer(id)
    return { sandbox, id }
  }

  async function output(id: string): Promise<string> {
    const lines = await collect(runtime.logs(id, { follow: true }, signal))
    return lines.map(line => line.text).join('')
  }

  beforeAll(async () => {
    engine = await startTestEngine()
    folder = await mkdtemp(join(tmpdir(), 'bowline-engine-'))
    runtime = await open(systemIds.uid(), 'node-1')
  })

  afterEach(async () => {
    for (const { id } of await runtime.listSandboxes()) await runtime.removeSandbox(id)
  })

  afterAll(async () => {
    await runtime?.purge()
    await runtime?.close()
    await engine?.destroy()
    await rm(folder, { recursive: true, force: true })
  })

  it('containers of a pod share hostname, localhost and /etc/hosts', async () => {
    const pod = podNamed('shared')
    const { sandbox, id } = await run(pod, 'hostname; cat /etc/hosts; exec httpd -f -p 127.0.0.1:80 -h /etc')
    const second = { ...baseConfig(pod, TEST_IMAGE), name: 'second', command: ['sleep', '1000'] }
    const other = await runtime.createContainer(sandbox.id, second)
    await runtime.startContainer(other)
    const seen = await runtime.exec(other, ['sh', '-c', 'hostname; wget -qO- http://localhost/hosts'], 5_000)
    expect(seen.stdout.split('\n')[0]).toBe('shared')
    expect(seen.stdout).toContain(`${sandbox.ip}\tshared\n`)
    expect((await runtime.containerStatus(id))?.state).toBe('running')
  })

  it('a pod looks names up as it is told, whoever wires it', async () => {
    await looksNamesUp(runtime)
    await withWiringAgent(looksNamesUp)
  })

  async function looksNamesUp(runtime: DockerRuntime): Promise<void> {
    const pod = podNamed('named')
    const sandbox = await runtime.runSandbox({
      ...{ pod, attempt: 0, hostname: 'named', ports: [] },
      names: {
        hostname: 'named',
        domain: 'sub.shop.svc.cluster.local',
        hostAliases: [{ ip: '192.0.2.9', hostnames: ['foo', 'bar'] }],
        resolver: {
          servers: ['192.0.2.53'],
          searches: ['shop.svc.cluster.local', 'cluster.local'],
          options: ['ndots:5'],
        },
      },
    })
    const script = 'cat /etc/resolv.conf; echo ----; cat /etc/hosts; exec sleep 1000'
    const config = { ...baseConfig(pod, TEST_IMAGE), command: ['sh', '-c', script] }
    const id = await runtime.createContainer(sandbox.id, config)
    await runtime.startContainer(id)
    const text = await eventually('the files', async () => {
      const lines = await collect(runtime.logs(id, { follow: false }, signal))
      const all = lines.map(line => line.text).join('')
      return all.includes('foo') && all.includes('bar') && all
    })
    const [resolv = '', hosts = ''] = text.split('----\n')
    expect(resolv).toMatch(/^search shop\.svc\.cluster\.local cluster\.local$/m)
    expect(resolv).toMatch(/^options .*ndots:5/m)
    // The engine's own resolver stands before the one that it was given, where there is one.
    expect(resolv).toMatch(
      runtime.wiring === 'agent'
        ? /^nameserver 192\.0\.2\.53$/m
        : /^nameserver (192\.0\.2\.53|127\.0\.0\.11)$/m,
    )
    expect(hosts).toMatch(
      new RegExp(`^${sandbox.ip}\\s+named\\.sub\\.shop\\.svc\\.cluster\\.local\\s+named$`, 'm'),
    )
    for (const name of ['foo', 'bar'])
      expect(hosts).toMatch(new RegExp(`^192\\.0\\.2\\.9\\s.*\\b${name}\\b`, 'm'))
  }

  it('a host port leads to the pod, which other pods reach at its address too', async () => {
    const pod = podNamed('published')
    const hostPort = 20_000 + Math.floor(Math.random() * 10_000)
    const sandbox = await runtime.runSandbox({
      ...{ pod, attempt: 0, hostname: pod.name },
      ports: [{ hostPort, hostIp: '127.0.0.1', containerPort: 80, protocol: 'TCP' }],
    })
    const config = { ...baseConfig(pod, TEST_IMAGE), command: ['httpd', '-f', '-h', '/etc'] }
    await runtime.startContainer(await runtime.createContainer(sandbox.id, config))
    const url = `http://127.0.0.1:${hostPort}/passwd`
    const answer = await eventually('the host port', () =>
      fetch(url).then(
        r => r.text(),
        () => undefined,
      ),
    )
    expect(answer).toContain('root:')
    const other = await run(podNamed('asks'), 'exec sleep 1000')
    const asked = await runtime.exec(other.id, ['wget', '-qO-', `http://${sandbox.ip}/passwd`], 5_000)
    expect(asked.stdout).toContain('root:')
  })

  it('createContainer() gives the engine limits, user, groups, capabilities, mounts and log bounds', async () => {
    const file = join(folder, 'mounted.txt')
    await writeFile(file, 'from the host\n')
    const pod = podNamed('limited')
    const { id } = await run(
      pod,
      'id -u; id -G; cat /m; touch /m /x 2>&1; grep NoNewPrivs /proc/self/status',
      {
        ...{ memoryBytes: 64 * 2 ** 20, cpuShares: 102, cpuQuotaMicros: 50_000, runAsUser: '1234:5678' },
        ...{ supplementalGroups: [99], readOnlyRootFilesystem: true, noNewPrivileges: true },
        capabilities: { add: ['NET_ADMIN'], drop: ['CHOWN'] },
        mounts: [{ hostPath: file, containerPath: '/m', readOnly: true }],
      },
    )
    const text = await output(id)
    expect(text).toMatch(/^1234\n5678 99\nfrom the host\n/)
    expect(text).toContain('/x: Read-only file system')
    expect(text).toContain('/m: Read-only file system')
    expect(text).toMatch(/NoNewPrivs:\s+1/)
    const { HostConfig } = await engine.docker.getContainer(id).inspect()
    expect(HostConfig).toMatchObject({
      ...{
        Memory: 64 * 2 ** 20,
        MemorySwap: 64 * 2 ** 20,
        CpuShares: 102,
        CpuQuota: 50_000,
        CpuPeriod: 100_000,
      },
      ...{
        CapAdd: [expect.stringMatching(/^(CAP_)?NET_ADMIN$/)],
        CapDrop: [expect.stringMatching(/^(CAP_)?CHOWN$/)],
        OomScoreAdj: 1000,
      },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    })
  })

  it('a container that makes processes without end stops at its limit', async () => {
    const limited = await open(systemIds.uid(), 'node-1', undefined, 16)
    const { id } = await run(podNamed('storm'), 'while true; do sleep 1000 & done', {}, limited)
    await eventually('the shell gives up', async () => (await limited.containerStatus(id))?.exitCode === 2)
    await limited.purge()
    await limited.close()
  })

  it('a container beyond its memory is OOMKilled', async () => {
    // As an agent does: an engine that hears of the exit before it hears why tells of that here alone.
    const stop = new AbortController()
    const following = collect(runtime.events(stop.signal))
    const { id } = await run(podNamed('greedy'), 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60; sleep 1000', {
      memoryBytes: 16 * 2 ** 20,
      command: ['sh', '-c', 'x=$(head -c 60000000 /dev/zero | tr "\\0" x); echo done'],
    })
    const killed = async () => (await runtime.containerStatus(id))?.reason === 'OOMKilled'
    await eventually('the kill', killed, 15_000)
    expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 137 })
    stop.abort()
    await following
  })

  it('a score below 0 that the engine may not give does not keep a container from starting', async () => {
    const { id } = await run(podNamed('important'), 'exec sleep 1000', { oomScoreAdj: -997 })
    expect((await runtime.containerStatus(id))?.state).toBe('running')
  })

  it('logs() of a terminal is one stream of lines', async () => {
    const { id } = await run(podNamed('terminal'), 'echo one; echo two >&2', { tty: true })
    await eventually('the exit', async () => (await runtime.containerStatus(id))?.state === 'exited')
    const lines = await collect(runtime.logs(id, { follow: false }, signal))
    expect(lines.map(({ stream, text }) => `${stream} ${text.trim()}`)).toEqual(['stdout one', 'stdout two'])
    for (const { time } of lines) expect(time).toMatch(/^\d{4}-.*\.\d{9}Z$/)
  })

  it('two clusters and several agents on one engine see and remove only their own', async () => {
    const [clusterA, clusterB] = [systemIds.uid(), systemIds.uid()]
    const stranger = await engine.docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ['sleep', '1000'],
      HostConfig: { NetworkMode: 'none' },
    })
    await stranger.start()
    const agents = await Promise.all([
      open(clusterA, 'node-1'),
      open(clusterA, 'node-2'),
      open(clusterB, 'node-1'),
      open(clusterB, 'node-2'),
    ])
    // The very same pod everywhere: a pod's name and UID alone must not decide whose a container is.
    const pod = podNamed('same')
    const made = await Promise.all(agents.map(agent => run(pod, 'exec sleep 1000', {}, agent)))
    expect(new Set(made.map(({ id }) => id)).size).toBe(4)
    expect(new Set(made.map(({ sandbox }) => sandbox.ip)).size).toBe(4)
    for (const [index, agent] of agents.entries()) {
      expect((await agent.listContainers()).map(({ id }) => id)).toEqual([made[index]?.id])
      expect((await agent.listSandboxes()).map(({ id }) => id)).toEqual([made[index]?.sandbox.id])
    }
    const [first, second, third] = agents
    const theirs = made[1] as { id: string; sandbox: SandboxStatus }
    expect(await first.containerStatus(theirs.id)).toBeUndefined()
    await first.stopContainer(theirs.id, 0)
    await first.removeContainer(theirs.id)
    await first.stopSandbox(theirs.sandbox.id)
    await first.removeSandbox(theirs.sandbox.id)
    await first.removeContainer(stranger.id)
    await first.removeSandbox(stranger.id)
    await expect(first.exec(theirs.id, ['true'], 1_000)).rejects.toSatisfy(error =>
      hasCode(error, 'not-found'),
    )
    expect((await second.containerStatus(theirs.id))?.state).toBe('running')
    expect((await second.listSandboxes())[0]?.state).toBe('ready')
    // Nodes of a cluster on one engine are one network.
    const asked = await first.exec(made[0]?.id ?? '', ['ping', '-c1', '-W2', theirs.sandbox.ip ?? ''], 5_000)
    expect(asked.exitCode).toBe(0)
    await first.purge()
    expect((await second.listSandboxes())[0]?.state).toBe('ready')
    expect((await third.listSandboxes())[0]?.state).toBe('ready')
    for (const agent of agents) {
      await agent.purge()
      await agent.close()
    }
    const names = (
      await engine.docker.listNetworks({ filters: { label: [`bowline.dev/cluster=${clusterA}`] } })
    ).length
    expect(names).toBe(0)
    expect((await stranger.inspect()).State.Running).toBe(true)
    await stranger.remove({ force: true })
  })

  async function withWiringAgent(use: (runtime: DockerRuntime) => Promise<void>): Promise<void> {
    const owner = { clusterUid: systemIds.uid(), nodeName: 'node-1' }
    const pods = await openTestPods(engine, owner)
    const agent = await open(owner.clusterUid, owner.nodeName, pods)
    try {
      expect(agent.wiring).toBe('agent')
      await use(agent)
    } finally {
      await agent.purge()
      await agent.close()
      await pods.purge()
    }
  }

  it('a sandbox whose agent was killed before wiring it is not ready, and runSandbox() makes it anew', async () => {
    await withWiringAgent(async runtime => {
      const pod = podNamed('half')
      const whole = await runtime.runSandbox({ pod, attempt: 0, hostname: 'half', ports: [] })
      const { Config, HostConfig, Name } = await engine.docker.getContainer(whole.id).inspect()
      await engine.docker.getContainer(whole.id).remove({ force: true })
      const half = await engine.docker.createContainer({ ...Config, HostConfig, name: Name.slice(1) })
      await half.start()
      expect(await runtime.listSandboxes()).toMatchObject([{ id: half.id, pod, state: 'not-ready' }])
      const again = await runtime.runSandbox({ pod, attempt: 0, hostname: 'half', ports: [] })
      expect(again.state).toBe('ready')
      expect(await runtime.listSandboxes()).toEqual([again])
    })
  })

  it('an engine of another machine wires the pods itself, and says so to whoever would have', async () => {
    const distant = await startDistantEngine(engine.socketPath, join(folder, 'distant.sock'))
    const told: boolean[] = []
    const nobody = () => {
      throw new Error('nothing here is wired')
    }
    const podNetwork: PodNetwork = {
      setReach: isHere => told.push(isHere),
      reserve: nobody,
      release: () => {},
      attach: nobody,
      detach: nobody,
      attached: nobody,
    }
    const owner = { clusterUid: 'distant', nodeName: 'one' }
    const options = { stateDir: join(folder, 'distant'), podNetwork }
    const remote = await openDockerRuntime({
      ...{ socketPath: distant.socketPath, ...owner, clock: systemClock, log: silentLogger, options },
    })
    try {
      const pod = podNamed('far')
      const sandbox = await remote.runSandbox({ pod, attempt: 0, hostname: 'far', ports: [] })
      expect(sandbox).toMatchObject({ state: 'ready', ip: expect.stringMatching(/^\d+\./) })
      expect(told).toEqual([false])
    } finally {
      await remote.purge()
      await remote.close()
      await distant.close()
    }
  })

  it('pruning networks and images takes nothing that pods need', async () => {
    const { sandbox } = await run(podNamed('first'), 'exec httpd -f -p 80 -h /etc')
    await engine.docker.pruneNetworks()
    await engine.docker.pruneImages({ filters: { dangling: ['false'] } })
    expect((await runtime.listSandboxes())[0]?.state).toBe('ready')
    const asks = await run(podNamed('second'), 'exec sleep 1000')
    const asked = await runtime.exec(asks.id, ['wget', '-qO-', `http://${sandbox.ip}/passwd`], 5_000)
    expect(asked.exitCode).toBe(0)
  })

  it('a sandbox runs the program of the agent, whatever was given the name of its image', async () => {
    const foreign = () => importBusybox(engine.docker, 'bowline.dev/pause:1', 'ENTRYPOINT ["sleep", "1000"]')
    async function programOf(pod: string, on: DockerRuntime): Promise<string> {
      const { id } = await on.runSandbox({ pod: podNamed(pod), attempt: 0, hostname: pod, ports: [] })
      const { Path, Image } = await engine.docker.getContainer(id).inspect()
      await on.removeSandbox(id)
      return `${Path} ${Image}`
    }
    const own = await programOf('before', runtime)
    expect(own).toMatch(/^\/pause sha256:/)
    await foreign()
    expect(await programOf('pulled', runtime)).toBe(own)
    const next = await open(systemIds.uid(), 'node-1')
    expect(await programOf('started', next)).toBe(own)
    await next.purge()
    await next.close()
  })

  it('pullImage() pulls with and without credentials, and says what the registry said', async () => {
    const open = await startRegistry()
    const closed = await startRegistry({ username: 'u', password: 'correct horse' })
    const [image, guarded] = [`${open.address}/image:1`, `${closed.address}/image:1`]
    const auth = (password: string): { username: string; password: string; server: string } => ({
      ...{ username: 'u', password, server: closed.address },
    })
    try {
      expect(await runtime.imageStatus(image)).toBeUndefined()
      const pulled = await runtime.pullImage(image, undefined)
      expect(pulled).toMatchObject({ user: '1234', id: expect.stringMatching(/^sha256:/) })
      expect(pulled.digests[0]).toContain(`${open.address}/image@sha256:`)
      expect(await runtime.imageStatus(image)).toEqual(pulled)
      const failures = await Promise.all(
        [
          () => runtime.pullImage(guarded, undefined),
          () => runtime.pullImage(guarded, auth('wrong secret')),
          () => runtime.pullImage(`${open.address}/absent:2`, undefined),
          () => runtime.pullImage('127.0.0.1:1/nobody:1', undefined),
        ].map(call => call().catch((error: unknown) => error)),
      )
      expect(failures.map(error => (error instanceof BowlineError ? error.code : error))).toEqual([
        ...['unauthorized', 'unauthorized', 'not-found', 'unavailable'],
      ])
      for (const error of failures) expect(String(error)).not.toContain('wrong secret')
      expect(String(failures[2])).toContain('manifest unknown')
      expect((await runtime.pullImage(guarded, auth('correct horse'))).id).toBe(pulled.id)
    } finally {
      await open.close()
      await closed.close()
    }
  })

  it('names of the greatest length that Kubernetes allows are no obstacle', async () => {
    const pod = { uid: systemIds.uid(), namespace: 'n'.repeat(63), name: 'p'.repeat(253) }
    const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: 'p'.repeat(63), ports: [] })
    const config = { ...baseConfig(pod, TEST_IMAGE), name: 'c'.repeat(63), command: ['sleep', '1000'] }
    await runtime.startContainer(await runtime.createContainer(sandbox.id, config))
    expect(await runtime.listContainers()).toMatchObject([{ pod, name: config.name, state: 'running' }])
  })

  it('ensureBusyboxImage() makes an image that runs, and refuses a program that needs libraries', async () => {
    const busyboxPath = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync) ?? ''
    const reference = 'bowline.test/made:1'
    const { socketPath } = engine
    await ensureBusyboxImage({ socketPath, busyboxPath, reference })
    await ensureBusyboxImage({ socketPath, busyboxPath, reference })
    const { id } = await run(podNamed('made'), 'echo "$0 $(uname)"', {
      ...{ image: reference, command: ['sh', '-c', 'echo "$0 $(uname)"'], args: ['ran'] },
    })
    expect(await output(id)).toBe('ran Linux\n')
    const dynamic = ensureBusyboxImage({ socketPath, busyboxPath: process.execPath, reference: 'x:1' })
    await expect(dynamic).rejects.toSatisfy(error => hasCode(error, 'bad-config'))
  })

  it('detectEngine() gives the first socket that answers', async () => {
    const found = await detectEngine(['/nonexistent/docker.sock', engine.socketPath])
    expect(found?.socketPath).toBe(engine.socketPath)
    expect(found?.version).toMatch(/^\d+\./)
    expect(await detectEngine(['/nonexistent/docker.sock'])).toBeUndefined()
    const file = join(folder, 'no-socket')
    await writeFile(file, '')
    expect(await detectEngine([file])).toBeUndefined()
  })

  it('while the engine is away every call fails with unavailable, and works again once it is back', async ({
    skip,
  }) => {
    if (!engine.canBeKilled) skip()
    const { id, sandbox } = await run(
      podNamed('outlives'),
      // dockerd that starts again stops what ran before and waits for it.
      'trap "exit 0" TERM; while :; do sleep 0.1; done',
    )
    const following = collect(runtime.events(signal)).catch((error: unknown) => error)
    const reading = collect(runtime.logs(id, { follow: true }, signal)).catch((error: unknown) => error)
    // The stream is there once the engine has answered; until then a refusal would look the same.
    await runtime.exec(id, ['true'], 5_000)
    await engine.kill()
    expect(await following).toSatisfy(error => hasCode(error, 'unavailable'))
    await reading
    const calls: readonly (() => Promise<unknown>)[] = [
      () => runtime.info(),
      () => runtime.listSandboxes(),
      () => runtime.listContainers(),
      () => runtime.containerStatus(id),
      () => runtime.runSandbox({ pod: podNamed('later'), attempt: 0, hostname: 'later', ports: [] }),
      () => runtime.createContainer(sandbox.id, baseConfig(podNamed('later'), TEST_IMAGE)),
      () => runtime.startContainer(id),
      () => runtime.stopContainer(id, 0),
      () => runtime.removeContainer(id),
      () => runtime.stopSandbox(sandbox.id),
      () => runtime.removeSandbox(sandbox.id),
      () => runtime.exec(id, ['true'], 1_000),
      () => runtime.imageStatus(TEST_IMAGE),
      () => runtime.pullImage(TEST_IMAGE, undefined),
      () => collect(runtime.logs(id, { follow: false }, signal)),
      () => collect(runtime.events(signal)),
    ]
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (failure: unknown) => failure,
      )
      expect(error, String(call)).toMatchObject({ code: 'unavailable', retryable: true })
    }
    await engine.start()
    // dockerd without live restore ends what ran; a new attempt runs.
    expect((await runtime.containerStatus(id))?.pod.name).toBe('outlives')
    await runtime.removeSandbox(sandbox.id)
    expect((await run(podNamed('after'), 'exec sleep 1000')).sandbox.state).toBe('ready')
  })

  it('a pod keeps its files of the network as long as its sandbox, not longer', async () => {
    await withWiringAgent(async runtime => {
      const { sandbox, id } = await run(podNamed('files'), 'exec sleep 1000', {}, runtime)
      const { Mounts } = await engine.docker.getContainer(id).inspect()
      const hosts = Mounts.find(mount => mount.Destination === '/etc/hosts')?.Source
      if (hosts === undefined) throw new Error('the pod has no file of hosts')
      expect(await readFile(hosts, 'utf8')).toContain(`${sandbox.ip}\tfiles`)
      await engine.docker.getContainer(id).remove({ force: true })
      await engine.docker.getContainer(sandbox.id).remove({ force: true })
      const others = [
        join(dirname(dirname(hosts)), 'notes'),
        join(dirname(dirname(dirname(hosts))), 'volumes'),
      ]
      for (const other of others) await mkdir(other, { recursive: true })
      await runtime.listSandboxes()
      await expect(readFile(hosts, 'utf8')).rejects.toThrow('ENOENT')
      // The state folder may hold what is not the runtime's.
      for (const other of others) expect(existsSync(other)).toBe(true)
    })
  })
})
