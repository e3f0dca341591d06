import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { startControllers } from '../../../src/cluster/controllers/index.ts'
import { formatTime, Kinds, type Pod } from '../../../src/kube/index.ts'
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
  // Every pod but a broken one is ready as soon as it is seen, on no node at all: only the controllers are at work here.
  const start = ({ metadata, spec }: Pod) => {
    if (spec?.containers[0]?.image?.includes('broken')) return
    const lastTransitionTime = formatTime(systemClock.now())
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }]
    const body = { metadata: { uid: metadata.uid }, status: { phase: 'Running', conditions } }
    const options = { namespace: metadata.namespace ?? '', subresource: 'status' }
    void api.client
      .patch(Kinds.Pod, metadata.name ?? '', { type: 'strategic', body }, options)
      .catch(() => {})
  }
  informers.of(Kinds.Pod).subscribe({ added: start })
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
const rolledOut = () => kubectl('rollout', 'status', 'statefulset/db', '--timeout=30s')
const image = () => kubectl('get', 'pod', 'db-1', '-o', 'jsonpath={.spec.containers[0].image}')

const db = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db' },
  spec: {
    serviceName: 'db',
    replicas: 2,
    selector: { matchLabels: { app: 'db' } },
    template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'db:1' }] } },
  },
}

describe('kubectl against the StatefulSet controller', () => {
  beforeEach(async () => {
    await kubectlOk(api, ['create', '-f', '-'], JSON.stringify(db))
    expect(await rolledOut()).toContain('partitioned roll out complete: 2 new pods have been updated')
  })

  it('rolls out, tells the history, and undoes', async () => {
    // It finds that the set is at its newest revision: what is kept is what kubectl itself would write.
    expect(await kubectl('rollout', 'undo', 'statefulset/db', '--to-revision=1')).toContain(
      'skipped rollback',
    )

    await kubectl('annotate', 'statefulset/db', 'kubernetes.io/change-cause=second')
    await kubectl('set', 'image', 'statefulset/db', 'db=db:2')
    await rolledOut()
    expect(await image()).toBe('db:2')
    expect(await kubectl('rollout', 'history', 'statefulset/db')).toMatch(/1\s+<none>\n2\s+second/)
    expect(await kubectl('rollout', 'history', 'statefulset/db', '--revision=1')).toMatch(/Image:\s+db:1/)

    expect(await kubectl('rollout', 'undo', 'statefulset/db')).toContain('rolled back')
    await rolledOut()
    expect(await image()).toBe('db:1')
    expect(await kubectl('rollout', 'history', 'statefulset/db')).toMatch(/2\s+second\n3\s+<none>/)

    // A mistake, and its undoing, which needs nobody to delete the pod that never came up.
    await kubectl('set', 'image', 'statefulset/db', 'db=db:broken')
    await kubectl('wait', '--for=jsonpath={.spec.containers[0].image}=db:broken', 'pod/db-1', '--timeout=30s')
    await kubectl('rollout', 'undo', 'statefulset/db')
    await rolledOut()
    expect(await image()).toBe('db:1')
  })

  it('restarts, scales, describes and deletes', async () => {
    await kubectl('rollout', 'restart', 'statefulset/db')
    await rolledOut()
    await kubectl('scale', 'statefulset/db', '--replicas=3')
    await rolledOut()
    expect(await kubectl('get', 'statefulset', 'db')).toMatch(/db\s+3\/3/)
    const described = await kubectl('describe', 'statefulset', 'db')
    expect(described).toMatch(/SuccessfulCreate\s.*create Pod db-0 in StatefulSet db successful/)
    expect(described).toMatch(/Pods Status:\s+3 Running/)
    await kubectl('delete', 'statefulset', 'db', '--cascade=foreground', '--timeout=30s')
    expect(await kubectl('get', 'controllerrevisions,pods', '-o', 'name')).toBe('')
  })
})
