import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ContainerStatus, Kinds, type Pod } from '../../src/kube/index.ts'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { scriptPod, WAIT } from './support/manifests.ts'
import { freePort, isReady, Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

/** What a pod's spec promises about its containers, on a real engine. */
describe.skipIf(!available)(`containers of pods (${reason})`, () => {
  let engine: TestEngine
  let site: Site

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine })
    const allowed = join(site.folder, 'allowed')
    await mkdir(allowed)
    await writeFile(join(allowed, 'file'), 'from the host\n')
    await site.repository.push('nothing yet', { 'README.md': 'empty' })
    // The node of this host, for what busybox has no program for.
    await site.start([allowed, '/usr', dirname(process.execPath)].flatMap(folder => ['--allow-host', folder]))
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  async function create(manifest: string): Promise<void> {
    await site.kubectlOk(['create', '-f', '-'], manifest)
  }
  async function remove(...names: readonly string[]): Promise<void> {
    await site.kubectlOk(['delete', 'pod', ...names, '--wait=false'])
  }
  /** The first status of the pod that satisfies the test. */
  function pod(name: string, what: string, test: (pod: Pod) => boolean): Promise<Pod> {
    return site.until(`${name} ${what}`, async () => {
      const found = await site.pod('default', name)
      return test(found) && found
    })
  }
  const running = (name: string) => pod(name, 'to be ready', isReady)
  const main = ({ status }: Pod): ContainerStatus | undefined =>
    status?.containerStatuses?.find(({ name }) => name === 'main')
  const logs = (name: string, container = 'main') => site.kubectlOk(['logs', name, '-c', container])
  const logLine = (name: string, text: string) =>
    site.until(`"${text}" in the log of ${name}`, async () => (await logs(name)).includes(text))
  async function inspect(name: string, container = 'main') {
    const [found] = await engine.docker.listContainers({
      filters: { label: [`bowline.dev/pod-name=${name}`, `bowline.dev/container=${container}`] },
    })
    return engine.docker.getContainer(found?.Id ?? '').inspect()
  }

  it('a failing liveness probe restarts the container; the pod keeps its address', async () => {
    const script = `touch /tmp/alive; (sleep 2; rm /tmp/alive) & ${WAIT}`
    await create(
      scriptPod('sick', script, {
        livenessProbe: {
          exec: { command: ['test', '-e', '/tmp/alive'] },
          periodSeconds: 1,
          failureThreshold: 1,
        },
      }),
    )
    const first = await running('sick')
    const second = await pod(
      'sick',
      'to be restarted',
      found => (main(found)?.restartCount ?? 0) > 0 && isReady(found),
    )
    expect(second.status?.podIP).toBe(first.status?.podIP)
    expect(main(second)?.containerID).not.toBe(main(first)?.containerID)
    expect(
      await site.kubectlOk([
        'get',
        'events',
        '--field-selector',
        'involvedObject.name=sick,reason=Unhealthy',
      ]),
    ).toContain('Liveness probe failed')
    await remove('sick')
  })

  it('readiness follows its probe in both directions, over HTTP and TCP', async () => {
    const serve = 'mkdir /tmp/www; httpd -p 8080 -h /tmp/www; (while :; do sleep 0.1; done)'
    await create(
      scriptPod('shy', serve, {
        readinessProbe: { httpGet: { port: 8080, path: '/ready' }, periodSeconds: 1, failureThreshold: 1 },
      }),
    )
    await create(
      scriptPod('open', serve, { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }),
    )
    await running('open')
    expect(isReady(await pod('shy', 'to run', ({ status }) => status?.phase === 'Running'))).toBe(false)
    const { Id } = await inspect('shy')
    const inside = async (...command: readonly string[]) => {
      const exec = await engine.docker.getContainer(Id).exec({ Cmd: [...command] })
      await exec.start({ Detach: true })
    }
    await inside('touch', '/tmp/www/ready')
    await running('shy')
    await inside('rm', '/tmp/www/ready')
    await pod('shy', 'to be unready', found => !isReady(found))
    expect(main(await site.pod('default', 'shy'))?.restartCount).toBe(0)
    await remove('shy', 'open')
  })

  it('configMaps and secrets come as variables and files, and a mounted one follows its changes', async () => {
    const map = (value: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'words' },
        data: { greeting: value, other: 'o' },
      })
    await site.kubectlOk(['apply', '-f', '-'], map('hello'))
    await site.kubectlOk(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'key' },
        stringData: { token: 's3cret' },
      }),
    )
    const script = `echo "$GREETING $TOKEN $ALL_other $NODE $(cat /etc/words/greeting) $(cat /etc/key/token) $(stat -c %a /etc/key/..data/token)"; while :; do cat /etc/words/greeting; echo; sleep 0.2; done`
    await create(
      scriptPod(
        'reader',
        script,
        {
          env: [
            { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'words', key: 'greeting' } } },
            { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'key', key: 'token' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          ],
          envFrom: [{ prefix: 'ALL_', configMapRef: { name: 'words' } }],
          volumeMounts: [
            { name: 'words', mountPath: '/etc/words' },
            { name: 'key', mountPath: '/etc/key', readOnly: true },
          ],
        },
        {
          volumes: [
            { name: 'words', configMap: { name: 'words' } },
            { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
          ],
        },
      ),
    )
    await logLine('reader', `hello s3cret o ${site.nodeNames[0]} hello s3cret 400`)
    await site.kubectlOk(['apply', '-f', '-'], map('goodbye'))
    await logLine('reader', 'goodbye')
    expect(main(await site.pod('default', 'reader'))?.restartCount).toBe(0)
    await remove('reader')
  })

  it('a pod waits for a secret that is not there yet, and says so', async () => {
    await create(
      scriptPod('waits', 'echo "got $LATE"; sleep 1000', {
        env: [{ name: 'LATE', valueFrom: { secretKeyRef: { name: 'late', key: 'a' } } }],
      }),
    )
    const waiting = await pod(
      'waits',
      'to wait',
      found => main(found)?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(main(waiting)?.state?.waiting?.message).toContain('secret "late" not found')
    await site.kubectlOk(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'late' },
        stringData: { a: 'it' },
      }),
    )
    await logLine('waits', 'got it')
    await remove('waits')
  })

  it('two containers of a pod share an emptyDir and localhost; init containers run before them, in order', async () => {
    const mount = [{ name: 'shared', mountPath: '/shared' }]
    const step = (name: string, script: string) => ({
      name,
      image: TEST_IMAGE,
      command: ['sh', '-c', script],
      volumeMounts: mount,
    })
    await create(
      scriptPod(
        'pair',
        '',
        {},
        {
          initContainers: [step('one', 'echo 1 >>/shared/steps'), step('two', 'echo 2 >>/shared/steps')],
          containers: [
            step(
              'main',
              `wget -qO- http://127.0.0.1:8081/steps || { sleep 1; wget -qO- http://127.0.0.1:8081/steps; }; echo done; ${WAIT}`,
            ),
            step('web', 'exec httpd -f -p 127.0.0.1:8081 -h /shared'),
          ],
          volumes: [{ name: 'shared', emptyDir: {} }],
        },
      ),
    )
    await logLine('pair', '1\n2\ndone\n')
    const { status } = await site.pod('default', 'pair')
    expect(status?.initContainerStatuses?.map(({ state }) => state?.terminated?.reason)).toEqual([
      'Completed',
      'Completed',
    ])
    await remove('pair')
  })

  it('a hostPort reaches the pod, and a second pod that wants it is not scheduled', async () => {
    const hostPort = await freePort()
    const port = { ports: [{ containerPort: 8080, hostPort }] }
    const serve = 'echo found >/tmp/index.html; exec httpd -f -p 8080 -h /tmp'
    await create(scriptPod('listens', serve, port))
    const { status } = await running('listens')
    await site.until(
      'the answer',
      async () => (await (await fetch(`http://${status?.hostIP}:${hostPort}/`)).text()) === 'found\n',
    )
    await create(scriptPod('listens-too', serve, port))
    const refused = await pod(
      'listens-too',
      'to be refused',
      ({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') ===
        true,
    )
    expect(refused.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message).toContain(
      "1 node(s) didn't have free ports",
    )
    await remove('listens')
    await running('listens-too')
    await remove('listens-too')
  })

  it('a hostPort that a program of the host has is not taken from it: the pod says so and waits', async () => {
    const program = createServer(socket => socket.end('the host')).listen(0, '0.0.0.0')
    await once(program, 'listening')
    const { port: hostPort } = program.address() as AddressInfo
    await create(scriptPod('blocked', WAIT, { ports: [{ containerPort: 8080, hostPort }] }))
    const why = await site.until('the reason', async () => {
      const { items } = await site.client.list(Kinds.Event)
      return items.find(
        ({ reason, involvedObject }) =>
          reason === 'FailedCreatePodSandBox' && involvedObject?.name === 'blocked',
      )?.message
    })
    expect(why).toMatch(
      new RegExp(`port ${hostPort}/TCP of this host is in use|${hostPort}.* already in use`),
    )
    const { status: node } = await site.client.get(Kinds.Node, site.nodeNames[0] ?? '')
    const host = node?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? ''
    expect(await askTcp(host, hostPort)).toBe('the host')
    program.close()
    await running('blocked')
    await remove('blocked')
  })

  /** What a TCP server says to whoever connects; else the code of the refusal. */
  const askTcp = (host: string, port: number) =>
    text(connect(port, host)).catch(error => (error as { code: string }).code)

  /** What a UDP server answers, or `silent`. */
  async function askUdp(host: string, port: number): Promise<string> {
    const socket = createSocket('udp4')
    // Connected, so that it is told when nobody listens.
    socket.connect(port, host)
    try {
      await once(socket, 'connect')
      socket.send('?')
      const patience = AbortSignal.timeout(500)
      const [answer] = await once(socket, 'message', { signal: patience })
      return String(answer)
    } catch {
      return 'silent'
    } finally {
      socket.close()
    }
  }

  it('a hostPort is at every address of the host, or at its hostIP alone, by TCP and UDP', async () => {
    const serve = `
      require('net').createServer(socket => socket.end('tcp')).listen(8080)
      const udp = require('dgram').createSocket('udp4')
      udp.on('message', (_, { port, address }) => udp.send('udp', port, address)).bind(8080)`
    const folders = { '/usr': '/usr', '/usr/lib': '/lib', '/usr/lib64': '/lib64' }
    const mounts = Object.entries(
      process.execPath.startsWith('/usr/')
        ? folders
        : { ...folders, [dirname(process.execPath)]: dirname(process.execPath) },
    )
    const server = (name: string, ports: readonly object[]) =>
      scriptPod(
        name,
        '',
        {
          command: [process.execPath, '-e', serve],
          ports: ports.map(port => ({ containerPort: 8080, ...port })),
          volumeMounts: mounts.map(([, mountPath], index) => ({
            name: `host-${index}`,
            mountPath,
            readOnly: true,
          })),
        },
        { volumes: mounts.map(([path], index) => ({ name: `host-${index}`, hostPath: { path } })) },
      )
    const [everywhere, shared, onlyUdp] = [await freePort(), await freePort(), await freePort()]
    const { status: node } = await site.client.get(Kinds.Node, site.nodeNames[0] ?? '')
    const host = node?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? ''
    await create(
      server('everywhere', [
        { name: 'tcp', hostPort: everywhere },
        { name: 'udp', hostPort: everywhere, protocol: 'UDP' },
        { name: 'only-udp', hostPort: onlyUdp, protocol: 'UDP' },
      ]),
    )
    // Two pods may have one port at different addresses.
    await create(
      server('outside', [
        { name: 'tcp', hostPort: shared, hostIP: host },
        { name: 'udp', hostPort: shared, hostIP: host, protocol: 'UDP' },
      ]),
    )
    await create(
      server('inside', [
        { name: 'tcp', hostPort: shared, hostIP: '127.0.0.2' },
        { name: 'udp', hostPort: shared, hostIP: '127.0.0.2', protocol: 'UDP' },
      ]),
    )
    for (const name of ['everywhere', 'outside', 'inside']) await running(name)
    const answers = async (at: string, port: number) => [await askTcp(at, port), await askUdp(at, port)]
    const untilBoth = (at: string, port: number) =>
      site.until(`answers at ${at}:${port}`, async () => (await answers(at, port)).join() === 'tcp,udp')
    for (const at of [host, '127.0.0.1']) await untilBoth(at, everywhere)
    for (const at of [host, '127.0.0.2']) await untilBoth(at, shared)
    expect(await answers('127.0.0.1', shared)).toEqual(['ECONNREFUSED', 'silent'])
    for (const at of [host, '127.0.0.1'])
      expect(await answers(at, onlyUdp), at).toEqual(['ECONNREFUSED', 'udp'])
    await remove('outside')
    await site.until('its port to be free', async () => (await askTcp(host, shared)) === 'ECONNREFUSED')
    expect(await answers('127.0.0.2', shared)).toEqual(['tcp', 'udp'])
    await remove('everywhere', 'inside')
  })

  it('limits are set in the engine, its logs are rotated, and who exceeds the memory is OOMKilled', async () => {
    const resources = { requests: { cpu: '100m', memory: '8Mi' }, limits: { cpu: '250m', memory: '24Mi' } }
    const script = 'x=$(head -c 80000000 /dev/zero | tr "\\0" x); echo never'
    await create(scriptPod('greedy', script, { resources }, { restartPolicy: 'Never' }))
    await create(scriptPod('modest', WAIT, { resources }))
    await running('modest')
    const { HostConfig } = await inspect('modest')
    expect(HostConfig).toMatchObject({
      Memory: 24 * 2 ** 20,
      MemorySwap: 24 * 2 ** 20,
      CpuQuota: 25_000,
      CpuPeriod: 100_000,
      CpuShares: 102,
    })
    expect(HostConfig.LogConfig).toEqual({
      Type: 'json-file',
      Config: { 'max-size': '10m', 'max-file': '3' },
    })
    // An engine may tell of the want of memory after the end.
    const killed = await pod(
      'greedy',
      'to be killed',
      found => main(found)?.state?.terminated?.reason === 'OOMKilled',
    )
    expect(killed.status?.phase).toBe('Failed')
    expect(main(killed)?.state?.terminated?.exitCode).toBe(137)
    await remove('modest', 'greedy')
  })

  it('a deleted pod may end by itself within its grace, and is killed after it', async () => {
    await create(
      scriptPod(
        'polite',
        'trap "echo ending; sleep 0.3; echo ended; exit 0" TERM; while :; do sleep 0.1; done',
        {},
        { terminationGracePeriodSeconds: 30 },
      ),
    )
    await create(scriptPod('stubborn', 'trap "" TERM; while :; do sleep 0.1; done'))
    await running('polite')
    await running('stubborn')
    const follow = site.spawnKubectl(['logs', '-f', 'polite'])
    await remove('polite', 'stubborn')
    const gone = async (name: string) => (await site.kubectl(['get', 'pod', name])).code !== 0
    await site.until('both to go', async () => (await gone('polite')) && (await gone('stubborn')))
    expect((await follow.ended).stdout).toBe('ending\nended\n')
    // What is over is removed when nothing starts, which may be after the pod is gone.
    const filters = { label: ['bowline.dev/pod-name=stubborn'] }
    await site.until(
      'its containers to be removed',
      async () => (await engine.docker.listContainers({ all: true, filters })).length === 0,
    )
  })

  it('a host folder is mounted only where the host allows it; nothing in Git grants more', async () => {
    const hostPath = (name: string, path: string) =>
      scriptPod(
        name,
        `cat /host/file; ${WAIT}`,
        { volumeMounts: [{ name: 'host', mountPath: '/host' }] },
        { volumes: [{ name: 'host', hostPath: { path } }] },
      )
    await create(hostPath('allowed', join(site.folder, 'allowed')))
    await create(hostPath('refused', '/etc'))
    const sneaky = hostPath('sneaky', `${join(site.folder, 'allowed')}/../../../etc`)
    expect((await site.kubectl(['create', '-f', '-'], sneaky)).stderr).toContain("must not contain '..'")
    await create(
      scriptPod(
        'socket',
        WAIT,
        { volumeMounts: [{ name: 'host', mountPath: '/docker.sock' }] },
        { volumes: [{ name: 'host', hostPath: { path: engine.socketPath } }] },
      ),
    )
    await create(scriptPod('mighty', WAIT, { securityContext: { privileged: true } }))
    await create(scriptPod('neighbour', WAIT, {}, { hostNetwork: true }))
    await logLine('allowed', 'from the host')
    for (const name of ['refused', 'socket', 'mighty', 'neighbour']) {
      const found = await pod(
        name,
        'to be refused',
        ({ status }) =>
          status?.phase === 'Failed' || status?.containerStatuses?.[0]?.state?.waiting?.message !== undefined,
      )
      const told = found.status?.message ?? main(found)?.state?.waiting?.message ?? ''
      expect(told, name).toMatch(/--allow-host|No host allows/)
      expect(
        await engine.docker.listContainers({
          all: true,
          filters: { label: [`bowline.dev/pod-name=${name}`, 'bowline.dev/type=container'] },
        }),
      ).toEqual([])
    }
    await remove('allowed', 'refused', 'socket', 'mighty', 'neighbour')
  })

  it('a pod that never restarts completes or fails, and keeps its log', async () => {
    await create(scriptPod('done', 'echo fine', {}, { restartPolicy: 'Never' }))
    await create(scriptPod('undone', 'echo bad; exit 7', {}, { restartPolicy: 'Never' }))
    await pod('done', 'to complete', ({ status }) => status?.phase === 'Succeeded')
    const failed = await pod('undone', 'to fail', ({ status }) => status?.phase === 'Failed')
    expect(main(failed)?.state?.terminated).toMatchObject({ exitCode: 7, reason: 'Error' })
    expect(await logs('undone')).toBe('bad\n')
    expect(await site.kubectlOk(['get', 'pod', 'done'])).toMatch(/done +0\/1 +Completed/)
    await remove('done', 'undone')
  })

  it('an image that cannot be had is told in the words of kubectl', async () => {
    await create(scriptPod('imageless', WAIT, { image: 'absent.invalid/none:1', imagePullPolicy: 'Never' }))
    await pod('imageless', 'to say so', found => main(found)?.state?.waiting?.reason === 'ErrImageNeverPull')
    await create(scriptPod('puller', WAIT, { image: '127.0.0.1:1/none:1' }))
    await pod('puller', 'to back off', found => main(found)?.state?.waiting?.reason === 'ImagePullBackOff')
    expect(await site.kubectlOk(['get', 'pod', 'puller'])).toMatch(/ImagePullBackOff|ErrImagePull/)
    await remove('imageless', 'puller')
  })
})
