import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Deployment, Kinds, type Pod, type ReplicaSet } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { kubectl, kubectlOk, spawnKubectl } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)
const feed = (input: string, ...args: readonly string[]): Promise<string> => kubectlOk(api, args, input)

function deployment(name: string, image: string, replicas = 2): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
      - name: main
        image: ${image}
        ports: [{ containerPort: 80 }]
`
}

function pod(name: string, labels = 'app: web'): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels: { ${labels} }
spec:
  containers:
  - name: main
    image: busybox
`
}

/** Plays the controllers' part: a ReplicaSet per template, and a status that says all is done. */
async function finishRollout(name: string, revision: number): Promise<void> {
  const live = await api.client.get<Deployment>(Kinds.Deployment, name, { namespace: 'default' })
  const hash = `rev${revision}`
  const labels = { ...live.spec?.template.metadata?.labels, 'pod-template-hash': hash }
  const template = { ...live.spec?.template, metadata: { ...live.spec?.template.metadata, labels } }
  const replicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace: 'default',
      labels,
      annotations: { 'deployment.kubernetes.io/revision': String(revision) },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: live.metadata.uid ?? '', controller: true },
      ],
    },
    spec: { replicas: live.spec?.replicas, selector: { matchLabels: labels }, template },
  } as ReplicaSet
  await api.client.create(Kinds.ReplicaSet, replicaSet)
  const annotations = { 'deployment.kubernetes.io/revision': String(revision) }
  const annotate = { type: 'merge', body: { metadata: { annotations } } } as const
  const { metadata } = await api.client.patch(Kinds.Deployment, name, annotate, { namespace: 'default' })
  const replicas = live.spec?.replicas ?? 1
  const status = {
    observedGeneration: metadata.generation,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
    conditions: [{ type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' }],
  }
  const report = { type: 'merge', body: { status } } as const
  await api.client.patch(Kinds.Deployment, name, report, { namespace: 'default', subresource: 'status' })
}

describe('kubectl 1.32', () => {
  it('version, api-resources and explain read what the server says of itself', async () => {
    expect(await run('version')).toContain('Server Version: v1.32')
    const resources = await run('api-resources')
    for (const line of [
      /^pods +po +v1 +true +Pod/m,
      /^deployments +deploy +apps\/v1 +true +Deployment/m,
      /^apps .*bowline.dev\/v1alpha1 +false +App/m,
    ])
      expect(resources).toMatch(line)
    expect(await run('api-versions')).toContain('apps/v1')
    expect(await run('explain', 'deployment.spec.strategy.rollingUpdate.maxSurge')).toContain(
      'FIELD: maxSurge',
    )
    expect(await run('explain', 'pod', '--recursive')).toContain('containers')
    expect(await run('explain', 'app.spec.source')).toContain('repository')
    expect(await run('get', '--raw', '/readyz')).toBe('ok')
  })

  it('create, get in every form, describe and delete', async () => {
    expect(await feed(pod('one'), 'create', '-f', '-')).toBe('pod/one created\n')
    expect(await feed(pod('two', 'app: other'), 'create', '-f', '-')).toBe('pod/two created\n')
    expect((await kubectl(api, ['create', '-f', '-'], pod('one'))).stderr).toContain(
      'Error from server (AlreadyExists)',
    )
    expect(await run('get', 'pods')).toMatch(
      /NAME +READY +STATUS +RESTARTS +AGE\none +0\/1 +Pending +0 +\d+s\ntwo/,
    )
    expect(await run('get', 'po', '-o', 'wide')).toMatch(/IP +NODE +NOMINATED NODE +READINESS GATES/)
    expect(await run('get', 'pods', '-A')).toMatch(/NAMESPACE +NAME[\s\S]*default +one/)
    expect(await run('get', 'pods', '-o', 'name')).toBe('pod/one\npod/two\n')
    expect(await run('get', 'pods', '-l', 'app in (other)', '-o', 'name')).toBe('pod/two\n')
    expect(
      await run('get', 'pods', '--field-selector', 'metadata.name=one,spec.nodeName=', '-o', 'name'),
    ).toBe('pod/one\n')
    expect(await run('get', 'pod', 'one', '-o', 'jsonpath={.spec.containers[0].image}')).toBe('busybox')
    expect(JSON.parse(await run('get', 'pods', '-o', 'json')).items).toHaveLength(2)
    expect(await run('get', 'pod', 'one', '-o', 'yaml')).toContain('restartPolicy: Always')
    expect(await run('get', 'pods', '--sort-by=.metadata.name')).toContain('one')
    expect(await run('get', 'pods', '--show-labels')).toContain('app=other')
    expect(await run('get', 'pods', '-o', 'custom-columns=N:.metadata.name')).toBe('N\none\ntwo\n')
    expect(await run('get', 'all')).toContain('pod/one')
    expect(await run('describe', 'pod', 'one')).toMatch(/Name: +one[\s\S]*QoS Class: +BestEffort/)
    expect((await kubectl(api, ['get', 'pod', 'none'])).stderr).toContain(
      'Error from server (NotFound): pods "none" not found',
    )
    expect((await kubectl(api, ['get', 'pods', '-n', 'empty'])).stderr).toContain(
      'No resources found in empty namespace.',
    )
    expect(await run('delete', 'pod', 'one', 'two', '--now')).toMatch(/pod "one" deleted/)
    expect(await run('get', 'pods', '-o', 'name')).toBe('')
  })

  it('says what is wrong with an object, in the words of the API', async () => {
    const unknown = await kubectl(api, ['create', '-f', '-'], pod('bad').replace('image:', 'imagee:'))
    expect(unknown.stderr).toMatch(/strict decoding error: unknown field "spec.containers\[0\].imagee"/)
    const invalid = await kubectl(api, ['create', '-f', '-'], pod('Not_A_Name'))
    expect(invalid.stderr).toMatch(/The Pod "Not_A_Name" is invalid: metadata.name: Invalid value/)
  })

  it('apply: new, the same, changed, on the server and dry', async () => {
    expect(await feed(deployment('web', 'web:1'), 'apply', '-f', '-')).toBe('deployment.apps/web created\n')
    expect(await feed(deployment('web', 'web:1'), 'apply', '-f', '-')).toBe('deployment.apps/web unchanged\n')
    expect(await feed(deployment('web', 'web:2'), 'apply', '-f', '-')).toBe(
      'deployment.apps/web configured\n',
    )
    expect(
      await run('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    ).toBe('web:2')
    expect(await feed(deployment('web', 'web:3'), 'apply', '-f', '-', '--dry-run=server')).toBe(
      'deployment.apps/web configured (server dry run)\n',
    )
    expect(
      await run('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    ).toBe('web:2')
    const diff = await kubectl(api, ['diff', '-f', '-'], deployment('web', 'web:3'))
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringContaining('+      - image: web:3')])
    expect(await feed(deployment('ssa', 'web:1'), 'apply', '--server-side', '-f', '-')).toBe(
      'deployment.apps/ssa serverside-applied\n',
    )
    const conflict = await kubectl(
      api,
      ['apply', '--server-side', '--field-manager=other', '-f', '-'],
      deployment('ssa', 'web:9'),
    )
    expect(conflict.stderr).toMatch(/conflict with "kubectl"[\s\S]*\.spec\.template\.spec\.containers/)
    expect(
      await feed(
        deployment('ssa', 'web:9'),
        'apply',
        '--server-side',
        '--force-conflicts',
        '--field-manager=other',
        '-f',
        '-',
      ),
    ).toContain('serverside-applied')
    expect(await run('get', 'deploy')).toMatch(/NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nssa +0\/2/)
  })

  it('patch in three languages, label, annotate, scale, set image, edit by replace', async () => {
    expect(
      await run(
        'patch',
        'deploy',
        'web',
        '-p',
        '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"web:4"}]}}}}',
      ),
    ).toContain('patched')
    expect(
      await run('patch', 'deploy', 'web', '--type=merge', '-p', '{"spec":{"minReadySeconds":1}}'),
    ).toContain('patched')
    expect(
      await run(
        'patch',
        'deploy',
        'web',
        '--type=json',
        '-p',
        '[{"op":"replace","path":"/spec/replicas","value":3}]',
      ),
    ).toContain('patched')
    const live = JSON.parse(await run('get', 'deploy', 'web', '-o', 'json'))
    expect(live.spec).toMatchObject({
      replicas: 3,
      minReadySeconds: 1,
      template: { spec: { containers: [{ image: 'web:4', ports: [{ containerPort: 80 }] }] } },
    })
    expect(await run('label', 'deploy', 'web', 'tier=front')).toContain('labeled')
    expect(await run('annotate', 'deploy', 'web', 'note=x')).toContain('annotated')
    expect(await run('scale', 'deploy', 'web', '--replicas=5')).toContain('scaled')
    expect(
      await run(
        'get',
        'deploy',
        'web',
        '-o',
        'jsonpath={.metadata.labels.tier} {.metadata.annotations.note} {.spec.replicas}',
      ),
    ).toBe('front x 5')
    expect(await run('get', 'deploy', 'web', '--subresource=scale')).toMatch(
      /^NAME +DESIRED +AVAILABLE +AGE\nweb +5 +0 +/,
    )
    expect(await run('annotate', 'deploy', 'web', 'note-')).toContain('annotated')
    expect(await run('get', 'deploy', 'web', '-o', 'jsonpath={.metadata.annotations.note}')).toBe('')
    expect(await run('set', 'image', 'deploy/web', 'main=web:5')).toContain('image updated')
    const replaced = (await run('get', 'deploy', 'web', '-o', 'yaml')).replace('web:5', 'web:6')
    expect(await feed(replaced, 'replace', '-f', '-')).toContain('replaced')
    const bad = await kubectl(api, [
      'patch',
      'deploy',
      'web',
      '--type=json',
      '-p',
      '[{"op":"test","path":"/spec/replicas","value":1}]',
    ])
    expect(bad.code).toBe(1)
  })

  it('rollout status, history, restart, undo, pause and resume', async () => {
    await feed(deployment('roll', 'roll:1'), 'apply', '-f', '-')
    await finishRollout('roll', 1)
    expect(await run('rollout', 'status', 'deploy/roll', '--timeout=10s')).toContain(
      'successfully rolled out',
    )
    await run('set', 'image', 'deploy/roll', 'main=roll:2')
    const waiting = kubectlOk(api, ['rollout', 'status', 'deploy/roll', '--timeout=20s'])
    await finishRollout('roll', 2)
    expect(await waiting).toContain('successfully rolled out')
    expect(await run('rollout', 'history', 'deploy/roll')).toMatch(
      /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/,
    )
    expect(await run('rollout', 'history', 'deploy/roll', '--revision=1')).toContain('roll:1')
    expect(await run('rollout', 'undo', 'deploy/roll')).toContain('rolled back')
    expect(
      await run('get', 'deploy', 'roll', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    ).toBe('roll:1')
    expect(await run('rollout', 'restart', 'deploy/roll')).toContain('restarted')
    expect(await run('rollout', 'pause', 'deploy/roll')).toContain('paused')
    expect(await run('rollout', 'resume', 'deploy/roll')).toContain('resumed')
    expect(await run('describe', 'deploy', 'roll')).toMatch(/Name: +roll[\s\S]*StrategyType: +RollingUpdate/)
  })

  it('wait and get --watch follow what happens', async () => {
    await feed(pod('followed'), 'create', '-f', '-')
    const child = spawnKubectl(api, ['get', 'pods', '-w', '--field-selector', 'metadata.name=followed'])
    let seen = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await vi.waitFor(() => expect(seen).toMatch(/followed +0\/1 +Pending/), 15_000)
    const waiting = kubectlOk(api, ['wait', '--for=condition=Ready', 'pod/followed', '--timeout=20s'])
    const body = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
    await api.client.patch<Pod>(
      Kinds.Pod,
      'followed',
      { type: 'merge', body },
      { namespace: 'default', subresource: 'status' },
    )
    expect(await waiting).toContain('condition met')
    await vi.waitFor(() => expect(seen).toMatch(/followed +0\/1 +Running/), 15_000)
    child.kill()
    const deleted = kubectlOk(api, ['wait', '--for=delete', 'pod/followed', '--timeout=20s'])
    expect(await run('delete', 'pod', 'followed', '--force', '--grace-period=0')).toContain('deleted')
    await deleted
  })

  it('logs of a pod whose node is not reachable name the node', async () => {
    await feed(pod('logged'), 'create', '-f', '-')
    expect(await run('logs', 'logged')).toBe('')
    await api.client.createSubresource(
      Kinds.Pod,
      'logged',
      'binding',
      {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'logged' },
        target: { kind: 'Node', name: 'host-1' },
      } as never,
      { namespace: 'default' },
    )
    expect((await kubectl(api, ['logs', 'logged'])).stderr).toContain('Cannot reach node "host-1"')
    expect((await kubectl(api, ['logs', 'logged', '-c', 'none'])).stderr).toContain(
      'container none is not valid for pod logged',
    )
  })

  it('namespaces, nodes, events, secrets, leases and records are kinds like any other', async () => {
    await feed('apiVersion: v1\nkind: Namespace\nmetadata: { name: other }\n', 'apply', '-f', '-')
    expect(await run('get', 'ns')).toMatch(/NAME +STATUS +AGE\ndefault +Active/)
    await feed('apiVersion: v1\nkind: Node\nmetadata: { name: host-1 }\n', 'create', '-f', '-')
    expect(await run('get', 'nodes', '-o', 'wide')).toMatch(/NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP/)
    expect(await run('cordon', 'host-1')).toContain('cordoned')
    expect(await run('describe', 'node', 'host-1')).toMatch(/Unschedulable: +true/)
    await feed(
      'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: b }\n',
      'apply',
      '-f',
      '-',
    )
    expect(await run('get', 'secret', 's', '-o', 'jsonpath={.data.a}')).toBe('Yg==')
    for (const kind of ['events', 'leases', 'csr', 'records', 'apps', 'serviceaccounts', 'configmaps'])
      expect((await kubectl(api, ['get', kind, '-A'])).code, kind).toBe(0)
    expect(await run('delete', 'deploy', '--all')).toContain('deleted')
  })
})
