import { describe, expect, it } from 'vitest'
import { containerConfig } from '../../../src/agents/containers/container-config.ts'
import { refusalOf } from '../../../src/agents/containers/host-access.ts'
import { pullPolicy, registryAuth, registryOf } from '../../../src/agents/containers/image.ts'
import { engineResources, qosClass } from '../../../src/agents/containers/resources.ts'
import type { PodSpec, ResourceRequirements, Secret } from '../../../src/kube/index.ts'
import { container, pod } from '../support/pod-view.ts'

const NODE_MEMORY = 8 * 2 ** 30

describe('qosClass() and engineResources()', () => {
  it.each<[string, ResourceRequirements, string, object]>([
    ['nothing', {}, 'BestEffort', { cpuShares: 2, oomScoreAdj: 1000 }],
    [
      'limits alone',
      { limits: { cpu: '500m', memory: '64Mi' } },
      'Guaranteed',
      { cpuShares: 512, cpuQuotaMicros: 50_000, memoryBytes: 64 * 2 ** 20, oomScoreAdj: -997 },
    ],
    [
      'requests below limits',
      { requests: { cpu: '100m', memory: '4Gi' }, limits: { memory: '6Gi' } },
      'Burstable',
      { cpuShares: 102, memoryBytes: 6 * 2 ** 30, oomScoreAdj: 500 },
    ],
    [
      'a tiny limit',
      { limits: { cpu: '1m' } },
      'Burstable',
      { cpuShares: 2, cpuQuotaMicros: 1000, oomScoreAdj: 999 },
    ],
    ['all of the memory', { requests: { memory: '8Gi' } }, 'Burstable', { cpuShares: 2, oomScoreAdj: 2 }],
  ])('engineResources() gives a container with %s what kubelet gives it', (_, resources, qos, expected) => {
    const app = container('app', { resources })
    const owner = pod({ containers: [app] })
    expect(qosClass(owner)).toBe(qos)
    expect(engineResources(owner, app, NODE_MEMORY)).toEqual(expected)
  })

  it('qosClass() needs every container to be guaranteed', () => {
    const limits = { cpu: '1', memory: '1Gi' }
    const containers = [container('a', { resources: { limits } }), container('b')]
    expect(qosClass(pod({ containers }))).toBe('Burstable')
  })
})

describe('containerConfig()', () => {
  it('containerConfig() expands commands and arguments and takes the security context over', () => {
    const app = container('app', {
      command: ['serve', '--name=$(NAME)'],
      args: ['$$(NAME)', '$(OTHER)'],
      workingDir: '/srv',
      securityContext: {
        runAsUser: 1000,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
      },
    })
    const owner = pod({
      containers: [app],
      securityContext: { runAsUser: 5, runAsGroup: 6, fsGroup: 7, supplementalGroups: [8] },
    })
    const environment = [{ name: 'NAME', value: 'shop' }]
    const config = containerConfig(owner, app, {
      attempt: 3,
      environment,
      mounts: [],
      nodeMemoryBytes: NODE_MEMORY,
      home: 'here',
      imageUser: undefined,
    })
    expect(config).toMatchObject({
      pod: { uid: 'uid-1', namespace: 'shop', name: 'web' },
      name: 'app',
      attempt: 3,
      image: 'app:1',
      command: ['serve', '--name=shop'],
      args: ['$(NAME)', '$(OTHER)'],
      workingDir: '/srv',
      runAsUser: '1000:6',
      supplementalGroups: [7, 8],
      noNewPrivileges: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
      privileged: false,
    })
  })
})

describe('refusalOf()', () => {
  const GUARDED = ['/run/docker.sock', '/var/lib/bowline/agent']
  const privileged = container('app', { securityContext: { privileged: true } })
  const admin = container('app', { securityContext: { capabilities: { add: ['CAP_SYS_ADMIN'] } } })
  const host = (path: string) => ({ volumes: [{ name: 'v', hostPath: { path } }] })

  it.each<[string, Partial<PodSpec>, readonly string[]]>([
    ['a plain pod', {}, []],
    ['a privileged container that the host allows', { containers: [privileged] }, ['privileged']],
    ['a capability that the host allows', { containers: [admin] }, ['capability:SYS_ADMIN']],
    ['a path that the host allows', host('/srv/data'), ['/srv/data']],
    ['a path below one that the host allows', host('/srv/data/x'), ['/srv/']],
    ['an engine socket that the host names', host('/run/docker.sock'), ['/run/docker.sock']],
    ['the folder of such a socket', host('/run'), ['/run', '/run/docker.sock']],
    ['a folder beside it', host('/run/systemd'), ['/run']],
    ['everything, where everything is named', host('/'), ['/', ...GUARDED]],
    [
      'a folder of the agent that the host names',
      host('/var/lib/bowline/agent/x/y'),
      ['/var/lib/bowline/agent/x'],
    ],
    [
      "a capability of the engine's own set",
      { containers: [container('a', { securityContext: { capabilities: { add: ['CHOWN'] } } })] },
      [],
    ],
  ])('refusalOf() lets %s pass', (_, spec, allowed) => {
    expect(refusalOf(pod(spec), { allowHost: allowed, guarded: GUARDED })).toBeUndefined()
  })

  it.each<[string, Partial<PodSpec>, readonly string[], string]>([
    ['a privileged container', { containers: [privileged] }, ['/'], '--allow-host privileged'],
    ['a privileged init container', { initContainers: [privileged] }, [], '--allow-host privileged'],
    ['a strong capability', { containers: [admin] }, [], '--allow-host capability:SYS_ADMIN'],
    ['a path', host('/etc'), ['/etcetera', '/srv'], '--allow-host /etc'],
    ['a path that climbs out', host('/srv/../etc'), ['/srv'], '--allow-host /srv/../etc'],
    [
      'an engine socket below an allowed folder',
      host('/run/docker.sock'),
      ['/', '/run'],
      '--allow-host /run/docker.sock',
    ],
    ['the folder of an engine socket', host('/run/'), ['/run'], '--allow-host /run/docker.sock, too'],
    [
      'everything at all',
      host('/'),
      ['/'],
      '--allow-host /run/docker.sock --allow-host /var/lib/bowline/agent, too',
    ],
    ['everything', host('/'), ['/', '/run/docker.sock'], '--allow-host /var/lib/bowline/agent'],
    [
      'the folders of the agent',
      host('/var/lib/bowline/agent/kept'),
      ['/var/lib'],
      '--allow-host /var/lib/bowline/agent',
    ],
    ['the network of the host', { hostNetwork: true }, ['privileged', '/'], 'hostNetwork'],
    ['the processes of the host', { hostPID: true }, ['privileged'], 'hostPID'],
    ['the IPC of the host', { hostIPC: true }, ['privileged'], 'hostIPC'],
  ])('refusalOf() refuses %s', (_, spec, allowed, text) => {
    const refusal = refusalOf(pod(spec), { allowHost: allowed, guarded: GUARDED })
    expect(refusal?.reason).toBe('HostAccessDenied')
    expect(refusal?.message).toContain(text)
  })

  it.each<[string, Partial<PodSpec>, string]>([
    [
      'a volume of a type that is not built',
      { volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] },
      'UnsupportedVolume',
    ],
    [
      'a projected trust bundle',
      { volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 't' } }] } }] },
      'UnsupportedVolume',
    ],
    [
      'a grpc probe',
      { containers: [container('a', { livenessProbe: { grpc: { port: 1 } } })] },
      'UnsupportedPodSpec',
    ],
    ['a shared process namespace', { shareProcessNamespace: true }, 'UnsupportedPodSpec'],
    ['sysctls', { securityContext: { sysctls: [{ name: 'a', value: 'b' }] } }, 'UnsupportedPodSpec'],
  ])('refusalOf() names %s, rather than to ignore it', (_, spec, reason) => {
    expect(refusalOf(pod(spec), { allowHost: ['privileged', '/'], guarded: [] })?.reason).toBe(reason)
  })
})

describe('pullPolicy() and registryAuth()', () => {
  it.each([
    ['app', 'Always'],
    ['app:latest', 'Always'],
    ['app:1', 'IfNotPresent'],
    ['registry:5000/app', 'Always'],
    ['registry:5000/app:1', 'IfNotPresent'],
    [`app@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  ])('pullPolicy() of %s is %s', (image, policy) => {
    expect(pullPolicy({ name: 'a', image })).toBe(policy)
    expect(pullPolicy({ name: 'a', image, imagePullPolicy: 'Never' })).toBe('Never')
  })

  it.each([
    ['app', 'docker.io'],
    ['team/app', 'docker.io'],
    ['ghcr.io/team/app:1', 'ghcr.io'],
    ['localhost/app', 'localhost'],
    ['host:5000/app', 'host:5000'],
    // Docker Hub has no upper case: it is the name of a host.
    ['REGISTRY/team/app', 'REGISTRY'],
  ])('registryOf() of %s is %s', (image, registry) => {
    expect(registryOf(image)).toBe(registry)
  })

  it('registryAuth() finds the credentials of the registry, and lives with what is malformed', () => {
    const secret = (data: Record<string, string>): Secret => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, btoa(value)])),
    })
    const modern = secret({
      '.dockerconfigjson': JSON.stringify({
        auths: { 'https://index.docker.io/v1/': { auth: btoa('me:pass:word') } },
      }),
    })
    const old = secret({ '.dockercfg': JSON.stringify({ 'ghcr.io': { username: 'u', password: 'p' } }) })
    const broken = secret({ '.dockerconfigjson': '{' })
    const secrets = [broken, modern, old]
    expect(registryAuth('team/app', secrets)).toMatchObject({ username: 'me', password: 'pass:word' })
    expect(registryAuth('ghcr.io/x/y', secrets)).toMatchObject({ username: 'u', password: 'p' })
    expect(registryAuth('quay.io/x/y', secrets)).toBeUndefined()
  })
})
