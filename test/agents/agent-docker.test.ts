import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ConfigMap, type Container, Kinds, type Secret } from '../../src/kube/index.ts'
import {
  importBusybox,
  startTestEngine,
  TEST_IMAGE,
  type TestEngine,
  testEngineAvailability,
} from '../support/dockerd.ts'
import { isReady, NODE, podUntil, startDockerAgent, type TestAgent, until } from './support/test-agent.ts'

const { available, reason } = testEngineAvailability()

const settings: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'default' },
  data: { color: 'blue' },
}

describe.skipIf(!available)(`startAgent() over a Docker Engine (${reason})`, { timeout: 60_000 }, () => {
  let engine: TestEngine
  let agent: TestAgent

  beforeAll(async () => {
    engine = await startTestEngine()
  })
  afterEach(() => agent?.close())
  afterAll(() => engine?.destroy())

  function app(rest: Partial<Container> = {}): Container {
    return { name: 'app', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', ...rest }
  }

  function shell(script: string, rest: Partial<Container> = {}): Container {
    return app({ command: ['sh', '-c', script], ...rest })
  }

  const sleeper = shell('trap "exit 0" TERM; sleep 1000 & wait')

  async function run(pod: string, command: string): Promise<string> {
    const { containerStatuses = [] } = (await agent.pod(pod)).status ?? {}
    const id = containerStatuses[0]?.containerID?.replace('docker://', '') ?? ''
    const { stdout, stderr } = await agent.runtime.exec(id, ['sh', '-c', command], 5000)
    return stdout + stderr
  }

  it('startAgent() makes a pod ready by its HTTP probe and takes it back when that fails', async () => {
    agent = await startDockerAgent(engine)
    const script = 'mkdir /www; echo yes > /www/index.html; exec httpd -f -p 8080 -h /www'
    const readinessProbe = {
      httpGet: { port: 'web', path: '/index.html' },
      periodSeconds: 1,
      failureThreshold: 1,
    }
    const ports = [{ name: 'web', containerPort: 8080 }]
    await agent.createPod('web', { containers: [shell(script, { readinessProbe, ports })] })
    const status = await podUntil(agent, 'web', isReady)
    expect((await fetch(`http://${status.podIP}:8080/`)).status).toBe(200)
    await run('web', 'rm /www/index.html')
    await podUntil(agent, 'web', current => !isReady(current))
    expect((await agent.pod('web')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
    await run('web', 'echo yes > /www/index.html')
    await podUntil(agent, 'web', isReady)
  })

  it('startAgent() leads node ports to pods that the engine wired, for the host and for other pods', async () => {
    agent = await startDockerAgent(engine)
    const script = 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www'
    await agent.createPod('web', { containers: [shell(script)] })
    await agent.createPod('client', { containers: [sleeper] })
    const { podIP = '' } = await podUntil(agent, 'web', isReady)
    await podUntil(agent, 'client', isReady)
    const { spec } = await agent.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    })
    await agent.client.create(Kinds.EndpointSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: [podIP], conditions: { ready: true }, nodeName: NODE }],
    })
    const nodePort = spec?.ports?.[0]?.nodePort
    const found = await until('the node port answers', () =>
      fetch(`http://127.0.0.1:${nodePort}/`)
        .then(answer => answer.text())
        .catch(() => undefined),
    )
    expect(found).toBe('hello\n')
    const host = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)
    expect(await run('client', `wget -qO- http://${host?.address}:${nodePort}/`)).toBe('hello\n')
  })

  it('startAgent() gives an empty folder in memory the size that it says, and takes it away with the pod', async () => {
    const memoryDir = await mkdtemp('/dev/shm/bowline-test-')
    agent = await startDockerAgent(engine, { memoryDir })
    const mounted = async () => (await readFile('/proc/self/mountinfo', 'utf8')).includes(memoryDir)
    await agent.createPod('fills', {
      containers: [
        shell(
          'touch /m/first; dd if=/dev/zero of=/m/x bs=1M count=3; trap "exit 0" TERM; sleep 1000 & wait',
          {
            volumeMounts: [{ name: 'm', mountPath: '/m' }],
          },
        ),
      ],
      volumes: [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
    })
    await podUntil(agent, 'fills', isReady)
    await until('it has filled it', async () => (await run('fills', 'stat -c %s /m/x')) === '1048576\n')
    await agent.stop()
    await agent.start({ reopen: true })
    expect(await run('fills', 'ls /m')).toBe('first\nx\n')
    expect(await mounted()).toBe(true)
    await agent.client.delete(Kinds.Pod, 'fills', { namespace: 'default' })
    await until('it is taken away', async () => !(await mounted()))
    await until('its folder is gone', async () => (await readdir(join(memoryDir, 'pods'))).length === 0)
    await rm(memoryDir, { recursive: true })
  })

  it('startAgent() evicts a pod whose container writes more into its own layer than its limit', async () => {
    agent = await startDockerAgent(engine)
    const resources = { limits: { 'ephemeral-storage': '1Mi' } }
    await agent.createPod('greedy', {
      containers: [shell('dd if=/dev/zero of=/x bs=1M count=3; sleep 1000', { resources })],
    })
    expect(await podUntil(agent, 'greedy', ({ phase }) => phase === 'Failed')).toMatchObject({
      reason: 'Evicted',
      message: 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
    })
  })

  it('startAgent() mounts ConfigMaps, Secrets and empty folders, and brings their files up to date', async () => {
    agent = await startDockerAgent(engine)
    const keys: Secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      data: { main: btoa('hunter2') },
    }
    await agent.client.create(Kinds.ConfigMap, settings)
    await agent.client.create(Kinds.Secret, keys)
    const volumeMounts = [
      { name: 'settings', mountPath: '/settings' },
      { name: 'keys', mountPath: '/keys' },
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'settings', mountPath: '/one/color', subPath: 'color' },
    ]
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
      { name: 'scratch', emptyDir: {} },
    ]
    await agent.createPod('web', {
      containers: [
        { ...sleeper, volumeMounts },
        { ...sleeper, name: 'other', volumeMounts: volumeMounts.slice(2, 3) },
      ],
      volumes,
    })
    await podUntil(agent, 'web', isReady)
    expect(await run('web', 'cat /settings/color /keys/main /one/color; echo x > /scratch/x')).toBe(
      'bluehunter2blue',
    )
    expect(await run('web', 'echo red > /settings/color')).toContain('Read-only')
    const changed = { ...settings, data: { color: 'green' } }
    await agent.client.update(Kinds.ConfigMap, changed)
    await until('the file is new', async () => (await run('web', 'cat /settings/color')) === 'green')
    expect(await run('web', 'cat /one/color')).toBe('blue')
  })

  it('startAgent() runs a container as the user, with the limits and the rights that its pod says', async () => {
    agent = await startDockerAgent(engine)
    const securityContext = {
      runAsUser: 1234,
      runAsGroup: 2345,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    }
    const resources = { limits: { memory: '64Mi', cpu: '500m' } }
    await agent.createPod('web', {
      containers: [{ ...sleeper, securityContext, resources }],
      securityContext: { fsGroup: 3456 },
    })
    const status = await podUntil(agent, 'web', isReady)
    expect(status.qosClass).toBe('Guaranteed')
    const facts = await run(
      'web',
      'id -u; id -g; id -G; touch /x; grep -E "CapEff|NoNewPrivs" /proc/self/status',
    )
    expect(facts).toMatch(/^1234\n2345\n2345 3456\n/)
    expect(facts).toContain('Read-only file system')
    expect(facts).toMatch(/CapEff:\s+0000000000000000/)
    expect(facts).toMatch(/NoNewPrivs:\s+1/)
    const id = status.containerStatuses?.[0]?.containerID?.replace('docker://', '') ?? ''
    const { HostConfig } = await engine.docker.getContainer(id).inspect()
    expect(HostConfig.Memory).toBe(64 * 2 ** 20)
    // An engine that itself may not lower scores gives 0 instead.
    expect([-997, 0]).toContain(HostConfig.OomScoreAdj)
  })

  it('startAgent() refuses to run as root what says that it must not', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('web', { containers: [{ ...sleeper, securityContext: { runAsNonRoot: true } }] })
    const status = await podUntil(
      agent,
      'web',
      ({ containerStatuses = [] }) =>
        containerStatuses[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(status.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'container has runAsNonRoot and image will run as root',
    )
  })

  it('startAgent() keeps the user of an image beside a group of the pod', async () => {
    agent = await startDockerAgent(engine)
    const image = 'bowline.test/user:1'
    await importBusybox(engine.docker, image, 'USER 1234')
    const securityContext = { runAsNonRoot: true, runAsGroup: 2345 }
    await agent.createPod('web', { containers: [{ ...sleeper, image, securityContext }] })
    await podUntil(agent, 'web', isReady)
    expect(await run('web', 'id -u; id -g')).toBe('1234\n2345\n')
  })

  it('startAgent() takes an image that writes its root user with more digits for one of root', async () => {
    agent = await startDockerAgent(engine)
    const image = 'bowline.test/zeros:1'
    await importBusybox(engine.docker, image, 'USER 00')
    const securityContext = { runAsNonRoot: true }
    await agent.createPod('web', { containers: [{ ...sleeper, image, securityContext }] })
    const { containerStatuses } = await podUntil(
      agent,
      'web',
      ({ containerStatuses: [app] = [] }) =>
        app?.state?.running !== undefined || app?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'container has runAsNonRoot and image will run as root',
    )
  })

  it('startAgent() shows ErrImagePull and then ImagePullBackOff for an image that nobody has', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('web', { containers: [app({ image: '127.0.0.1:1/none:1' })] })
    const waiting = (wanted: string) =>
      podUntil(
        agent,
        'web',
        ({ containerStatuses = [] }) => containerStatuses[0]?.state?.waiting?.reason === wanted,
      )
    await waiting('ErrImagePull')
    const status = await waiting('ImagePullBackOff')
    expect(status.phase).toBe('Pending')
    expect(status.containerStatuses?.[0]?.state?.waiting?.message).toMatch(
      /^Back-off pulling image "127.0.0.1:1\/none:1"/,
    )
  })

  it('startAgent() never pulls what must not be pulled', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('web', { containers: [app({ image: 'none:1', imagePullPolicy: 'Never' })] })
    const status = await podUntil(
      agent,
      'web',
      ({ containerStatuses = [] }) =>
        containerStatuses[0]?.state?.waiting !== undefined &&
        containerStatuses[0].state.waiting.reason !== 'ContainerCreating',
    )
    expect(status.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'ErrImageNeverPull',
      message: 'Container image "none:1" is not present with pull policy of Never',
    })
  })

  it('startAgent() keeps what a container writes as its last words', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('job', {
      restartPolicy: 'Never',
      containers: [shell('echo -n "no database" > /dev/termination-log; exit 3')],
    })
    const status = await podUntil(agent, 'job', ({ phase }) => phase === 'Failed')
    expect(status.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'no database',
    })
  })

  it('startAgent() says of a command that is not there why it cannot run', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('job', { restartPolicy: 'Never', containers: [app({ command: ['/nothing'] })] })
    const status = await podUntil(agent, 'job', ({ phase }) => phase === 'Failed')
    expect(JSON.stringify(status.containerStatuses?.[0]?.state)).toContain('/nothing')
  })

  it('startAgent() runs the preStop hook before the stop signal', async () => {
    agent = await startDockerAgent(engine)
    const scratch = { name: 'scratch', mountPath: '/scratch' }
    const stopping = shell('trap "echo stopped >> /scratch/order; exit 0" TERM; sleep 1000 & wait', {
      volumeMounts: [scratch],
      lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /scratch/order'] } } },
    })
    const whenBothWrote = 'until grep -qs stopped /scratch/order; do sleep 0.1; done; cat /scratch/order'
    const watching = shell(`trap "${whenBothWrote}; exit 0" TERM; sleep 1000 & wait`, {
      name: 'watcher',
      volumeMounts: [scratch],
    })
    await agent.createPod('web', {
      containers: [stopping, watching],
      volumes: [{ name: 'scratch', emptyDir: {} }],
      terminationGracePeriodSeconds: 20,
    })
    await podUntil(agent, 'web', isReady)
    const lines: string[] = []
    const watcher = (await agent.runtime.listContainers()).find(({ name }) => name === 'watcher')
    const reading = (async () => {
      for await (const { text } of agent.runtime.logs(
        watcher?.id ?? '',
        { follow: true },
        new AbortController().signal,
      ))
        lines.push(text)
    })().catch(() => undefined)
    await agent.client.delete(Kinds.Pod, 'web', { namespace: 'default' })
    await until('the object is gone', () =>
      agent.pod('web').then(
        () => false,
        () => true,
      ),
    )
    await reading
    expect(lines).toEqual(['hook\n', 'stopped\n'])
  })

  it('startAgent() heals a container that is killed, and one that is removed, under the same address', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('web', { containers: [sleeper] })
    const { podIP, containerStatuses: [first] = [] } = await podUntil(agent, 'web', isReady)
    const docker = (id: string | undefined) => engine.docker.getContainer(id?.replace('docker://', '') ?? '')
    await docker(first?.containerID).kill()
    const healed = await podUntil(
      agent,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    expect(healed.podIP).toBe(podIP)
    expect(healed.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137)
    await docker(healed.containerStatuses?.[0]?.containerID).remove({ force: true })
    const again = await podUntil(
      agent,
      'web',
      current => isReady(current) && (current.containerStatuses?.[0]?.restartCount ?? 0) >= 2,
    )
    expect(again.podIP).toBe(podIP)
  })

  it('startAgent() leaves containers alone when it ends, and adopts them when it starts', async () => {
    agent = await startDockerAgent(engine)
    for (const name of ['one', 'two']) await agent.createPod(name, { containers: [sleeper] })
    for (const name of ['one', 'two']) await podUntil(agent, name, isReady)
    const list = async () =>
      (await engine.docker.listContainers({ all: true })).map(({ Id, State }) => `${Id} ${State}`).sort()
    const before = await list()
    await agent.stop()
    expect(await list()).toEqual(before)
    await agent.start({ reopen: true })
    await agent.createPod('three', { containers: [sleeper] })
    await podUntil(agent, 'three', isReady)
    expect(await list()).toEqual(expect.arrayContaining(before))
    expect((await agent.runtime.listContainers()).map(({ state }) => state)).toEqual([
      'running',
      'running',
      'running',
    ])
  })

  it('startAgent() restarts what mounts its folders when these were moved, and keeps the files up to date', async () => {
    agent = await startDockerAgent(engine)
    await agent.client.create(Kinds.ConfigMap, settings)
    const volumes = [{ name: 'settings', configMap: { name: 'settings' } }]
    const volumeMounts = [{ name: 'settings', mountPath: '/settings' }]
    await agent.createPod('web', { containers: [{ ...sleeper, volumeMounts }], volumes })
    await podUntil(agent, 'web', isReady)
    await agent.stop()
    await agent.moveFolder()
    await agent.start({ reopen: true })
    await podUntil(
      agent,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    await agent.client.update(Kinds.ConfigMap, { ...settings, data: { color: 'green' } })
    await until('the file is new', async () => (await run('web', 'cat /settings/color')) === 'green')
    const containers = await engine.docker.listContainers()
    const sources = containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source))
    expect(sources.filter(source => source.includes('bowline-agent-'))).not.toEqual([])
    expect(
      sources.filter(source => source.includes('bowline-agent-') && !source.startsWith(agent.folder)),
    ).toEqual([])
  })

  it.skipIf(process.env.BOWLINE_TEST_DOCKER !== undefined)(
    'startAgent() survives a restart of the engine, and brings every pod back',
    async () => {
      agent = await startDockerAgent(engine)
      for (const name of ['one', 'two']) await agent.createPod(name, { containers: [sleeper] })
      for (const name of ['one', 'two']) await podUntil(agent, name, isReady)
      await engine.stop()
      await engine.start()
      for (const name of ['one', 'two'])
        await podUntil(
          agent,
          name,
          current => isReady(current) && (current.containerStatuses?.[0]?.restartCount ?? 0) >= 1,
        )
      await until('one container runs for each pod', async () => {
        const running = (await agent.runtime.listContainers()).filter(({ state }) => state === 'running')
        return running.length === 2 && new Set(running.map(({ pod }) => pod.name)).size === 2
      })
    },
  )
})
