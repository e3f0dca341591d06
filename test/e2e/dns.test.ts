import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type DecodedPacket,
  decode,
  encode,
  RECURSION_DESIRED,
  type RecordType,
  streamEncode,
} from 'dns-packet'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Fleet } from '../support/fleet.ts'
import { TestHosts, testHostsAvailability } from '../support/hosts.ts'
import type { Place } from '../support/place.ts'

const { available, reason } = testHostsAvailability()

/** Two hosts, a server and five pods, each of which may take its minute on a busy machine. */
const SETUP_MS = 400_000

const SERVE = 'trap "exit 0" TERM; busybox httpd -f -p 8080 -h /etc & wait'
const WAIT = 'trap "exit 0" TERM; sleep 100000 & wait'

/** Two pods that serve, found by a service with an address, a headless one and their own names; and a name of somewhere else. */
const MANIFEST = `
apiVersion: v1
kind: Namespace
metadata: { name: dns }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: dns }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: sub, namespace: dns }
spec:
  clusterIP: None
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: ext, namespace: dns }
spec: { type: ExternalName, externalName: foo.example.com }
${podManifest('web-1', 'h1', SERVE, 'hostname: busybox-1\n  subdomain: sub')}
${podManifest('web-2', 'h2', SERVE, 'hostname: busybox-2\n  subdomain: sub')}
`

/** Pods that start once the services are known, so that their variables are, too. */
const ASKERS = `
${podManifest('asker', 'h1', WAIT, 'hostAliases: [{ ip: 192.0.2.9, hostnames: [alias-1, alias-2] }]')}
${podManifest(
  'own-servers',
  'h1',
  WAIT,
  `dnsPolicy: None
  dnsConfig: { nameservers: [1.1.1.1], searches: [resolv.conf.local], options: [{ name: ndots, value: "2" }] }`,
)}
${podManifest('as-host', 'h1', WAIT, 'dnsPolicy: Default')}
`

function podManifest(name: string, nodeName: string, script: string, more: string): string {
  return `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: dns, labels: { app: ${name.split('-')[0]} } }
spec:
  nodeName: ${nodeName}
  terminationGracePeriodSeconds: 1
  ${more}
  containers:
    - { name: main, image: ${TEST_IMAGE}, command: [sh, -c, '${script}'] }`
}

describe.skipIf(!available)(`names of the cluster (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  /** The network of a pod of the first host, where questions come from. */
  let asker: Place
  /** What its resolver file names. */
  let server: string

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 2 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
    await fleet.kubectlOk(['apply', '-f', '-'], MANIFEST)
    await fleet.readyPods('dns', 2)
    await fleet.kubectlOk(['apply', '-f', '-'], ASKERS)
    await fleet.readyPods('dns', 5)
    asker = await fleet.inside(await pod('asker'))
    server = /^nameserver (\S+)$/m.exec(await inside('asker', 'cat', '/etc/resolv.conf'))?.[1] ?? ''
  }, SETUP_MS)
  afterAll(async () => {
    await asker?.close()
    await fleet?.destroy()
    await hosts?.destroy()
  })

  function pod(name: string): Promise<Pod> {
    return fleet.pod('dns', name)
  }

  /** Runs a command in a pod's container, with the files and programs that the container sees. */
  async function inside(name: string, ...command: readonly string[]): Promise<string> {
    const { spec, status } = await pod(name)
    const host = hosts.all.find(candidate => candidate.name === spec?.nodeName)
    const id = (status?.containerStatuses?.[0]?.containerID ?? '').replace('docker://', '')
    if (host === undefined) throw new Error(`the pod ${name} runs nowhere`)
    return await host.runOk('docker', ['-H', `unix://${host.engine.socketPath}`, 'exec', id, ...command])
  }

  async function ask(name: string, type: RecordType = 'A'): Promise<DecodedPacket & { rcode: string }> {
    const query = encode({ type: 'query', id: 7, flags: RECURSION_DESIRED, questions: [{ name, type }] })
    return decode(await asker.askByUdp(server, 53, query)) as DecodedPacket & { rcode: string }
  }

  async function askByTcp(name: string): Promise<readonly unknown[]> {
    const socket = await asker.connect(server, 53)
    const answer = new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve).once('error', reject)
    })
    socket.write(streamEncode({ type: 'query', questions: [{ name, type: 'A' }] }))
    const bytes = await answer
    socket.destroy()
    return dataOf(decode(bytes.subarray(2)))
  }

  /** The answers once they are what is expected. */
  function answers(name: string, type: RecordType, expected: readonly unknown[]): Promise<unknown> {
    return fleet.until(`${type} ${name} to be ${JSON.stringify(expected)}`, async () => {
      const found = dataOf(await ask(name, type))
      return JSON.stringify(found) === JSON.stringify([...expected].sort())
    })
  }

  async function addressOf(name: string): Promise<string> {
    return (await pod(name)).status?.podIP ?? ''
  }

  async function clusterIpOf(name: string, namespace: string): Promise<string> {
    return (await fleet.client.get(Kinds.Service, name, { namespace })).spec?.clusterIP ?? ''
  }

  it('pods ask their own host, with the cluster’s search list', async () => {
    const { spec } = await fleet.client.get(Kinds.Node, 'h1')
    expect(server).toBe(spec?.podCIDR?.replace(/\.0\/\d+$/, '.1'))
    const file = await inside('asker', 'cat', '/etc/resolv.conf')
    expect(file).toMatch(/^search dns\.svc\.cluster\.local svc\.cluster\.local cluster\.local\b/m)
    expect(file).toMatch(/^options ndots:5$/m)
  })

  it('the API is found by its name, by UDP and TCP', async () => {
    const address = await clusterIpOf('kubernetes', 'default')
    await answers('kubernetes.default.svc.cluster.local', 'A', [address])
    expect(await askByTcp('kubernetes.default.svc.cluster.local')).toEqual([address])
  })

  it('a service is found by its name, its port and its address', async () => {
    const address = await clusterIpOf('web', 'dns')
    await answers('web.dns.svc.cluster.local', 'A', [address])
    expect(dataOf(await ask('_http._tcp.web.dns.svc.cluster.local', 'SRV'))).toMatchObject([
      { port: 80, target: 'web.dns.svc.cluster.local' },
    ])
    const reverse = `${address.split('.').reverse().join('.')}.in-addr.arpa`
    expect(dataOf(await ask(reverse, 'PTR'))).toEqual(['web.dns.svc.cluster.local'])
    expect(await ask('web.dns.svc.cluster.local', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] })
    expect(await ask('nothing.dns.svc.cluster.local')).toMatchObject({ rcode: 'NXDOMAIN' })
  })

  it('a headless service is its pods on all hosts, each by its own name', async () => {
    const [first, second] = [await addressOf('web-1'), await addressOf('web-2')]
    await answers('sub.dns.svc.cluster.local', 'A', [first, second])
    expect(dataOf(await ask('busybox-1.sub.dns.svc.cluster.local'))).toEqual([first])
    expect(dataOf(await ask('busybox-2.sub.dns.svc.cluster.local'))).toEqual([second])
    const targets = dataOf(await ask('_http._tcp.sub.dns.svc.cluster.local', 'SRV'))
    expect(targets).toHaveLength(2)
    expect(targets).toContainEqual(
      expect.objectContaining({ port: 8080, target: 'busybox-1.sub.dns.svc.cluster.local' }),
    )
  })

  it('programs find services by partial names and get an answer from there', async () => {
    // With the machine's C library and programs, in the pod's network and by the pod's own file: the image has a static busybox.
    const file = join(fleet.folder, 'resolv.conf')
    await writeFile(file, await inside('asker', 'cat', '/etc/resolv.conf'))
    const names = ['web', 'web.dns', 'web.dns.svc', 'web.dns.svc.cluster.local', 'sub', 'busybox-2.sub']
    for (const name of names) {
      const url = `http://${name}${name.includes('sub') ? ':8080' : ''}/passwd`
      const script = `fetch('${url}').then(r => r.text()).then(console.log, e => { console.error(e.cause); process.exit(1) })`
      const command = `mount --bind ${file} /etc/resolv.conf && exec '${process.execPath}' -e "$0"`
      const page = await fleet.until(`an answer from ${name}`, () =>
        asker.runOk('unshare', ['--mount', 'sh', '-c', command, script]),
      )
      expect(page).toContain('root:')
    }
  })

  it('a pod knows its own full name, and what it was told of others', async () => {
    const address = await addressOf('web-1')
    expect(await inside('web-1', 'hostname')).toBe('busybox-1\n')
    expect(await inside('web-1', 'cat', '/etc/hosts')).toContain(
      `${address}\tbusybox-1.sub.dns.svc.cluster.local\tbusybox-1\n`,
    )
    const hosts = await inside('asker', 'cat', '/etc/hosts')
    expect(hosts.split('\n')[0]).toBe('# Kubernetes-managed hosts file.')
    expect(hosts).toContain('192.0.2.9\talias-1\talias-2\n')
  })

  it('a pod may name its own servers, or the host’s', async () => {
    expect(await inside('own-servers', 'cat', '/etc/resolv.conf')).toBe(
      'search resolv.conf.local\nnameserver 1.1.1.1\noptions ndots:2\n',
    )
    const asHost = await inside('as-host', 'cat', '/etc/resolv.conf')
    expect(asHost).toMatch(/^nameserver /m)
    expect(asHost).not.toContain('cluster.local')
  })

  it('containers learn of services by variables', async () => {
    const variables = await inside('asker', 'env')
    expect(variables).toContain(`WEB_SERVICE_HOST=${await clusterIpOf('web', 'dns')}\n`)
    expect(variables).toContain('WEB_SERVICE_PORT_HTTP=80\n')
    expect(variables).toContain(`KUBERNETES_SERVICE_HOST=${await clusterIpOf('kubernetes', 'default')}\n`)
  })

  it('an external name is followed as it changes, and when it becomes an address', async () => {
    const name = 'ext.dns.svc.cluster.local'
    await answers(name, 'CNAME', ['foo.example.com'])
    const patch = (spec: object) =>
      fleet.kubectlOk([
        'patch',
        'service',
        'ext',
        '-n',
        'dns',
        '--type=merge',
        '-p',
        JSON.stringify({ spec }),
      ])
    await patch({ externalName: 'bar.example.com' })
    await answers(name, 'CNAME', ['bar.example.com'])
    await patch({ type: 'ClusterIP', externalName: null, ports: [{ port: 80 }] })
    await answers(name, 'A', [await clusterIpOf('ext', 'dns')])
  })

  it('names are known while the server is away, also to an agent that starts then', async () => {
    const address = await clusterIpOf('web', 'dns')
    const host = hosts.host(1)
    await fleet.stopServer('SIGKILL')
    expect(dataOf(await ask('web.dns.svc.cluster.local'))).toEqual([address])
    await fleet.stopAgent(host, 'SIGKILL')
    await fleet.startAgent(host)
    await answers('web.dns.svc.cluster.local', 'A', [address])
    expect(await ask('nothing.dns.svc.cluster.local')).toMatchObject({ rcode: 'NXDOMAIN' })
    await fleet.startServer()
    await fleet.untilReady(host)
    await answers('web.dns.svc.cluster.local', 'A', [address])
  })
})

function dataOf({ answers = [] }: DecodedPacket): unknown[] {
  return answers.map(answer => ('data' in answer ? answer.data : undefined)).sort()
}
