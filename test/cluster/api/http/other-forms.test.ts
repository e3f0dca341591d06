import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, type Question } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const OLD = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers'
const NEW = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
const CORE_EVENTS = '/api/v1/namespaces/default/events'
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'

async function json(path: string, question: Question = {}) {
  const reply = await ask(api, path, question)
  expect(reply.code, reply.text).toBeLessThan(300)
  return reply.json
}

const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
}
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }

describe('an autoscaler in the old version', () => {
  it('loses nothing of what only the new version can say, whoever writes it', async () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } }
    const made = await json(NEW, {
      method: 'POST',
      body: {
        metadata: { name: 'both' },
        spec: { scaleTargetRef, maxReplicas: 3, metrics: [memory], behavior },
      },
    })
    const old = await json(`${OLD}/both`)
    expect(old.spec).toEqual({ scaleTargetRef, minReplicas: 1, maxReplicas: 3 })
    expect(JSON.parse(old.metadata.annotations['autoscaling.alpha.kubernetes.io/metrics'])).toEqual([memory])
    const changed = await json(`${OLD}/both`, {
      method: 'PUT',
      body: { ...old, spec: { ...old.spec, maxReplicas: 9, targetCPUUtilizationPercentage: 70 } },
    })
    expect(changed.spec.targetCPUUtilizationPercentage).toBe(70)
    const next = await json(`${NEW}/both`)
    expect(next.metadata.annotations).toBeUndefined()
    expect(next.spec).toEqual({
      ...made.spec,
      maxReplicas: 9,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
        memory,
      ],
    })
  })

  it('is measured by its processors when it says nothing, and may hold any text in its annotations', async () => {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '[null]' }
    const made = await json(OLD, {
      method: 'POST',
      body: { metadata: { name: 'plain', annotations }, spec: { scaleTargetRef, maxReplicas: 2 } },
    })
    expect(made.spec.targetCPUUtilizationPercentage).toBe(80)
    expect(made.metadata.annotations).toEqual(annotations)
  })

  it('is refused in the words of both', async () => {
    const bad = await ask(api, OLD, {
      method: 'POST',
      body: { metadata: { name: 'bad' }, spec: { scaleTargetRef, minReplicas: 5, maxReplicas: 2 } },
    })
    expect(bad.code).toBe(422)
    expect(bad.json.details.causes[0]).toMatchObject({
      field: 'spec.maxReplicas',
      message: 'Invalid value: 2: must be greater than or equal to `minReplicas`',
    })
  })

  it('is patched, applied, selected and deleted as the one object that it is', async () => {
    const applied = await json(`${OLD}/applied?fieldManager=me`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({
        apiVersion: 'autoscaling/v1',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'applied', labels: { by: 'apply' } },
        spec: { scaleTargetRef, maxReplicas: 2, targetCPUUtilizationPercentage: 40 },
      }),
    })
    expect(applied.spec.targetCPUUtilizationPercentage).toBe(40)
    const patched = await json(`${OLD}/applied`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { targetCPUUtilizationPercentage: 45 } }),
    })
    expect(patched.spec.targetCPUUtilizationPercentage).toBe(45)
    const list = await json(`${OLD}?labelSelector=by%3Dapply`)
    expect(list).toMatchObject({ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscalerList' })
    expect(list.items).toEqual([patched])
    await json(`${OLD}/applied`, { method: 'DELETE' })
    expect((await ask(api, `${NEW}/applied`)).code).toBe(404)
  })
})

describe('events under the group of their own', () => {
  const regarding = { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'default' }
  const event = {
    metadata: { name: 'seen' },
    eventTime: '2026-01-02T03:04:05.000006Z',
    action: 'Pulling',
    reason: 'Pulled',
    type: 'Normal',
    note: 'The image is there',
    reportingController: 'example.com/agent',
    reportingInstance: 'agent-1',
    regarding,
  }

  it('are those of the core group, by other names', async () => {
    const made = await json(EVENTS, { method: 'POST', body: event })
    expect(made).toMatchObject({ apiVersion: 'events.k8s.io/v1', kind: 'Event', ...event })
    expect(await json(`${CORE_EVENTS}/seen`)).toMatchObject({
      apiVersion: 'v1',
      involvedObject: regarding,
      message: event.note,
      reportingComponent: event.reportingController,
      metadata: { uid: made.metadata.uid },
    })
    await json(CORE_EVENTS, {
      method: 'POST',
      body: {
        metadata: { name: 'counted' },
        involvedObject: { ...regarding, name: 'api' },
        reason: 'Killing',
        type: 'Warning',
        count: 3,
        source: { component: 'agent' },
      },
    })
    expect(await json(`${EVENTS}/counted`)).toMatchObject({
      deprecatedCount: 3,
      deprecatedSource: { component: 'agent' },
      regarding: { name: 'api' },
    })
    const found = await json(`${EVENTS}?fieldSelector=regarding.name%3Dapi`)
    expect(found.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['counted'])
    expect((await ask(api, `${EVENTS}?fieldSelector=involvedObject.name%3Dapi`)).code).toBe(400)
    expect(await kubectlOk(api, ['events', '--for', 'pod/api'])).toMatch(/Warning +Killing +Pod\/api/)
  })

  it('are refused where they leave out what the newer form asks for', async () => {
    const { action: _, ...less } = event
    const bad = await ask(api, EVENTS, { method: 'POST', body: { ...less, metadata: { name: 'less' } } })
    expect([bad.code, bad.json.details.causes[0].field]).toEqual([422, 'action'])
  })
})

describe('kubectl and the other new kinds', () => {
  const feed = (object: object): Promise<string> =>
    kubectlOk(api, ['create', '-f', '-'], JSON.stringify(object))
  const get = (...what: readonly string[]): Promise<string> => kubectlOk(api, ['get', ...what])

  it('shows and describes them as it does elsewhere, and warns of what nothing acts on', async () => {
    const made = await kubectl(
      api,
      ['create', '-f', '-'],
      JSON.stringify({
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'nightly' },
        spec: {
          schedule: '0 3 * * *',
          timeZone: 'Europe/Vienna',
          jobTemplate: {
            spec: {
              template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a:1' }] } },
            },
          },
        },
      }),
    )
    expect(made.stderr).toBe('Warning: nothing acts on a CronJob yet: no controller makes jobs of it\n')
    expect(await get('cronjobs')).toMatch(/nightly +0 3 \* \* \* +Europe\/Vienna +False +0 +<none> /)
    expect(await kubectlOk(api, ['describe', 'cronjob', 'nightly'])).toMatch(/Schedule: +0 3 \* \* \*/)
    await feed({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'watcher' },
      spec: {
        selector: { matchLabels: { app: 'watcher' } },
        template: {
          metadata: { labels: { app: 'watcher' } },
          spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'a', image: 'a:1' }] },
        },
      },
    })
    expect(await get('ds')).toMatch(/watcher +0 +0 +0 +0 +0 +disk=ssd /)
    await feed({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'keep' },
      spec: { maxUnavailable: '25%', selector: { matchLabels: { app: 'web' } } },
    })
    expect(await get('pdb')).toMatch(/keep +N\/A +25% +0 /)
    await feed({
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'small' },
      spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
    })
    expect(await kubectlOk(api, ['describe', 'limits', 'small'])).toMatch(/Container +cpu +- +1 +1 +1/)
    await feed({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'few' },
      spec: { hard: { pods: '3' } },
    })
    expect(await kubectlOk(api, ['describe', 'namespace', 'default'])).toMatch(/Resource Quotas/)
    expect(await get('priorityclasses')).toMatch(
      /system-node-critical +2000001000 +false +\S+ +PreemptLowerPriority/,
    )
    await feed({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a:1' }] } } },
    })
    expect(await get('jobs', '-o', 'wide')).toMatch(
      /once +Running +0\/1 +\S* +\S+ +a +a:1 +batch\.kubernetes\.io/,
    )
    expect(await kubectlOk(api, ['create', 'job', 'by-hand', '--from=cronjob/nightly'])).toContain('created')
  })

  it.each<readonly [object, string]>([
    [
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        spec: { template: { spec: { containers: [{ name: 'a', image: 'a' }] } } },
      },
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        spec: {
          schedule: '61 * * * *',
          jobTemplate: {
            spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } } },
          },
        },
      },
      'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
    ],
    [
      { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { minAvailable: 1, maxUnavailable: 1 } },
      'minAvailable and maxUnavailable cannot be both set',
    ],
    [
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        spec: {
          selector: { matchLabels: { a: 'b' } },
          updateStrategy: { rollingUpdate: { maxUnavailable: 0 } },
          template: { metadata: { labels: { a: 'c' } }, spec: { containers: [{ name: 'a', image: 'a' }] } },
        },
      },
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
    [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        spec: { policyName: 'x', validationActions: ['Deny', 'Warn'] },
      },
      'must not contain both Deny and Warn',
    ],
    [
      {
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'PriorityLevelConfiguration',
        spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue' } } },
      },
      'spec.limited.limitResponse.queuing: Required value',
    ],
  ])('refuses %j', async (object, problem) => {
    const bad = await kubectl(
      api,
      ['create', '-f', '-'],
      JSON.stringify({ metadata: { name: 'bad' }, ...object }),
    )
    expect(bad.stderr).toContain(problem)
  })
})
