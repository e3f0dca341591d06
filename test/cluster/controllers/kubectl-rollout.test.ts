import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { startControllers } from '../../../src/cluster/controllers/index.ts'
import { formatTime, Kinds } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestApi, type TestApi } from '../api/support/api-server.ts'
import { kubectlOk } from '../api/support/kubectl.ts'

let api: TestApi
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi()
  stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const pods = informers.of(Kinds.Pod)
  // Every pod is ready as soon as it is seen, on no node at all: only the controllers are at work here.
  const start = (name: string, namespace: string) => {
    const lastTransitionTime = formatTime(systemClock.now())
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }]
    const body = { status: { phase: 'Running', conditions } }
    void api.client
      .patch(Kinds.Pod, name, { type: 'strategic', body }, { namespace, subresource: 'status' })
      .catch(() => {})
  }
  pods.subscribe({ added: ({ metadata }) => start(metadata.name ?? '', metadata.namespace ?? '') })
  running = Promise.all([
    startControllers({ ...context, informers }).start(stop.signal),
    informers.start(stop.signal),
  ])
})

afterEach(async () => {
  stop.abort()
  await running
  await api.close()
})

const kubectl = (...args: string[]) => kubectlOk(api, args)

/** With what kubectl, when it undoes, leaves out or fills in as Go's types do: zeros and a divisor. */
const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        hostNetwork: false,
        containers: [
          {
            name: 'web',
            image: 'web:1',
            env: [
              { name: 'EMPTY', value: '' },
              { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
            ],
            readinessProbe: { tcpSocket: { port: 80 }, initialDelaySeconds: 0 },
          },
        ],
      },
    },
  },
}

describe('kubectl against the controllers', () => {
  it('rolls out, tells the history, undoes, restarts, scales and deletes', async () => {
    await kubectlOk(api, ['create', '-f', '-'], JSON.stringify(web))
    expect(await kubectl('rollout', 'status', 'deployment/web', '--timeout=15s')).toContain(
      'successfully rolled out',
    )

    await kubectl('set', 'image', 'deployment/web', 'web=web:2')
    await kubectl('annotate', 'deployment/web', 'kubernetes.io/change-cause=second')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=15s')
    await eventually('the cause in the history', async () =>
      /2\s+second/.test(await kubectl('rollout', 'history', 'deployment/web')),
    )

    expect(await kubectl('rollout', 'undo', 'deployment/web')).toContain('rolled back')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=15s')
    expect(
      await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    ).toBe('web:1')
    const history = await kubectl('rollout', 'history', 'deployment/web')
    expect(history).toMatch(/^3\s/m)
    expect(history).not.toMatch(/^1\s/m)

    await kubectl('rollout', 'restart', 'deployment/web')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=15s')
    await kubectl('rollout', 'pause', 'deployment/web')
    await kubectl('scale', 'deployment/web', '--replicas=4')
    await kubectl('wait', '--for=jsonpath={.status.availableReplicas}=4', 'deployment/web', '--timeout=15s')
    await kubectl('rollout', 'resume', 'deployment/web')

    const described = await kubectl('describe', 'deployment', 'web')
    expect(described).toMatch(/ScalingReplicaSet\s.*Scaled up replica set web-\w+ from 0 to 2/)
    expect(described).toMatch(/Available\s+True\s+MinimumReplicasAvailable/)
    await kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=15s')
    expect(await kubectl('get', 'replicasets,pods', '-o', 'name')).toBe('')
  })
})
