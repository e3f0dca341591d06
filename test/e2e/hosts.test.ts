import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import type { Pod } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { PATIENCE_MS } from './support/installation.ts'
import { webDeployment } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

function restarts({ status }: Pod): number {
  return status?.containerStatuses?.[0]?.restartCount ?? 0
}

describe.skipIf(!available)(`hosts on one machine (${reason})`, () => {
  let hosts: TestHosts
  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: [2, 1] })
  })
  afterAll(() => hosts?.destroy())

  /** Serves its name over HTTP on a host until the test ends it. */
  async function serve(number: number, port: number) {
    const host = hosts.host(number)
    const script = `require('node:http').createServer((q, r) => r.end(q.socket.remoteAddress.replace('::ffff:', '') + ' at ${host.name}')).listen(${port}, () => console.log('ready'))`
    const program = host.spawn(process.execPath, ['-e', script])
    await eventually('the web server', () => program.stdout.includes('ready'), PATIENCE_MS)
    return program
  }

  it('reach each other on a link, and across sites by the router', async () => {
    const programs = [await serve(2, 8080), await serve(3, 8080)]
    for (const number of [2, 3]) {
      const { address, name } = hosts.host(number)
      const { body } = await hosts.host(1).request(`http://${address}:8080/`)
      expect(body).toBe(`${hosts.host(1).address} at ${name}`)
    }
    const port = await hosts.server.forward(hosts.host(3).address, 8080)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(`${hosts.server.address} at h3`)
    for (const program of programs) await program.stop()
    await expect(hosts.host(1).request(`http://${hosts.host(2).address}:8080/`)).rejects.toThrow(
      'ECONNREFUSED',
    )
  })

  it('a cut cable isolates a host until it is mended', async () => {
    const [one, two] = [hosts.host(1), hosts.host(2)]
    const program = await serve(2, 8081)
    await two.cutCable()
    await expect(one.request(`http://${two.address}:8081/`, { timeoutMs: 500 })).rejects.toThrow()
    await two.mendCable()
    await eventually(
      'the host to be back',
      () =>
        one.request(`http://${two.address}:8081/`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      PATIENCE_MS,
    )
    await program.stop()
  })

  it('a reboot ends every process of the host, containers too, and keeps what is on disk', async () => {
    const host = hosts.host(1)
    const container = await host.engine.docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ['sleep', '100000'],
      HostConfig: { NetworkMode: 'none' },
    })
    await container.start()
    const { State } = await container.inspect()
    const program = host.spawn('sleep', ['100000'])
    await host.reboot()
    expect((await program.ended).code).not.toBe(0)
    await expect(host.request('http://10.200.0.254:1/')).rejects.toThrow('ECONNREFUSED')
    const after = await container.inspect()
    expect(after.State.Running).toBe(false)
    // Killed it is; until its new parent has looked, its number is still taken.
    await vi.waitFor(() => expect(() => process.kill(State.Pid, 0)).toThrow(), { timeout: 10_000 })
    await container.start()
    expect((await container.inspect()).State.Running).toBe(true)
  })

  it('a container is a place to act from', async () => {
    const host = hosts.host(2)
    const container = await host.engine.docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ['sleep', '100000'],
    })
    await container.start()
    const place = await host.container(container.id)
    const script = `const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, { address, port }) => s.send(m, port, address)); s.bind(5353, '${host.address}')`
    const program = host.spawn(process.execPath, ['-e', script])
    try {
      const { address } = host
      const answer = await eventually(
        'an answer by UDP',
        () => place.askByUdp(address, 5353, Buffer.from('hello'), 1_000).catch(() => undefined),
        PATIENCE_MS,
      )
      expect(answer.toString()).toBe('hello')
    } finally {
      await place.close()
      await program.stop('SIGKILL')
    }
  })

  it('leave nothing behind', async () => {
    const other = await TestHosts.start({ hosts: 1 })
    const { namespace, path } = other.host(1)
    other.host(1).spawn('sleep', ['100000'])
    await other.destroy()
    const list = await hosts.host(1).runOk('ip', ['netns', 'list'])
    expect(list).not.toContain(namespace)
    expect(list).not.toContain(other.server.namespace)
    expect(path).toContain(namespace)
  })
})

describe.skipIf(!available)(`a server and an agent per host (${reason})`, () => {
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

  async function podOf({ name }: TestHost): Promise<Pod> {
    const pods = await fleet.readyPods('default', 2)
    const pod = pods.find(({ spec }) => spec?.nodeName === name)
    if (pod === undefined) throw new Error(`no pod on ${name}`)
    return pod
  }

  it('run what is pushed, on every host', async () => {
    await fleet.deploy('a web server', { 'web/web.yaml': webDeployment('web', 'hello', 2) })
    const pods = await fleet.readyPods('default', 2)
    expect(new Set(pods.map(({ spec }) => spec?.nodeName))).toEqual(new Set(['h1', 'h2']))
    expect(await fleet.kubectlOk(['get', 'nodes', '-o', 'name'])).toBe('node/h1\nnode/h2\n')
  })

  it('a rebooted host runs its pods again', async () => {
    const host = hosts.host(1)
    const before = await podOf(host)
    await fleet.reboot(host)
    await fleet.untilReady(host)
    const pod = await fleet.until('the pod to run again', async () => {
      const now = await podOf(host)
      return now.metadata.uid === before.metadata.uid && restarts(now) > restarts(before) && now
    })
    const place = await fleet.inside(pod)
    expect((await place.request('http://127.0.0.1:8080/')).body).toBe('hello\n')
    await place.close()
  })
})
