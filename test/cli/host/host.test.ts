import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/index.ts'
import { type Deployment, Kinds, LEAVING_ANNOTATION, type Pod } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { CliWorld } from '../cli-world.ts'

const namespace = 'default'

describe('bowline host', () => {
  let world: CliWorld
  beforeAll(async () => {
    world = await CliWorld.create({ nodes: ['host-1', 'host-2'] })
    await eventually('two ready hosts', async () => {
      const { items } = await world.client.list(Kinds.Node)
      return (
        items.length === 2 &&
        items.every(({ status }) =>
          status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
        )
      )
    })
  })
  afterAll(() => world.close())

  const pods = async (node?: string): Promise<readonly Pod[]> => {
    const { items } = await world.client.list(Kinds.Pod, { namespace })
    return items.filter(
      ({ spec, status }) => (node === undefined || spec?.nodeName === node) && status?.phase !== 'Failed',
    )
  }
  const isReady = ({ status, metadata }: Pod) =>
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

  async function deploy(
    name: string,
    replicas: number,
    spec: Partial<NonNullable<Pod['spec']>> = {},
  ): Promise<void> {
    const deployment: Deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'app:1' }], ...spec },
        },
      },
    }
    await world.client.create(Kinds.Deployment, deployment, { namespace })
    await eventually(`${replicas} ready pods of ${name}`, async () => {
      const own = (await pods()).filter(({ metadata }) => metadata.labels?.app === name)
      return own.filter(isReady).length === replicas
    })
  }

  it('list shows every host with what it carries', async () => {
    await deploy('web', 3)
    const { code, out } = await world.bowline(['host', 'list'])
    expect(code).toBe(0)
    expect(out).toMatch(/^HOST +STATE +ADDRESS +PODS +CPU +MEMORY +VERSION +AGE$/m)
    expect(out).toMatch(/^host-1 +Ready +127\.0\.0\.1 +\d\/110 /m)
    const json = JSON.parse((await world.bowline(['host', 'list', '-o', 'json'])).out)
    expect(json.map(({ name }: { name: string }) => name)).toEqual(['host-1', 'host-2'])
    expect(json.reduce((sum: number, { pods }: { pods: number }) => sum + pods, 0)).toBe(3)
  })

  it('drain empties a host, and no Deployment ever has fewer ready pods than it wants', async () => {
    await deploy('single', 1)
    const seen: string[] = []
    const stop = new AbortController()
    const watching = (async () => {
      while (!stop.signal.aborted) {
        const all = await pods()
        for (const [app, wanted] of [
          ['web', 3],
          ['single', 1],
        ] as const) {
          const ready = all.filter(pod => pod.metadata.labels?.app === app && isReady(pod)).length
          if (ready < wanted) seen.push(`${app} has ${ready} of ${wanted}`)
        }
        await systemClock.sleep(20)
      }
    })()
    const { code, out } = await world.bowline(['host', 'drain', 'host-1', '--timeout', '60'])
    stop.abort()
    await watching
    expect(out).toContain('host host-1 is empty')
    expect(code).toBe(0)
    expect(seen).toEqual([])
    expect(await pods('host-1')).toEqual([])
    expect((await pods('host-2')).filter(isReady)).toHaveLength(4)
    expect((await world.bowline(['host', 'list'])).out).toMatch(/host-1 +Ready, cordoned/)
  })

  it('drain does not wait for a replacement that finds no host while the pod is there', async () => {
    await world.bowline(['host', 'uncordon', 'host-1'])
    const labelSelector = { matchLabels: { app: 'apart' } }
    const rule = { topologyKey: 'kubernetes.io/hostname', labelSelector }
    await deploy('apart', 2, {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [rule] } },
    })
    const { code, out } = await world.bowline(['host', 'drain', 'host-2', '--timeout', '60'])
    expect([code, out]).toEqual([0, expect.stringContaining('host host-2 is empty')])
    await world.bowline(['host', 'uncordon', 'host-2'])
    await eventually('both again', async () => {
      const own = (await pods()).filter(
        pod => pod.metadata.labels?.app === 'apart' && isReady(pod) && pod.spec?.nodeName !== undefined,
      )
      return own.length === 2
    })
    await world.client.delete(Kinds.Deployment, 'apart', { namespace })
    await eventually('none', async () =>
      (await pods()).every(({ metadata }) => metadata.labels?.app !== 'apart'),
    )
  })

  it('drain says what stays and why, and ends with 1; with --force it goes', async () => {
    await world.bowline(['host', 'uncordon', 'host-1'])
    const bare: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'bare', namespace },
      spec: {
        nodeName: 'host-1',
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'app', image: 'app:1' }],
      },
    }
    await world.client.create(Kinds.Pod, bare, { namespace })
    await eventually('it runs', async () => isReady(await world.client.get(Kinds.Pod, 'bare', { namespace })))
    const { code, out } = await world.bowline(['host', 'drain', 'host-1'])
    expect(code).toBe(1)
    expect(out).toContain('default/bare stays: no controller would replace it')
    expect((await world.bowline(['host', 'drain', 'host-1', '--force'])).code).toBe(0)
  })

  it('drain that cannot end in time ends with 124 and says what is left; uncordon takes it back', async () => {
    await deploy('late', 2)
    // Nowhere to go.
    const unschedulable = (value: true | null) =>
      world.client.patch(Kinds.Node, 'host-1', {
        type: 'merge',
        body: { spec: { unschedulable: value } },
      })
    await unschedulable(true)
    const { code, out } = await world.bowline(['host', 'drain', 'host-2', '--timeout', '3'])
    expect(code).toBe(124)
    expect(out).toMatch(/host host-2 is not empty after 3 s: \d+ pods are left/)
    expect(out).toMatch(/waits: its replacement is not ready yet/)
    expect((await pods('host-2')).filter(isReady).length).toBeGreaterThan(0)
    expect((await world.bowline(['host', 'uncordon', 'host-2'])).out).toBe('host host-2 takes pods again')
    const node = await world.client.get(Kinds.Node, 'host-2')
    expect(node.spec?.unschedulable ?? false).toBe(false)
    await eventually('nobody leaves any more', async () =>
      (await pods()).every(({ metadata }) => metadata.annotations?.[LEAVING_ANNOTATION] === undefined),
    )
    await unschedulable(null)
  })

  it('remove refuses a ready host with pods, and takes Node, lease and pods with --force', async () => {
    await eventually('pods on host-2', async () => (await pods('host-2')).length > 0)
    const refused = await world.bowline(['host', 'remove', 'host-2'])
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/Cannot remove host host-2: it is ready and has \d+ pods/)
    expect(refused.err).toContain('bowline host drain host-2')
    await world.client.delete(Kinds.Deployment, 'late', { namespace })
    const { code, out } = await world.bowline(['host', 'remove', 'host-2', '--force'])
    expect(code).toBe(0)
    expect(out).toMatch(/host host-2 is removed, with \d+ pods/)
  })
})
