import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FolderStore } from '../../src/agents/volumes/index.ts'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { type Container, Kinds, type PersistentVolume, type PodSpec } from '../../src/kube/index.ts'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { isReady, NODE, podUntil, startDockerAgent, type TestAgent, until } from './support/test-agent.ts'

const { available, reason } = testEngineAvailability()
const NAMESPACE = { namespace: 'default' }
const { signal } = new AbortController()

/** Upstream wants to know of a local volume where it is. */
const onNode = {
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }] },
    ],
  },
}

describe.skipIf(!available)(`claims of pods over a Docker Engine (${reason})`, { timeout: 60_000 }, () => {
  let engine: TestEngine
  let agent: TestAgent

  beforeAll(async () => {
    engine = await startTestEngine()
  })
  afterEach(() => agent?.close())
  afterAll(() => engine?.destroy())

  /** A claim and a volume that are bound to each other, as the binder leaves them. */
  async function bind(
    name: string,
    spec: Partial<NonNullable<PersistentVolume['spec']>>,
    accessModes: readonly string[] = ['ReadWriteOnce'],
  ): Promise<void> {
    const request = { accessModes, resources: { requests: { storage: '1Gi' } }, storageClassName: '' }
    const claim = await agent.client.create(
      Kinds.PersistentVolumeClaim,
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name },
        spec: { ...request, volumeName: name },
      },
      NAMESPACE,
    )
    const { uid = '' } = claim.metadata
    await agent.client.create(Kinds.PersistentVolume, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        accessModes,
        capacity: { storage: '1Gi' },
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...NAMESPACE, name, uid },
        ...spec,
      },
    })
    const status = { phase: 'Bound' }
    const body = { status }
    await agent.client.patch(
      Kinds.PersistentVolumeClaim,
      name,
      { type: 'merge', body },
      { ...NAMESPACE, subresource: 'status' },
    )
  }

  /** The same for a folder on this host, which the store of its agent made. */
  async function bindFolder(
    name: string,
    accessModes?: readonly string[],
    node: string = NODE,
  ): Promise<void> {
    const csi = { driver: 'local.bowline.dev', volumeHandle: name, volumeAttributes: { node } }
    await bind(name, { csi }, accessModes)
    await folders().create(name, { ...NAMESPACE, name, uid: 'claim' }, undefined, signal)
  }

  function folders(): FolderStore {
    return new FolderStore({
      folder: join(agent.folder, 'volumes'),
      nodeName: NODE,
      users: async () => [],
      clock: systemClock,
      ids: systemIds,
      log: silentLogger,
    })
  }

  function using(claimName: string, script: string, mount: object = {}): Partial<PodSpec> {
    const container: Container = {
      name: 'app',
      image: TEST_IMAGE,
      imagePullPolicy: 'IfNotPresent',
      command: ['sh', '-c', `${script}; trap "exit 0" TERM; sleep 1000 & wait`],
      volumeMounts: [{ name: 'data', mountPath: '/data', ...mount }],
    }
    return { containers: [container], volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] }
  }

  async function output(pod: string): Promise<string> {
    const { containerStatuses = [] } = (await agent.pod(pod)).status ?? {}
    const id = containerStatuses[0]?.containerID?.replace('docker://', '') ?? ''
    let text = ''
    for await (const line of agent.runtime.logs(id, { follow: false }, signal)) text += line.text
    return text
  }

  async function replaced(pod: string): Promise<void> {
    await agent.client.delete(Kinds.Pod, pod, NAMESPACE)
    await until(`${pod} is gone`, async () => (await agent.pod(pod).catch(() => undefined)) === undefined)
  }

  const waitsFor = (pod: string, message: string) =>
    until(`${pod} says: ${message}`, async () =>
      (await agent.events(pod)).some(
        event => event.reason === 'FailedMount' && (event.message ?? '').includes(message),
      ),
    )

  it('what a pod writes is there for the one that replaces it, also after a restart of the agent', async () => {
    agent = await startDockerAgent(engine)
    await bindFolder('data')
    await agent.createPod('db-0', using('data', 'echo first >> /data/log'))
    await podUntil(agent, 'db-0', isReady)
    await replaced('db-0')
    await agent.stop()
    await agent.start({ reopen: true })
    await agent.createPod('db-0', using('data', 'echo second >> /data/log; cat /data/log'))
    await podUntil(agent, 'db-0', isReady)
    await until('it has read', async () => (await output('db-0')) === 'first\nsecond\n')
  })

  it('a claim can be mounted in part, for reading only, and for a group', async () => {
    agent = await startDockerAgent(engine)
    await bindFolder('data')
    const spec = using('data', 'id -G; touch /data/x && echo written', { subPath: 'part' })
    await agent.createPod('part', { ...spec, securityContext: { fsGroup: 3456, runAsUser: 1000 } })
    await podUntil(agent, 'part', isReady)
    const root = join(agent.folder, 'volumes/data/data')
    expect((await stat(root)).gid).toBe(3456)
    expect((await stat(root)).mode & 0o7777).toBe(0o2777)
    await agent.createPod('reader', using('data', 'touch /data/y; ls /data', { readOnly: true }))
    await podUntil(agent, 'reader', isReady)
    await until('it was refused', async () => (await output('reader')).includes('Read-only file system'))
    expect(await output('reader')).toContain('part')
  })

  it('a pod waits, and says for what, until its claim is there and bound', async () => {
    agent = await startDockerAgent(engine)
    await agent.createPod('db-0', using('data', 'true'))
    await waitsFor('db-0', 'persistentvolumeclaim "data" not found')
    await bindFolder('data')
    await podUntil(agent, 'db-0', isReady)
  })

  it.each<[string, (name: string) => Promise<void>, string]>([
    [
      'whose folder is missing',
      async name =>
        bind(name, {
          csi: { driver: 'local.bowline.dev', volumeHandle: name, volumeAttributes: { node: NODE } },
        }),
      'is its disk mounted?',
    ],
    ['on another host', name => bindFolder(name, undefined, 'host-9'), 'is on host host-9, not here'],
    [
      'of a path that the host does not allow',
      name => bind(name, { hostPath: { path: '/etc' } }),
      'which this host does not allow',
    ],
    [
      'that is a block device',
      name => bind(name, { hostPath: { path: '/tmp' }, volumeMode: 'Block' }),
      'volumeMode "Block" is not supported on this node',
    ],
    [
      'of an engine that the host does not allow',
      async name => {
        await engine.docker.createVolume({ Name: 'theirs' })
        await bind(name, { csi: { driver: 'docker.bowline.dev', volumeHandle: 'theirs' } })
      },
      'its agent must be started with --allow-host docker-volume:theirs',
    ],
    [
      'of a driver that is not there',
      name => bind(name, { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } }),
      'CSI driver ebs.csi.aws.com is not supported on this node',
    ],
  ])('a volume %s is not mounted', async (_, prepare, message) => {
    agent = await startDockerAgent(engine)
    await prepare('data')
    await agent.createPod('db-0', using('data', 'true'))
    await waitsFor('db-0', message)
    expect((await agent.pod('db-0')).status?.phase).toBe('Pending')
  })

  it('a volume of a path that the host allows is that path', async () => {
    const disk = await mkdtemp(join(tmpdir(), 'bowline-disk-'))
    agent = await startDockerAgent(engine, { allowHost: [tmpdir()] })
    await writeFile(join(disk, 'file'), 'here\n')
    await bind('data', { local: { path: disk }, nodeAffinity: onNode })
    await agent.createPod('db-0', using('data', 'cat /data/file; echo more > /data/other'))
    await podUntil(agent, 'db-0', isReady)
    await until('it has read', async () => (await output('db-0')) === 'here\n')
    const other = join(disk, 'other')
    await until('it has written', async () => (await readFile(other, 'utf8').catch(() => '')) === 'more\n')
    await rm(disk, { recursive: true })
  })

  it('a held claim lets no pod begin, and leaves the one that has it', async () => {
    agent = await startDockerAgent(engine)
    await bindFolder('data')
    await agent.createPod('first', using('data', 'true'))
    await podUntil(agent, 'first', isReady)
    const hold = (held: string | null) =>
      agent.client.patch(
        Kinds.PersistentVolumeClaim,
        'data',
        { type: 'merge', body: { metadata: { annotations: { 'volume.bowline.dev/held': held } } } },
        NAMESPACE,
      )
    await hold('it moves')
    await agent.createPod('second', using('data', 'true'))
    await waitsFor('second', 'persistentvolumeclaim "data" is held: it moves')
    expect(isReady((await agent.pod('first')).status ?? {})).toBe(true)
    await hold(null)
    await podUntil(agent, 'second', isReady)
  })

  it('a ReadWriteOncePod claim is mounted by one pod at a time', async () => {
    agent = await startDockerAgent(engine)
    await bindFolder('data', ['ReadWriteOncePod'])
    await agent.createPod('first', using('data', 'true'))
    await podUntil(agent, 'first', isReady)
    await agent.createPod('second', using('data', 'true'))
    await waitsFor('second', 'is ReadWriteOncePod and in use by another pod')
    await replaced('first')
    await podUntil(agent, 'second', isReady)
  })

  it('a volume that the engine has already is adopted by its name, and never made', async () => {
    agent = await startDockerAgent(engine, { allowHost: ['docker-volume:legacy', 'docker-volume:typo'] })
    await engine.docker.createVolume({ Name: 'legacy' })
    const before = await engine.docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ['sh', '-c', 'echo of before > /data/file'],
      HostConfig: { Binds: ['legacy:/data'], NetworkMode: 'none' },
    })
    await before.start()
    await before.wait()
    await before.remove()
    await bind('data', { csi: { driver: 'docker.bowline.dev', volumeHandle: 'legacy' } })
    await agent.createPod('db-0', using('data', 'cat /data/file; echo of now >> /data/file'))
    await podUntil(agent, 'db-0', isReady)
    await until('it has read', async () => (await output('db-0')) === 'of before\n')
    await replaced('db-0')
    expect((await engine.docker.getVolume('legacy').inspect()).Name).toBe('legacy')
    await bind('other', { csi: { driver: 'docker.bowline.dev', volumeHandle: 'typo' } })
    await agent.createPod('db-1', using('other', 'true'))
    await waitsFor('db-1', 'this host has no Docker volume "typo"')
    const { Volumes } = await engine.docker.listVolumes()
    expect(Volumes.map(({ Name }) => Name)).not.toContain('typo')
  })

  it('a share of another machine is mounted by the engine, whose words say why it is not', async () => {
    agent = await startDockerAgent(engine)
    await bind('data', {
      nfs: { server: '127.0.0.1', path: '/export/data' },
      mountOptions: ['nfsvers=4.1', 'soft', 'timeo=10', 'retrans=1', 'port=1'],
    })
    await agent.createPod('db-0', using('data', 'true'))
    // Nothing serves the share at that port, and this kernel may not even know NFS: the engine tried, and says so.
    await until('the engine says why', async () => {
      const { containerStatuses = [] } = (await agent.pod('db-0')).status ?? {}
      const message = containerStatuses[0]?.state?.waiting?.message ?? ''
      return message.includes('/export/data') && message.includes('mount')
    })
    const { Volumes } = await engine.docker.listVolumes()
    const share = Volumes.find(({ Name }) => Name.startsWith('bowline-nfs-'))
    expect(share?.Options).toEqual({
      type: 'nfs',
      o: 'addr=127.0.0.1,rw,nfsvers=4.1,soft,timeo=10,retrans=1,port=1',
      device: ':/export/data',
    })
    // It does not hold up the end of the pod.
    await replaced('db-0')
  })
})
