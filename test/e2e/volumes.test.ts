import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { Hopeless, isReady } from './support/installation.ts'
import { WAIT } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

/** A database in little: each start adds a line, and says what is there. */
const DATABASE = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  namespace: shop
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 1Gi}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: db
  namespace: shop
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector:
    matchLabels: {app: db}
  template:
    metadata:
      labels: {app: db}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: db
          image: ${TEST_IMAGE}
          command: [sh, -c, 'touch /data/log; echo "start $(wc -l < /data/log)" >> /data/log; cat /data/log; ${WAIT}']
          volumeMounts:
            - {name: data, mountPath: /data}
      volumes:
        - name: data
          persistentVolumeClaim: {claimName: data}
`

describe.skipIf(!available)(`volumes on several hosts (${reason})`, { timeout: 240_000 }, () => {
  let hosts: TestHosts
  let fleet: Fleet

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: [2] })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
  }, 120_000)
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  /** The ready pod of the database, once there is one other than `before`. */
  function database(before?: Pod): Promise<Pod> {
    return fleet.until('the database', async () => {
      const { items } = await fleet.client.list(Kinds.Pod, { namespace: 'shop', labelSelector: 'app=db' })
      return items.find(pod => isReady(pod) && pod.metadata.uid !== before?.metadata.uid)
    })
  }

  async function logOf({ metadata }: Pod): Promise<string> {
    return fleet.kubectlOk(['logs', '--namespace', 'shop', metadata.name ?? ''])
  }

  async function restarted(before: Pod): Promise<Pod> {
    await fleet.kubectlOk(['delete', 'pod', '--namespace', 'shop', before.metadata.name ?? ''])
    return database(before)
  }

  const hostOf = ({ spec }: Pod): TestHost => hosts.all.find(({ name }) => name === spec?.nodeName)!
  const otherThan = (host: TestHost): TestHost => hosts.all.find(({ name }) => name !== host.name)!
  const volumesOf = (host: TestHost, ...parts: readonly string[]) =>
    join(fleet.agentFolder(host), 'volumes', ...parts)
  const start = (...lines: readonly number[]) => lines.map(line => `start ${line}\n`).join('')

  async function bowline(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await fleet.bowline(...args)
    expect({ code, stderr, stdout }).toMatchObject({ code: 0 })
    return stdout
  }

  it('a pod finds its data on its host, and waits for that host when it cannot be there', async () => {
    const { code, stdout } = await fleet.deploy('a database', { 'shop/db.yaml': DATABASE })
    expect({ code, stdout }).toMatchObject({ code: 0 })
    const first = await database()
    const host = hostOf(first)
    expect(await logOf(first)).toBe(start(0))
    const second = await restarted(first)
    expect(hostOf(second).name).toBe(host.name)
    expect(await logOf(second)).toBe(start(0, 1))
    expect(await bowline('volume', 'list')).toMatch(
      new RegExp(`shop/data +Bound +${host.name} +1Gi +\\S+ \\S+ +Retain +local +${second.metadata.name}`),
    )
    await fleet.kubectlOk(['cordon', host.name])
    await fleet.kubectlOk(['delete', 'pod', '--namespace', 'shop', second.metadata.name ?? ''])
    const sentence = `The pod waits for host ${host.name}, which is cordoned: the data of its claim "data" is there.`
    await fleet.until('the sentence', async () => (await fleet.bowline('status')).stdout.includes(sentence))
    await fleet.kubectlOk(['uncordon', host.name])
    expect(await logOf(await database(second))).toBe(start(0, 1, 2))
  })

  it('a move takes the data to another host, keeps the original, and Git does not object', async () => {
    const before = await database()
    const [from, to] = [hostOf(before), otherThan(hostOf(before))]
    const [volume = ''] = (await readdir(volumesOf(from))).filter(name => name.startsWith('pvc-'))
    const history = await bowline('history', '--output', 'json')
    const moved = await bowline('volume', 'move', 'shop/data', '--to', to.name)
    expect(moved).toContain('bowline volume confirm shop/data')
    const after = await database(before)
    expect(hostOf(after).name).toBe(to.name)
    expect(await logOf(after)).toBe(start(0, 1, 2, 3))
    const [original = ''] = await readdir(volumesOf(from, '.kept'))
    expect(await readFile(volumesOf(from, '.kept', original, 'data/log'), 'utf8')).toBe(start(0, 1, 2))
    expect(await bowline('volume', 'list')).toContain(`its original is kept on ${from.name}`)
    await bowline('volume', 'confirm', 'shop/data')
    await fleet.until(
      'the original is put aside',
      async () => (await readdir(volumesOf(from, '.kept'))).length === 0,
    )
    expect(await readdir(volumesOf(from, '.trash'))).toHaveLength(1)
    expect(await readdir(volumesOf(to, volume))).toContain('data')
    expect(await bowline('history', '--output', 'json')).toBe(history)
  })

  it('a move goes on after the server was killed in its midst', async () => {
    const before = await database()
    const [from, to] = [hostOf(before), otherThan(hostOf(before))]
    const moving = fleet.spawn(['volume', 'move', 'shop/data', '--to', to.name])
    await fleet.until('the move has begun', async () => {
      if (moving.hasEnded) throw new Hopeless(`the move ended: ${moving.stderr}${moving.stdout}`)
      return /stops its pods|copies from|binds the copy|starts its pods/.test(moving.stdout)
    })
    await fleet.stopServer('SIGKILL')
    await moving.ended
    await fleet.startServer()
    const after = await database(before)
    expect(hostOf(after).name).toBe(to.name)
    expect(await logOf(after)).toBe(start(0, 1, 2, 3, 4))
    await fleet.until('the original is kept', async () =>
      (await fleet.bowline('volume', 'list')).stdout.includes(`its original is kept on ${from.name}`),
    )
    await bowline('volume', 'confirm', 'shop/data')
  })

  it('a snapshot is restored into a new claim beside the old one', async () => {
    const running = await database()
    const { name } = hostOf(running)
    const lines = await logOf(running)
    const [id = ''] = (await bowline('volume', 'snapshot', 'shop/data')).split(' ')
    await restarted(running)
    expect(await bowline('volume', 'snapshots', 'shop/data')).toContain(id)
    await bowline('volume', 'restore', 'shop/data', '--snapshot', id, '--as', 'earlier')
    const reader = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'reader', namespace: 'shop' },
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'reader',
            image: TEST_IMAGE,
            command: ['cat', '/data/log'],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'earlier' } }],
      },
    }
    await fleet.kubectlOk(['create', '-f', '-'], JSON.stringify(reader))
    const done = await fleet.until('the reader', async () => {
      const pod = await fleet.client.get(Kinds.Pod, 'reader', { namespace: 'shop' })
      return pod.status?.phase === 'Succeeded' ? pod : undefined
    })
    expect(done.spec?.nodeName).toBe(name)
    expect(await logOf(done)).toBe(lines)
  })

  it('what leaves Git leaves its data on the host', async () => {
    const running = await database()
    const host = hostOf(running)
    const folders = await readdir(volumesOf(host))
    await fleet.kubectlOk(['delete', 'pod', 'reader', '--namespace', 'shop'])
    const commit = await fleet.repository.push('no shop any more\n\nBowline-Allow-Delete: all', {
      'shop/db.yaml': null,
    })
    await fleet.bowline('follow', commit)
    await fleet.until('the claim is gone', async () => {
      const { items } = await fleet.client.list(Kinds.PersistentVolumeClaim, { namespace: 'shop' })
      return items.length === 0
    })
    expect(await bowline('volume', 'list')).toMatch(new RegExp(`shop/data +Released +${host.name}`))
    expect(await readdir(volumesOf(host))).toEqual(folders)
  })
})
