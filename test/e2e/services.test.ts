import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type Service } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Fleet } from '../support/fleet.ts'
import { TestHosts, testHostsAvailability } from '../support/hosts.ts'
import type { Place } from '../support/place.ts'
import { WAIT } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

/** Tells every caller which pod answers, and whom it takes the caller for; leaves its services while there is /tmp/away. */
const WHO = [
  'mkdir -p /tmp/cgi-bin && cd /tmp/cgi-bin',
  `printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n"; echo "$(hostname) $REMOTE_ADDR"\\n' >who`,
  `chmod +x who && httpd -p 8080 -h /tmp; ${WAIT}`,
].join('; ')

function pod(name: string, nodeName: string, labels: object, script: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: TEST_IMAGE,
          command: ['sh', '-c', script],
          readinessProbe: { periodSeconds: 1, exec: { command: ['test', '!', '-e', '/tmp/away'] } },
        },
      ],
    },
  }
}

function service(name: string, selector: object, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...more },
  }
}

function policy(ingress: readonly object[]): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress },
  }
}

/** A pod that serves and one that asks on each host. */
const OBJECTS = [
  ...['h1', 'h2'].flatMap(host => [
    pod(`web-${host}`, host, { app: 'web', host }, WHO),
    pod(`asker-${host}`, host, { app: 'asker', host }, WAIT),
  ]),
  service('near', { app: 'web', host: 'h1' }, { type: 'NodePort', externalTrafficPolicy: 'Local' }),
  service('own', { app: 'web' }, { internalTrafficPolicy: 'Local' }),
  service('loyal', { app: 'web' }, { sessionAffinity: 'ClientIP' }),
  service('web', { app: 'web' }, { type: 'NodePort' }),
  service('front', { app: 'web' }, { type: 'LoadBalancer', ports: [{ port: 8088, targetPort: 8080 }] }),
]

interface Answer {
  /** The pod that answered. */
  readonly pod: string
  /** Whom it took for the client. */
  readonly client: string
}

describe.skipIf(!available)(`services over two hosts (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  /** The networks of the pods that ask, by host. */
  const askers = new Map<string, Place>()

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 2 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
    await apply(...OBJECTS)
    await fleet.readyPods('default', 4)
    for (const { name } of hosts.all)
      askers.set(name, await fleet.inside(await fleet.pod('default', `asker-${name}`)))
  }, 300_000)
  afterAll(async () => {
    for (const asker of askers.values()) await asker.close()
    await fleet?.destroy()
    await hosts?.destroy()
  })

  async function apply(...objects: readonly object[]): Promise<void> {
    const documents = objects.map(object => JSON.stringify(object))
    await fleet.kubectlOk(['apply', '-f', '-'], documents.join('\n'))
  }

  function serviceOf(name: string): Promise<Service> {
    return fleet.client.get(Kinds.Service, name, { namespace: 'default' })
  }

  async function clusterIp(name: string): Promise<string> {
    return `${(await serviceOf(name)).spec?.clusterIP}:80`
  }

  async function nodePort(name: string): Promise<number> {
    return (await serviceOf(name)).spec?.ports?.[0]?.nodePort ?? 0
  }

  function asker(host: string): Place {
    const place = askers.get(host)
    if (place === undefined) throw new RangeError(`nobody asks on ${host}`)
    return place
  }

  async function ask(from: Place, at: string): Promise<Answer> {
    const { body } = await from.request(`http://${at}/cgi-bin/who`, { timeoutMs: 1_500 })
    const [pod = '', client = ''] = body.trim().split(' ')
    return { pod, client: /\d+(?:\.\d+){3}/.exec(client)?.[0] ?? client }
  }

  /** Asks until every one of these pods has answered, and no other has. */
  async function untilAnsweredBy(
    from: Place,
    at: string,
    pods: readonly string[],
  ): Promise<readonly Answer[]> {
    const wanted = [...pods].sort().join(' ')
    return fleet.until(`${wanted} at ${at}`, async () => {
      const answers: Answer[] = []
      for (let asked = 0; asked < 12; asked += 1) answers.push(await ask(from, at))
      return [...new Set(answers.map(({ pod }) => pod))].sort().join(' ') === wanted && answers
    })
  }

  /** Why nothing came of a connection; undefined when something did. */
  async function refusal(from: Place, at: string): Promise<string | undefined> {
    return ask(from, at).then(
      () => undefined,
      (error: Error) => error.message,
    )
  }

  async function inPod(name: string, ...command: readonly string[]): Promise<void> {
    const { spec, status } = await fleet.pod('default', name)
    const host = hosts.all.find(candidate => candidate.name === spec?.nodeName)
    const id = (status?.containerStatuses?.[0]?.containerID ?? '').replace('docker://', '')
    await host?.runOk('docker', ['-H', `unix://${host.engine.socketPath}`, 'exec', id, ...command])
  }

  it('a cluster address is answered by the pods of all hosts, who see the address of the pod that asks', async () => {
    const at = await clusterIp('web')
    for (const { name } of hosts.all) {
      const { status } = await fleet.pod('default', `asker-${name}`)
      const answers = await untilAnsweredBy(asker(name), at, ['web-h1', 'web-h2'])
      expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([status?.podIP]))
    }
    for (const host of hosts.all) await untilAnsweredBy(host, at, ['web-h1', 'web-h2'])
  })

  it('a pod reaches itself by the address of its service', async () => {
    const at = await clusterIp('web')
    const self = await fleet.inside(await fleet.pod('default', 'web-h1'))
    try {
      await untilAnsweredBy(self, at, ['web-h1', 'web-h2'])
    } finally {
      await self.close()
    }
  })

  it('with an internal traffic policy of Local the pods of the own host answer alone', async () => {
    const at = await clusterIp('own')
    for (const { name } of hosts.all) await untilAnsweredBy(asker(name), at, [`web-${name}`])
  })

  it('with affinity by the address of the client the same pod answers each time', async () => {
    const at = await clusterIp('loyal')
    for (const { name } of hosts.all) {
      const { pod } = await fleet.until('the first answer', () => ask(asker(name), at))
      for (let asked = 0; asked < 20; asked += 1) expect((await ask(asker(name), at)).pod).toBe(pod)
    }
  })

  it('a node port leads from outside to the pods of all hosts, at every host', async () => {
    const port = await nodePort('web')
    for (const host of hosts.all)
      await untilAnsweredBy(hosts.outside, `${host.address}:${port}`, ['web-h1', 'web-h2'])
  })

  it('with an external traffic policy of Local a host with a pod shows it who asks, and one without is silent', async () => {
    const port = await nodePort('near')
    const [first, second] = hosts.all
    const answers = await untilAnsweredBy(hosts.outside, `${first?.address}:${port}`, ['web-h1'])
    expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([`10.200.0.254`]))
    expect(await refusal(hosts.outside, `${second?.address}:${port}`)).toMatch(/too long/)
    // From inside the cluster the policy does not count.
    await untilAnsweredBy(asker('h2'), await clusterIp('near'), ['web-h1'])
  })

  it('a pod that is not ready is asked by no host, until it is ready again', async () => {
    const at = await clusterIp('web')
    await inPod('web-h2', 'touch', '/tmp/away')
    for (const { name } of hosts.all) await untilAnsweredBy(asker(name), at, ['web-h1'])
    await inPod('web-h2', 'rm', '/tmp/away')
    for (const { name } of hosts.all) await untilAnsweredBy(asker(name), at, ['web-h1', 'web-h2'])
  })

  it('a policy keeps everybody away, then lets one pod through, and all of them when it is gone', async () => {
    const at = await clusterIp('web')
    await apply(policy([]))
    for (const { name } of hosts.all)
      await fleet.until(`${name} to be kept away`, async () => {
        for (let asked = 0; asked < 4; asked += 1)
          if ((await refusal(asker(name), at)) === undefined) return false
        return true
      })
    const friend = { podSelector: { matchLabels: { app: 'asker', host: 'h1' } } }
    await apply(policy([{ from: [friend], ports: [{ port: 8080 }] }]))
    await untilAnsweredBy(asker('h1'), at, ['web-h1', 'web-h2'])
    for (let asked = 0; asked < 4; asked += 1) expect(await refusal(asker('h2'), at)).toMatch(/too long/)
    await fleet.kubectlOk(['delete', 'networkpolicy', 'web'])
    await untilAnsweredBy(asker('h2'), at, ['web-h1', 'web-h2'])
  })

  it('a host that gets another address is followed by all others while its agent runs', async () => {
    const host = hosts.host(1)
    const before = host.address
    const balanced = () =>
      fleet.until('the addresses of the load balancer', async () => {
        const { status } = await serviceOf('front')
        const found = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).sort()
        return found.length === hosts.all.length && found.join(' ')
      })
    expect(await balanced()).toBe(`${before} ${hosts.host(2).address}`)
    await host.changeAddress('10.200.0.51')
    await fleet.until('the new address', async () => {
      const { status } = await fleet.client.get(Kinds.Node, host.name)
      const { status: podStatus } = await fleet.pod('default', 'web-h1')
      return (
        status?.addresses?.find(({ type }) => type === 'InternalIP')?.address === host.address &&
        podStatus?.hostIP === host.address
      )
    })
    const at = await clusterIp('web')
    for (const { name } of hosts.all) await untilAnsweredBy(asker(name), at, ['web-h1', 'web-h2'])
    for (const port of [await nodePort('web'), 8088])
      await untilAnsweredBy(hosts.outside, `${host.address}:${port}`, ['web-h1', 'web-h2'])
    expect(await balanced()).toBe(`${hosts.host(2).address} ${host.address}`)
    await fleet.until('logs', async () => (await fleet.kubectl(['logs', 'web-h1'])).code === 0)
  })
})
