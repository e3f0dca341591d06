import { readFileSync } from 'node:fs'
import { AppsV1Api, CoreV1Api, KubeConfig, makeInformer, type V1Pod } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { scriptPod, WAIT, webDeployment } from './support/manifests.ts'
import { Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

/** Objects that Git does not own, made and changed by hand. */
describe.skipIf(!available)(`kubectl 1.32 on running containers (${reason})`, () => {
  let engine: TestEngine
  let site: Site

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('nothing yet', { 'README.md': 'empty' })
    await site.start()
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  const k = (...args: readonly string[]) => site.kubectlOk(args)

  /** A Deployment made with kubectl, which Git does not own. */
  async function deploy(name: string, text: string, replicas: number): Promise<void> {
    await site.kubectlOk(['apply', '-f', '-'], webDeployment(name, text, replicas))
    await k('rollout', 'status', `deployment/${name}`, '--timeout=60s')
  }

  it('apply, scale and the roll-out commands drive a Deployment', async () => {
    await deploy('web', 'one', 2)
    await site.readyPods('default', 2, 'app=web')
    await k('scale', 'deployment/web', '--replicas=3')
    await k('rollout', 'status', 'deployment/web', '--timeout=60s')
    await site.readyPods('default', 3, 'app=web')
    await deploy('web', 'two', 3)
    expect(await k('rollout', 'history', 'deployment/web')).toMatch(/^2 /m)
    await k('rollout', 'undo', 'deployment/web')
    await k('rollout', 'status', 'deployment/web', '--timeout=60s')
    const [pod] = await site.readyPods('default', 3, 'app=web')
    expect(await k('logs', pod?.metadata.name ?? '')).toBe('serving one\n')
    expect(await k('rollout', 'history', 'deployment/web')).toMatch(/^3 /m)
    await k('rollout', 'pause', 'deployment/web')
    await k('set', 'env', 'deployment/web', 'CHANGED=1')
    expect(await k('get', 'rs', '-l', 'app=web', '-o', 'name')).toSatisfy(
      (text: string) => text.trim().split('\n').length === 2,
    )
    await k('rollout', 'resume', 'deployment/web')
    await k('rollout', 'status', 'deployment/web', '--timeout=60s')
    await k('rollout', 'restart', 'deployment/web')
    await k('rollout', 'status', 'deployment/web', '--timeout=60s')
    await site.readyPods('default', 3, 'app=web')
    await k('scale', 'deployment/web', '--replicas=1')
    await site.readyPods('default', 1, 'app=web')
  })

  it('get prints tables, wide tables, YAML, JSON, names and paths, by label, field and everywhere', async () => {
    expect(await k('get', 'pods', '-l', 'app=web')).toMatch(
      /NAME +READY +STATUS +RESTARTS +AGE\nweb-\S+ +1\/1 +Running +0 /,
    )
    expect(await k('get', 'pods', '-o', 'wide')).toMatch(/IP +NODE .*\n.* 10\.\S+ +\S+-[12] /)
    const name = (await k('get', 'pods', '-l', 'app=web', '-o', 'name')).trim()
    expect(name).toMatch(/^pod\/web-/)
    expect(JSON.parse(await k('get', name, '-o', 'json')).status.phase).toBe('Running')
    expect(await k('get', name, '-o', 'yaml')).toContain('phase: Running')
    const ip = await k('get', name, '-o', 'jsonpath={.status.podIP}')
    expect(ip).toMatch(/^10\./)
    expect(await k('get', 'pods', '--field-selector', 'status.phase=Running', '-o', 'name')).toContain(name)
    expect(await k('get', 'pods', '--field-selector', 'status.phase=Failed', '-o', 'name')).toBe('')
    expect(await k('get', 'deploy', '-A', '-o', 'wide')).toMatch(
      new RegExp(`default +web +1/1 .*${TEST_IMAGE} +app=web`),
    )
    expect(await k('get', 'nodes')).toMatch(/Ready +<none> .*v/)
    expect(await k('explain', 'deployment.spec.strategy')).toContain('rollingUpdate')
    expect(await k('version')).toMatch(/Server Version: v1\.32/)
  })

  it('get -w and wait follow changes', async () => {
    const watch = site.spawnKubectl(['get', 'pods', '-w', '-l', 'app=seen'])
    await site.kubectlOk(['create', '-f', '-'], scriptPod('seen', WAIT))
    await k('wait', '--for=condition=Ready', 'pod/seen', '--timeout=60s')
    await k('wait', '--for=jsonpath={.status.phase}=Running', 'pod/seen', '--timeout=10s')
    await k('delete', 'pod', 'seen')
    await site.until(
      'the watch to show the end',
      async () => /seen .*Running/.test(watch.stdout) && /Terminating|Completed/.test(watch.stdout),
    )
    await watch.stop()
    expect((await site.kubectl(['get', 'pod', 'seen'])).stderr).toContain('pods "seen" not found')
  })

  it('logs read, follow, limit and look back', async () => {
    const script =
      'echo "run $(date +%s%N)"; for i in 1 2 3 4 5; do echo line $i; done; sleep 1000 & trap "exit 3" TERM; wait'
    await site.kubectlOk(
      ['apply', '-f', '-'],
      scriptPod(
        'talker',
        script,
        {},
        {
          containers: [
            { name: 'main', image: TEST_IMAGE, command: ['sh', '-c', script] },
            { name: 'side', image: TEST_IMAGE, command: ['sh', '-c', `echo beside >&2; ${WAIT}`] },
          ],
        },
      ),
    )
    await k('wait', '--for=condition=Ready', 'pod/talker', '--timeout=60s')
    const text = () => k('logs', 'talker', '-c', 'main')
    await site.until('its lines', async () => (await text()).includes('line 5'))
    const first = (await text()).split('\n')[0]
    expect(await k('logs', 'talker', '-c', 'main', '--tail=2')).toBe('line 4\nline 5\n')
    expect(await k('logs', 'talker', '-c', 'side')).toBe('beside\n')
    expect(await k('logs', 'talker', '-c', 'main', '--since=1h')).toContain('line 1')
    expect(await k('logs', 'talker', '-c', 'main', '--since-time=2099-01-01T00:00:00Z')).toBe('')
    expect(await k('logs', 'talker', '-c', 'main', '--timestamps', '--tail=1')).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z line 5\n$/,
    )
    expect((await site.kubectl(['logs', 'talker', '-c', 'none'])).stderr).toContain(
      'container none is not valid for pod talker',
    )
    expect((await site.kubectl(['logs', 'talker', '-c', 'main', '--previous'])).stderr).toContain(
      'previous terminated container "main" in pod "talker" not found',
    )
    const follow = site.spawnKubectl(['logs', '-f', 'talker', '-c', 'main'])
    await site.until('the followed lines', async () => follow.stdout.includes('line 5'))
    const [container] = await engine.docker.listContainers({
      filters: { label: ['bowline.dev/pod-name=talker', 'bowline.dev/container=main'] },
    })
    await engine.docker.getContainer(container?.Id ?? '').kill({ signal: 'SIGTERM' })
    // What is followed ends with its container, and the next attempt has a log of its own.
    expect((await follow.ended).code).toBe(0)
    await site.until(
      'the restart',
      async () => (await site.pod('default', 'talker')).status?.containerStatuses?.[0]?.restartCount === 1,
    )
    expect((await k('logs', 'talker', '-c', 'main', '--previous')).split('\n')[0]).toBe(first)
    await site.until('the new log', async () => (await text()).includes('line 5'))
    expect((await text()).split('\n')[0]).not.toBe(first)
    const { lastState } = (await site.pod('default', 'talker')).status?.containerStatuses?.[0] ?? {}
    expect(lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
    await k('delete', 'pod', 'talker', '--now')
  })

  it('describe tells the state and the events', async () => {
    const name = (await k('get', 'pods', '-l', 'app=web', '-o', 'name')).trim()
    const pod = await k('describe', name)
    for (const line of [
      /Status: +Running/,
      /Container ID: +docker:\/\//,
      /Ready: +True/,
      /Normal +Scheduled/,
      /Normal +Started/,
    ])
      expect(pod).toMatch(line)
    expect(await k('describe', 'deployment', 'web')).toMatch(/Normal +ScalingReplicaSet/)
    const node = (await k('get', 'nodes', '-o', 'name')).split('\n')[0] ?? ''
    expect(await k('describe', node)).toMatch(/Container Runtime Version: +docker:\/\//)
  })

  it('label, annotate and the three patches change a pod; a conflict and a bad field are refused', async () => {
    const name = (await k('get', 'pods', '-l', 'app=web', '-o', 'name')).trim()
    await k('label', name, 'tier=front')
    await k('annotate', name, 'note=hello')
    await k('patch', name, '--type=merge', '-p', '{"metadata":{"labels":{"a":"1"}}}')
    await k('patch', name, '--type=json', '-p', '[{"op":"add","path":"/metadata/labels/b","value":"2"}]')
    await k('patch', name, '--type=strategic', '-p', '{"metadata":{"labels":{"c":"3","a":null}}}')
    const { metadata } = JSON.parse(await k('get', name, '-o', 'json'))
    expect(metadata.labels).toMatchObject({ tier: 'front', b: '2', c: '3' })
    expect(metadata.labels).not.toHaveProperty('a')
    expect(metadata.annotations.note).toBe('hello')
    expect((await site.kubectl(['label', name, 'tier=back'])).stderr).toContain("'tier' already has a value")
    expect(
      (await site.kubectl(['patch', name, '--type=merge', '-p', '{"spec":{"nodeName":"elsewhere"}}'])).stderr,
    ).toContain('Forbidden')
    const refused = await site.kubectl(
      ['apply', '-f', '-'],
      webDeployment('bad', 'x', 1).replace('replicas:', 'replica:'),
    )
    expect(refused.stderr).toContain('unknown field "spec.replica"')
  })

  it('apply from the client and from the server agree on who owns what', async () => {
    const manifest = (data: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {${data}}\n`
    expect(await site.kubectlOk(['apply', '-f', '-'], manifest('a: "1", b: "1"'))).toContain(
      'configmap/settings created',
    )
    expect(await site.kubectlOk(['apply', '-f', '-'], manifest('a: "2"'))).toContain('configured')
    expect(await k('get', 'cm', 'settings', '-o', 'jsonpath={.data}')).toBe('{"a":"2"}')
    expect(await site.kubectlOk(['apply', '-f', '-'], manifest('a: "2"'))).toContain('unchanged')
    await site.kubectlOk(['apply', '--server-side', '-f', '-'], manifest('a: "2", c: "3"'))
    await site.kubectlOk(['apply', '--server-side', '-f', '-'], manifest('a: "3"'))
    expect(await k('get', 'cm', 'settings', '-o', 'jsonpath={.data}')).toBe('{"a":"3"}')
    const other = ['apply', '--server-side', '--field-manager=other', '-f', '-']
    const conflict = await site.kubectl(other, manifest('a: "4"'))
    expect(conflict.stderr).toContain('conflict with "kubectl": .data.a')
    await site.kubectlOk([...other, '--force-conflicts'], manifest('a: "4"'))
    expect(
      (await site.kubectl(['diff', '--server-side', '--force-conflicts', '-f', '-'], manifest('a: "5"')))
        .stdout,
    ).toMatch(/^\+ {2}a: "5"$/m)
    await k('delete', 'cm', 'settings')
  })

  it('create, delete and a namespace that goes with all that is in it', async () => {
    await site.kubectlOk(
      ['create', '-f', '-'],
      '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"short"}}',
    )
    await site.kubectlOk(['create', '-n', 'short', '-f', '-'], webDeployment('web', 'x', 1))
    for (const kind of ['ConfigMap', 'Secret', 'ServiceAccount'])
      await site.kubectlOk(
        ['create', '-n', 'short', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind, metadata: { name: 'one' } }),
      )
    await k('-n', 'short', 'rollout', 'status', 'deployment/web', '--timeout=60s')
    expect(
      (await site.kubectl(['create', '-n', 'short', '-f', '-'], webDeployment('web', 'x', 1))).stderr,
    ).toContain('already exists')
    await k('-n', 'short', 'create', 'quota', 'few', '--hard=pods=1')
    expect((await site.kubectl(['-n', 'short', 'run', 'two', '--image', TEST_IMAGE])).stderr).toContain(
      'pods "two" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
    )
    await k('-n', 'short', 'wait', 'quota/few', '--for=jsonpath={.status.used.pods}=1', '--timeout=20s')
    expect(await k('-n', 'short', 'describe', 'quota', 'few')).toMatch(/^pods +1 +1$/m)
    await k('delete', 'namespace', 'short', '--timeout=60s')
    await site.until(
      'its containers to go',
      async () =>
        (
          await engine.docker.listContainers({
            all: true,
            filters: { label: ['bowline.dev/pod-namespace=short'] },
          })
        ).length === 0,
    )
  })

  it('an illegal name and an unknown kind are refused in words', async () => {
    const upper = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'Upper' } })
    expect((await site.kubectl(['create', '-f', '-'], upper)).stderr).toContain('Invalid value: "Upper"')
    expect((await site.kubectl(['get', 'unicorns'])).stderr).toContain(
      "the server doesn't have a resource type",
    )
    expect((await site.kubectl(['get', '--raw', '/api/v1/nonsense'])).stderr).toContain('NotFound')
  })

  it("@kubernetes/client-node's informer follows pods from pending to gone", async () => {
    const config = new KubeConfig()
    config.loadFromString(readFileSync(site.kubeconfig, 'utf8'))
    const core = config.makeApiClient(CoreV1Api)
    const seen: string[] = []
    const informer = makeInformer<V1Pod>(
      config,
      '/api/v1/namespaces/default/pods',
      () => core.listNamespacedPod({ namespace: 'default', labelSelector: 'app=informed' }),
      'app=informed',
    )
    informer.on('add', pod => seen.push(`add ${pod.metadata?.name}`))
    informer.on('update', pod => seen.push(`update ${pod.status?.phase}`))
    informer.on('delete', pod => seen.push(`delete ${pod.metadata?.name}`))
    await informer.start()
    await core.createNamespacedPod({ namespace: 'default', body: JSON.parse(scriptPod('informed', WAIT)) })
    await site.until('it to run', async () => seen.includes('update Running'))
    await core.deleteNamespacedPod({ namespace: 'default', name: 'informed' })
    await site.until('it to go', async () => seen.includes('delete informed'))
    expect(seen[0]).toBe('add informed')
    await informer.stop()
    const apps = config.makeApiClient(AppsV1Api)
    expect(
      (await apps.readNamespacedDeployment({ namespace: 'default', name: 'web' })).status?.readyReplicas,
    ).toBe(1)
  })
})
