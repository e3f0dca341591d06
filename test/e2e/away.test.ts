import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { isReady } from './support/installation.ts'
import { scriptPod, WAIT } from './support/manifests.ts'

/** Hosts that are switched off and on again take their time on a busy machine. */
const HOST_MS = 300_000

const { available, reason } = testHostsAvailability()

describe.skipIf(!available)(`hosts whose server is away, and hosts that go (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 2 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
  })
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  /** The containers of pods that run on a host, as its engine sees them. */
  async function running(host: TestHost): Promise<readonly string[]> {
    const label = ['bowline.dev/type=container']
    const found = await host.engine.docker.listContainers({ filters: { label } })
    return found.map(({ Id }) => Id).sort()
  }

  /** What a reboot takes besides the processes. */
  async function forgetMemory(host: TestHost): Promise<void> {
    // Those of other agents come and go meanwhile.
    for (const parent of ['/run/bowline', `/dev/shm/bowline-${process.getuid?.()}`])
      for (const name of await readdir(parent).catch(() => []))
        if (
          (await readFile(join(parent, name, 'data-dir'), 'utf8').catch(() => '')) === fleet.agentFolder(host)
        )
          await rm(join(parent, name), { recursive: true })
  }

  it(
    'a rebooted host starts its pods with their Secrets while the server is away, and nothing again when it is back',
    async () => {
      const [host] = hosts.all
      if (host === undefined) throw new Error('there is no host')
      await fleet.kubectlOk(
        ['apply', '-f', '-'],
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'keys' },
          stringData: { password: 'hunter2' },
        }),
      )
      const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'password' } } }]
      const volumeMounts = [{ name: 'keys', mountPath: '/keys' }]
      await fleet.kubectlOk(
        ['create', '-f', '-'],
        scriptPod(
          'keeper',
          `echo "env $PASSWORD, file $(cat /keys/password)"; ${WAIT}`,
          { env, volumeMounts },
          { nodeName: host.name, volumes: [{ name: 'keys', secret: { secretName: 'keys' } }] },
        ),
      )
      await fleet.until('the pod', async () => isReady(await fleet.pod('default', 'keeper')))
      const before = await running(host)

      await fleet.stopServer('SIGKILL')
      await host.powerOff()
      await fleet.stopAgent(host, 'SIGKILL')
      await forgetMemory(host)
      await host.powerOn()
      await fleet.startAgent(host)
      const [again = ''] = await fleet.until('the pod to run again', async () => {
        const found = await running(host)
        return found.length === 1 && found
      })
      expect(before).not.toContain(again)
      const said = await host.engine.docker.getContainer(again).logs({ stdout: true })
      expect(said.toString()).toContain('env hunter2, file hunter2')

      await fleet.startServer()
      await fleet.untilReady(...hosts.all)
      await fleet.until('its status to be told', async () => {
        const pod = await fleet.pod('default', 'keeper')
        const status = pod.status?.containerStatuses?.[0]
        return isReady(pod) && status?.containerID === `docker://${again}` && status.restartCount === 1
      })
      expect(await running(host)).toEqual([again])
    },
    HOST_MS,
  )

  it(
    'a host that was removed while it was off ends its pods when it returns, and joins again with a token',
    async () => {
      const host = hosts.all[1]
      if (host === undefined) throw new Error('there is no second host')
      await fleet.kubectlOk(['create', '-f', '-'], scriptPod('stranded', WAIT, {}, { nodeName: host.name }))
      await fleet.until('the pod', async () => isReady(await fleet.pod('default', 'stranded')))
      await host.powerOff()
      await fleet.stopAgent(host, 'SIGKILL')
      const removed = await fleet.bowline('host', 'remove', host.name, '--force')
      expect(removed.stdout).toContain(`host ${host.name} is removed, with 1 pods`)
      expect((await fleet.kubectl(['get', 'pod', 'stranded'])).stderr).toContain('NotFound')

      await host.powerOn()
      const refused = await (await fleet.startAgent(host)).ended
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain(`Cannot go on as node "${host.name}": it was removed from the cluster`)
      expect(await running(host)).toEqual([])
      await rm(join(fleet.agentFolder(host), 'node-identity.json'))
      await fleet.startAgent(host)
      await fleet.untilReady(host)
      expect((await fleet.client.get(Kinds.Node, host.name)).metadata.name).toBe(host.name)
      expect((await fleet.bowline('host', 'list')).stdout).toMatch(new RegExp(`^${host.name} +Ready`, 'm'))
    },
    HOST_MS,
  )
})
