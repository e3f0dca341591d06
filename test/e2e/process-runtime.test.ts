import { Resolver } from 'node:dns/promises'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loopbackAddress } from '../../src/agents/network/proxy/index.ts'
import { Kinds, type Service } from '../../src/kube/index.ts'
import { scriptDeployment } from './support/manifests.ts'
import { Site } from './support/site.ts'

/** Where there is no engine: pods are processes, and everything above them is the same. */
describe.skipIf(platform() !== 'linux')('bowline up --runtime process', () => {
  let site: Site

  beforeAll(async () => {
    site = await Site.create({ main: inject('bowlineMain'), nodes: 2 })
    await site.repository.push('one', { 'app.yaml': app('one') })
    await site.start()
  })
  afterAll(async () => {
    if (site === undefined) return
    if (!site.server.hasEnded) await site.stop()
    await site.start(['--stop-containers'])
    await site.destroy()
    expect(await processes('two')).toEqual([])
  })

  function app(version: string): string {
    return scriptDeployment(
      'app',
      `echo running ${version} on $HOSTNAME; while sleep 1; do : bowline-e2e-${version}; done`,
      2,
    )
  }

  /** The process ids of shells that run the app's script. */
  async function processes(version: string): Promise<readonly number[]> {
    const found: number[] = []
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
      if (words[0] === 'sh' && words[2]?.includes(`bowline-e2e-${version};`)) found.push(Number(pid))
    }
    return found.sort()
  }

  it('a pushed commit runs, its logs can be read, and the next one replaces it', async () => {
    const [pod] = await site.readyPods('default', 2)
    expect(await site.kubectlOk(['logs', pod?.metadata.name ?? ''])).toMatch(/^running one on /)
    expect(pod?.status?.podIP).toMatch(/^127\./)
    expect((await site.deploy('two', { 'app.yaml': app('two') })).code).toBe(0)
    await site.readyPods('default', 2)
    expect(await processes('two')).toHaveLength(2)
    await site.until('the old ones to end', async () => (await processes('one')).length === 0)
  })

  it('a killed process is started again, and recorded as drift', async () => {
    const [pid] = await processes('two')
    if (pid === undefined) throw new Error('nothing runs')
    process.kill(pid, 'SIGKILL')
    await site.until('the record', async () =>
      (await site.records('origin')).some(
        ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      ),
    )
    await site.readyPods('default', 2)
  })

  it('processes outlive agents and servers, and are adopted', async () => {
    const before = await processes('two')
    expect(before).toHaveLength(2)
    for (const pid of (await site.agents()).values()) process.kill(pid, 'SIGKILL')
    await site.stop()
    expect(await processes('two')).toEqual(before)
    await site.start()
    const pods = await site.readyPods('default', 2)
    await site.until(
      'the tunnel',
      async () => (await site.kubectl(['logs', pods[0]?.metadata.name ?? ''])).code === 0,
    )
    expect(await processes('two')).toEqual(before)
  })

  describe('services', () => {
    /** Whoever runs as `nobody` must see what is in it. */
    let folder: string
    /** Answers with its name, and is ready unless there is a file of that name; listens at the address that it was given. */
    const SERVER = `
      const { NAME, ADDRESS, FOLDER } = process.env
      require('http')
        .createServer(({ url }, answer) => {
          answer.statusCode = url === '/ready' && require('fs').existsSync(FOLDER + '/' + NAME) ? 503 : 200
          answer.end(NAME)
        })
        .listen(8080, ADDRESS)`
    /** Asks for ever, by nothing but the variables of the service, and tells who answered. */
    const CLIENT = `
      const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT_HTTP: port } = process.env
      console.log('asking ' + host)
      const ask = () => require('http')
        .get({ host, port, agent: false }, answer => answer.setEncoding('utf8').on('data', name => console.log(name)))
        .on('error', ({ code }) => console.log(code))
      setInterval(ask, 100)`

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bowline-ready-'))
      await chmod(folder, 0o755)
      const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
      const container = (script: string, more: object) => ({
        name: 'main',
        image: 'none',
        command: ['node', '-e', script],
        env: [
          field('NAME', 'metadata.name'),
          field('ADDRESS', 'status.podIP'),
          { name: 'FOLDER', value: folder },
        ],
        ...more,
      })
      const labels = { app: 'web' }
      const service = (name: string, spec: object) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'shop' },
        spec: { selector: labels, ports: [{ name: 'http', port: 8090, targetPort: 'web' }], ...spec },
      })
      const probe = { httpGet: { port: 'web', path: '/ready' }, periodSeconds: 1, failureThreshold: 1 }
      const server = container(SERVER, {
        ports: [{ name: 'web', containerPort: 8080 }],
        readinessProbe: probe,
      })
      const items = [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
        service('web', {}),
        service('sticky', { type: 'NodePort', sessionAffinity: 'ClientIP' }),
        service('headless', { clusterIP: 'None' }),
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web', namespace: 'shop' },
          spec: {
            replicas: 2,
            selector: { matchLabels: labels },
            template: {
              metadata: { labels },
              spec: { terminationGracePeriodSeconds: 1, containers: [server] },
            },
          },
        },
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'client', namespace: 'shop', labels: { app: 'client' } },
          spec: { terminationGracePeriodSeconds: 1, containers: [container(CLIENT, {})] },
        },
      ]
      for (const item of items) await site.kubectlOk(['create', '-f', '-'], JSON.stringify(item))
      await site.readyPods('shop', 3)
    })
    afterAll(async () => {
      if (site !== undefined && !site.server.hasEnded) await site.kubectl(['delete', 'namespace', 'shop'])
      await rm(folder, { recursive: true })
    })

    const service = (name: string) => site.client.get(Kinds.Service, name, { namespace: 'shop' })
    const addressOf = ({ spec }: Service) => loopbackAddress(spec?.clusterIP ?? '')
    async function serverNames(): Promise<readonly string[]> {
      const pods = await site.pods('shop', 'app=web')
      return pods.map(({ metadata }) => metadata.name ?? '').sort()
    }
    const scale = (replicas: number) =>
      site.kubectlOk(['scale', 'deployment/web', '-n', 'shop', `--replicas=${replicas}`])
    /** Waits until the client has had these answers and no others for a while. */
    async function untilAnswered(what: string, by: readonly string[]): Promise<void> {
      await site.until(what, async () => {
        const log = await site.kubectlOk(['logs', 'client', '-n', 'shop', '--tail=20'])
        const answers = [...new Set(log.split('\n').filter(line => line !== ''))].sort()
        return JSON.stringify(answers) === JSON.stringify(by)
      })
    }

    it('a pod reaches a service by its variables, and follows the ready ones', async () => {
      const names = await serverNames()
      expect(names).toHaveLength(2)
      await untilAnswered('both to answer', names)
      expect(await site.kubectlOk(['logs', 'client', '-n', 'shop'])).toContain(
        `asking ${addressOf(await service('web'))}\n`,
      )
      const [first = '', second = ''] = names
      await writeFile(join(folder, first), '')
      await untilAnswered('the ready one to answer alone', [second])
      await rm(join(folder, first))
      await untilAnswered('both to answer again', names)
    })

    it('without pods a service refuses, until there are some again', async () => {
      await scale(0)
      await untilAnswered('it to refuse', ['ECONNREFUSED'])
      await scale(2)
      await site.readyPods('shop', 3)
      await untilAnswered('the new ones to answer', await serverNames())
    })

    it('a node port answers at 127.0.0.1, and affinity keeps a client at its pod', async () => {
      const { spec } = await service('sticky')
      const answers = new Set<string>()
      const ask = async () => await (await fetch(`http://127.0.0.1:${spec?.ports?.[0]?.nodePort}/`)).text()
      await site.until('an answer', ask)
      for (let request = 0; request < 20; request += 1) answers.add(await ask())
      expect([...answers]).toHaveLength(1)
      expect(await serverNames()).toContain([...answers][0])
    })

    it.skipIf(process.getuid?.() !== 0)(
      'who asks the DNS server at its loopback address is told what it reaches',
      async () => {
        const resolver = new Resolver({ timeout: 1_000, tries: 3 })
        resolver.setServers(['127.43.0.10'])
        const web = await service('web')
        const found = await site.until('names', () => resolver.resolve4('web.shop.svc.cluster.local'))
        expect(found).toEqual([addressOf(web)])
        const pods = await site.pods('shop', 'app=web')
        expect((await resolver.resolve4('headless.shop.svc.cluster.local')).sort()).toEqual(
          pods.map(({ status }) => status?.podIP ?? '').sort(),
        )
        expect(await resolver.reverse(addressOf(web))).toEqual(['web.shop.svc.cluster.local'])
        await expect(resolver.resolve4('none.shop.svc.cluster.local')).rejects.toMatchObject({
          code: 'ENOTFOUND',
        })
      },
    )

    it('services answer again when the agents that served them were killed', async () => {
      const before = await site.agents()
      for (const pid of before.values()) process.kill(pid, 'SIGKILL')
      await site.until('other agents', async () => {
        const now = await site.agents()
        return now.size === 2 && [...now.values()].every(pid => ![...before.values()].includes(pid))
      })
      await untilAnswered('both to answer', await serverNames())
    })
  })
})
