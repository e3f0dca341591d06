import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { TEST_IMAGE } from '../support/dockerd.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { isReady } from './support/installation.ts'
import { WAIT } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

/** A host counts as lost after 50 s; on a busy machine the rest takes its time too. */
const LOST_MS = 150_000

/** Five minutes where nobody says otherwise. */
const TOLERATIONS = JSON.stringify(
  ['not-ready', 'unreachable'].map(state => ({
    key: `node.kubernetes.io/${state}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 2,
  })),
)

const SERVE = `hostname >/tmp/index.html; httpd -p 8080 -h /tmp; ${WAIT}`
const KEEP = `touch /data/log; echo "start $(wc -l </data/log)" >>/data/log; cat /data/log; ${WAIT}`

/** What runs anywhere, and what is bound to the host that has its data. */
const MANIFEST = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: ${TOLERATIONS}
      containers:
        - {name: web, image: ${TEST_IMAGE}, command: [sh, -c, '${SERVE}']}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: ${TOLERATIONS}
      containers:
        - name: db
          image: ${TEST_IMAGE}
          command: [sh, -c, '${KEEP}']
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Mi}}
`

describe.skipIf(!available)(`a host that is lost, and returns (${reason})`, { timeout: 240_000 }, () => {
  let hosts: TestHosts
  let fleet: Fleet
  let stays: TestHost
  let goes: TestHost
  /** Its pods when it was lost. */
  let web: Pod
  let db: Pod

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 2 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    stays = hosts.host(1)
    goes = hosts.host(2)
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
    await fleet.kubectlOk(['cordon', stays.name])
    await fleet.kubectlOk(['apply', '-f', '-'], MANIFEST)
    await fleet.readyPods('default', 2)
    await fleet.kubectlOk(['uncordon', stays.name])
    web = await podOf('web')
    db = await podOf('db')
  }, 300_000)
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  /** The one ready pod of an app, other than `before`. */
  function podOf(app: string, before?: Pod): Promise<Pod> {
    return fleet.until(
      `a ready pod of ${app}`,
      async () => {
        const pods = (await fleet.pods('default', `app=${app}`)).filter(isReady)
        return pods.length === 1 && pods[0]?.metadata.uid !== before?.metadata.uid && pods[0]
      },
      LOST_MS,
    )
  }

  /** The pods that run on a host, as its engine sees them. */
  async function running(host: TestHost): Promise<readonly (string | undefined)[]> {
    const label = ['bowline.dev/type=container']
    const found = await host.engine.docker.listContainers({ filters: { label } })
    return found.map(({ Labels }) => Labels['bowline.dev/pod-uid'])
  }

  async function readiness(): Promise<string | undefined> {
    const { status } = await fleet.client.get(Kinds.Node, goes.name)
    return status?.conditions?.find(({ type }) => type === 'Ready')?.status
  }

  /** Who answers for the service, asked at the host that stays. */
  async function ask(): Promise<string> {
    const { spec } = await fleet.client.get(Kinds.Service, 'web', { namespace: 'default' })
    return (await stays.request(`http://${spec?.clusterIP}/`, { timeoutMs: 2_000 })).body.trim()
  }

  it('its pods are replaced elsewhere after their time, and nobody is led to the old ones', async () => {
    await goes.cutCable()
    const other = await podOf('web', web)
    expect(other.spec?.nodeName).toBe(stays.name)
    expect(await readiness()).toBe('Unknown')
    for (let asked = 0; asked < 10; asked += 1)
      expect(await fleet.until('an answer', ask)).toBe(other.metadata.name)
    // Nobody but its host can say that it has ended.
    const { metadata } = await fleet.pod('default', 'db-0')
    expect(metadata.uid).toBe(db.metadata.uid)
    expect(metadata.deletionTimestamp).toBeDefined()
    const list = await fleet.bowline('host', 'list')
    expect(list.stdout).toMatch(new RegExp(`^${goes.name} +Unknown .*its agent is silent`, 'm'))
    expect(new Set(await running(goes))).toEqual(new Set([web.metadata.uid, db.metadata.uid]))
  })

  it('declared out of service it loses them for good, and one whose data is there waits and says for what', async () => {
    const taint = 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute'
    await fleet.kubectlOk(['taint', 'node', goes.name, taint])
    const waits = await fleet.until('another db-0', async () => {
      const pod = await fleet.pod('default', 'db-0')
      const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
      return pod.metadata.uid !== db.metadata.uid && scheduled?.status === 'False' && scheduled
    })
    expect(waits.message).toContain(`The pod waits for host ${goes.name}`)
    expect(waits.message).toContain('the data of its claim "data-db-0" is there')
    expect((await fleet.bowline('status')).stdout).toContain(`The pod waits for host ${goes.name}`)
  })

  it('when it returns its old pods end and serve nobody, and the one that waited has its data', async () => {
    const other = await podOf('web')
    const answered = new Set<string>()
    let isOver = false
    const asking = (async () => {
      while (!isOver) {
        answered.add(await ask().catch(String))
        await systemClock.sleep(50)
      }
    })()
    await goes.mendCable()
    await fleet.untilReady(goes)
    await fleet.until('its old pods to end', async () => (await running(goes)).length === 0)
    await fleet.kubectlOk(['taint', 'node', goes.name, 'node.kubernetes.io/out-of-service-'])
    const back = await podOf('db', db)
    isOver = true
    await asking
    expect([...answered]).toEqual([other.metadata.name])
    expect(back.spec?.nodeName).toBe(goes.name)
    expect(await fleet.until('its log', () => fleet.kubectlOk(['logs', 'db-0']))).toBe('start 0\nstart 1\n')
    expect(await running(goes)).toEqual([back.metadata.uid])
    expect(await running(stays)).toEqual([other.metadata.uid])
  })
})
