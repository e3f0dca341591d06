import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { TestPipeline } from './test-pipeline.ts'

const SCALER = (version: string, spec: string): string => `apiVersion: autoscaling/${version}
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  maxReplicas: 4
${spec}`

const V1 = SCALER('v1', '  targetCPUUtilizationPercentage: 50\n')
const V2 = SCALER(
  'v2',
  `  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: 50 } }
`,
)

/** One of each sort, with all that the server fills in for them. */
const MANY = `apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  template:
    spec: { restartPolicy: Never, containers: [{ name: main, image: 'tool:1' }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: 0 3 * * *
  jobTemplate:
    spec:
      template:
        spec: { restartPolicy: OnFailure, containers: [{ name: main, image: 'tool:1' }] }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: watcher }
spec:
  selector: { matchLabels: { app: watcher } }
  template:
    metadata: { labels: { app: watcher } }
    spec: { containers: [{ name: main, image: 'tool:1' }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: keep }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
---
apiVersion: v1
kind: LimitRange
metadata: { name: small }
spec: { limits: [{ type: Container, max: { cpu: 500m } }] }
`

describe('Pipeline: kinds that are stored, and one that is stored in another version', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create({ nodes: [] })
  })

  afterEach(() => world.close())

  it('says of an app what nothing acts on, and finds nothing to do a second time', async () => {
    const commit = world.push('many', { 'many.yaml': MANY, 'scaler.yaml': V1 })
    await world.start()
    const { status } = await world.reaches('Healthy', commit)
    expect(status?.message).toMatch(/^1 object is healthy, but nothing acts yet on .*; and 2 more$/)
    expect(status?.message).toContain('CronJob default/nightly (no controller makes jobs of it)')
    expect(status?.changes).toEqual({ create: 6, configure: 0, delete: 0, keep: 0 })
    await world.stop()
    const again = world.push('the same, and a note', { 'README.md': 'nothing' })
    await world.start()
    const second = await world.reaches('Healthy', again)
    expect(second.status?.message).toBe(status?.message)
    expect(
      (await world.records()).map(record => record.spec.plan.changes.map(({ action }) => action)),
    ).toEqual([Array(6).fill('create')])
  })

  it('takes an object in another version for the same object', async () => {
    await world.start()
    const first = world.push('old version', { 'scaler.yaml': V1 })
    await world.reaches('Healthy', first)
    const read = () => world.client.get(Kinds.HorizontalPodAutoscaler, 'web', { namespace: 'default' })
    const before = await read()
    expect(before.spec?.metrics?.[0]?.resource?.target.averageUtilization).toBe(50)
    const next = world.push('new version', { 'scaler.yaml': V2 })
    await world.reaches('Healthy', next)
    const after = await read()
    expect(after.metadata.uid).toBe(before.metadata.uid)
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion)
  })
})
