import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type NFSVolumeSource, type Pod } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Guest, guestProblem } from '../support/guest/guest.ts'
import { WAIT } from './support/manifests.ts'
import { isReady, Site } from './support/site.ts'

const problem = guestProblem()

/** The guest serves it, from /srv/data. */
const SHARE: NFSVolumeSource = { server: '127.0.0.1', path: '/data' }

/** A volume that is a share, and the claim of its name that gets it. */
function claimOn(
  name: string,
  nfs: NFSVolumeSource,
  mountOptions: readonly string[] = [],
): readonly object[] {
  const common = { accessModes: ['ReadWriteMany'], storageClassName: '' }
  const source = { persistentVolumeReclaimPolicy: 'Retain', mountOptions, nfs }
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { ...common, ...source, capacity: { storage: '1Gi' } },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { ...common, volumeName: name, resources: { requests: { storage: '1Gi' } } },
    },
  ]
}

interface Use {
  readonly claim: string
  readonly script: string
  readonly readOnly?: boolean
}

/** A pod with a container for each claim, which has it at /data and is called like it. */
function user(name: string, ...uses: readonly Use[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      // Its files would be in this machine's memory, which the guest has no part in.
      automountServiceAccountToken: false,
      containers: uses.map(({ claim, script, readOnly = false }) => ({
        name: claim,
        image: TEST_IMAGE,
        command: ['sh', '-c', `${script}; ${WAIT}`],
        volumeMounts: [{ name: claim, mountPath: '/data', readOnly }],
      })),
      volumes: uses.map(({ claim }) => ({ name: claim, persistentVolumeClaim: { claimName: claim } })),
    },
  }
}

/** The address 203.0.113.9 and port 2049 as /proc/net/tcp has them. */
const AWAY = '097100CB:0801'

/** Shares that a kernel mounts, on a host with a kernel of its own: this machine's may have no NFS client. */
describe.skipIf(problem !== undefined)(`shares of an NFS server (${problem ?? 'on a guest'})`, () => {
  let guest: Guest
  let site: Site

  beforeAll(async () => {
    guest = await Guest.start()
    site = await Site.create({ main: inject('bowlineMain'), engine: guest, parent: guest.shared })
    await site.repository.push('nothing yet', { 'README.md': 'empty' })
    await site.start()
  })
  afterAll(async () => {
    // The engine still waits for the server that is away, and the agent for the engine.
    await guest?.run('kill -KILL $(cat /run/docker.pid)')
    await site?.destroy()
    await guest?.destroy()
  })

  async function apply(...items: readonly object[]): Promise<void> {
    await site.kubectlOk(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  }
  function ready(name: string): Promise<Pod> {
    return site.until(`${name} to be ready`, async () => {
      const pod = await site.pod('default', name)
      return isReady(pod) && pod
    })
  }
  async function warnings(pod: string): Promise<readonly string[]> {
    const { items } = await site.client.list(Kinds.Event, { namespace: 'default' })
    return items
      .filter(({ type, involvedObject }) => type === 'Warning' && involvedObject?.name === pod)
      .map(({ reason, message }) => `${reason}: ${message}`)
  }
  const mounts = () => guest.run('grep " nfs4 " /proc/mounts')

  it('a pod writes to a share and another reads it, and one that cannot be mounted is named and holds up neither', async () => {
    await apply(
      ...claimOn('lost', { ...SHARE, path: '/lost' }),
      // Nobody is there, and it says no `soft`: the kernel tries for minutes.
      ...claimOn('away', { server: '203.0.113.9', path: '/data' }),
      user('waiting', { claim: 'lost', script: 'true' }, { claim: 'away', script: 'true' }),
    )
    await site.until('the engine to mount the share of the server that is away', async () =>
      (await guest.run('cat /proc/net/tcp')).includes(AWAY),
    )
    await apply(
      ...claimOn('docs', SHARE, ['soft', 'timeo=50']),
      user('writer', { claim: 'docs', script: 'echo hello > /data/file' }),
    )
    await ready('writer')
    await site.until(
      'the file to be on the server',
      async () => (await guest.run('cat /srv/data/file')) === 'hello\n',
    )
    const [mount = '', ...others] = (await mounts()).trimEnd().split('\n')
    expect(others).toEqual([])
    expect(mount).toMatch(/^:\/data .*\brw\b.*\bvers=4\.2\b.*\bsoft\b.*\btimeo=50\b/)

    await apply(
      user('reader', { claim: 'docs', script: 'cat /data/file; touch /data/other', readOnly: true }),
    )
    await ready('reader')
    await site.until('it to read, and not to write', async () =>
      /^hello\n.*Read-only file system/.test(await site.kubectlOk(['logs', 'reader'])),
    )
    expect((await mounts()).trimEnd().split('\n')).toEqual([mount])

    await site.until('the pod to say what is away', async () =>
      (await warnings('waiting')).some(text => /^FailedMount: .*203\.0\.113\.9:\/data/.test(text)),
    )
    const { containerStatuses = [] } = (await site.pod('default', 'waiting')).status ?? {}
    const lost = containerStatuses.find(({ name }) => name === 'lost')?.state?.terminated?.message
    expect(lost).toMatch(/mount :\/lost:.*addr=127\.0\.0\.1,.*no such file or directory/)
    const { items: events } = await site.client.list(Kinds.Event)
    expect(events.map(({ reason }) => reason)).not.toContain('NodeNotReady')
  })

  it('a share is unmounted when no pod has it any more, and what is in it stays without the claim', async () => {
    await site.kubectlOk(['delete', 'pod', 'reader', 'writer'])
    await site.until('it to be unmounted', async () => (await mounts()) === '')
    await site.kubectlOk(['delete', 'pvc', 'docs'])
    await site.until('the volume to be released', async () => {
      const { status } = await site.client.get(Kinds.PersistentVolume, 'docs')
      return status?.phase === 'Released'
    })
    expect(await guest.run('cat /srv/data/*')).toBe('hello\n')
  })
})
