import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ControllerRevision, Kinds, type StatefulSet } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const HERE = { namespace: 'default' }
const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)
const feed = (object: object, ...args: readonly string[]): Promise<string> =>
  kubectlOk(api, args, JSON.stringify(object))

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }
}

function template(image: string): object {
  return { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image }] } }
}

describe('kubectl 1.32 and Services', () => {
  it('exposes a workload, and shows what the Service was given', async () => {
    await feed(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 8080 }] }] },
          },
        },
      },
      'create',
      '-f',
      '-',
    )
    expect(await run('expose', 'deployment', 'web', '--port', '80', '--target-port', '8080')).toBe(
      'service/web exposed\n',
    )
    expect(await run('get', 'svc', 'web', '-o', 'wide')).toMatch(
      /NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR\nweb +ClusterIP +10\.43\.\d+\.\d+ +<none> +80\/TCP +\d+s +app=web/,
    )
    await run('expose', 'deployment', 'web', '--name', 'outside', '--type', 'NodePort', '--port', '80')
    expect(await run('get', 'svc', 'outside')).toMatch(/NodePort +10\.43\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/)
  })

  it('describes a Service with its endpoints', async () => {
    await feed(service('described', { ports: [{ port: 80, targetPort: 8080 }] }), 'apply', '-f', '-')
    await feed(
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'described-1', labels: { 'kubernetes.io/service-name': 'described' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.42.0.7'] }, { addresses: ['10.42.1.9'] }],
        ports: [{ port: 8080 }],
      },
      'apply',
      '-f',
      '-',
    )
    await feed(
      {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'described' },
        subsets: [{ addresses: [{ ip: '10.42.0.7' }, { ip: '10.42.1.9' }], ports: [{ port: 8080 }] }],
      },
      'apply',
      '-f',
      '-',
    )
    const text = await run('describe', 'svc', 'described')
    expect(text).toMatch(/^Endpoints: +10\.42\.0\.7:8080,10\.42\.1\.9:8080$/m)
    expect(text).toMatch(/^IP Families: +IPv4$/m)
    expect(text).toMatch(/^Session Affinity: +None$/m)
    expect(await run('get', 'endpoints', 'described')).toMatch(/10\.42\.0\.7:8080,10\.42\.1\.9:8080/)
    expect(await run('get', 'endpointslices', 'described-1')).toMatch(/IPv4 +8080 +10\.42\.0\.7,10\.42\.1\.9/)
    expect(await run('describe', 'endpointslice', 'described-1')).toContain('Addresses:  10.42.0.7')
    expect(await run('describe', 'endpoints', 'described')).toMatch(/Addresses: +10\.42\.0\.7,10\.42\.1\.9/)
  })

  it('replaces and applies a Service that names no address, and it keeps its own', async () => {
    const plain = service('kept', { type: 'NodePort', ports: [{ port: 80 }] })
    await feed(plain, 'apply', '-f', '-')
    const show = () => run('get', 'svc', 'kept', '-o', 'jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}')
    const given = await show()
    expect(given).toMatch(/^10\.43\.\d+\.\d+ 3\d{4}$/)
    await feed(plain, 'replace', '-f', '-')
    expect(await show()).toBe(given)
    const changed = service('kept', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] })
    expect(await feed(changed, 'apply', '-f', '-')).toBe('service/kept configured\n')
    expect(await feed(changed, 'apply', '-f', '-')).toBe('service/kept unchanged\n')
    expect(await show()).toBe(given)
    await run('patch', 'svc', 'kept', '-p', '{"spec":{"type":"ClusterIP"}}')
    expect(await show()).toBe(given.replace(/\d+$/, ''))
  })

  it('refuses an edit of the address, and says why in the file', async () => {
    await feed(service('fixed', { ports: [{ port: 80 }] }), 'apply', '-f', '-')
    const edit = await kubectl(api, ['edit', 'svc', 'fixed'], '', {
      KUBE_EDITOR: 'sed -i s/10\\.43\\.[0-9.]*/10.43.0.77/',
      TMPDIR: api.folder,
    })
    expect(edit.code).not.toBe(0)
    expect(edit.stderr).toContain('services "fixed" is invalid')
    const [, copy = ''] = /stored to "(.+)"/.exec(edit.stderr) ?? []
    expect(await readFile(copy, 'utf8')).toContain(
      '# * spec.clusterIPs[0]: Invalid value: ["10.43.0.77"]: may not change once set',
    )
    const patch = await kubectl(api, ['patch', 'svc', 'fixed', '-p', '{"spec":{"clusterIP":"None"}}'])
    expect(patch.stderr).toContain('may not change once set')
    const taken = await run('get', 'svc', 'fixed', '-o', 'jsonpath={.spec.clusterIP}')
    const other = JSON.stringify(service('other', { clusterIP: taken, ports: [{ port: 80 }] }))
    expect((await kubectl(api, ['create', '-f', '-'], other)).stderr).toContain(
      `failed to allocate IP ${taken}: provided IP is already allocated`,
    )
  })

  it('tries a Service without making it', async () => {
    const tried = JSON.stringify(service('tried', { type: 'LoadBalancer', ports: [{ port: 80 }] }))
    const { stdout } = await kubectl(api, ['create', '--dry-run=server', '-o', 'json', '-f', '-'], tried)
    expect(JSON.parse(stdout)).toMatchObject({ spec: { clusterIP: expect.stringMatching(/^10\.43\./) } })
    expect((await kubectl(api, ['get', 'svc', 'tried'])).stderr).toContain('NotFound')
  })
})

describe('kubectl 1.32 and the other kinds of a network and of storage', () => {
  it('gets and describes ingresses, their classes and network policies', async () => {
    await feed(
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'own' },
        spec: { controller: 'example.com/ingress' },
      },
      'apply',
      '-f',
      '-',
    )
    await feed(
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: { name: 'shop' },
        spec: {
          ingressClassName: 'own',
          tls: [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }],
          rules: [
            {
              host: 'shop.example.com',
              http: {
                paths: [
                  {
                    path: '/',
                    pathType: 'Prefix',
                    backend: { service: { name: 'web', port: { number: 80 } } },
                  },
                ],
              },
            },
          ],
        },
      },
      'apply',
      '-f',
      '-',
    )
    expect(await run('get', 'ingress', 'shop')).toMatch(/shop +own +shop\.example\.com +80, 443/)
    expect(await run('describe', 'ingress', 'shop')).toMatch(/shop\.example\.com *\n +\/ +web:80/)
    expect(await run('describe', 'ingressclass', 'own')).toMatch(/Controller: +example\.com\/ingress/)
    await feed(
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'web-only' },
        spec: {
          podSelector: { matchLabels: { app: 'db' } },
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 5432 }] }],
        },
      },
      'apply',
      '-f',
      '-',
    )
    expect(await run('get', 'netpol')).toMatch(/web-only +app=db/)
    const text = await run('describe', 'networkpolicy', 'web-only')
    expect(text).toMatch(/To Port: 5432\/TCP/)
    expect(text).toMatch(/Policy Types: Ingress/)
    const bad = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'bad' }, spec: {} }
    expect((await kubectl(api, ['create', '-f', '-'], JSON.stringify(bad))).stderr).toContain(
      'The Ingress "bad" is invalid: spec: Invalid value: []: either `defaultBackend` or `rules` must be specified',
    )
  })

  it('gets and describes volumes, claims and classes, and refuses what never changes', async () => {
    await feed(
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'disk' },
        provisioner: 'example.com/disk',
      },
      'apply',
      '-f',
      '-',
    )
    await feed(
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'nas' },
        spec: {
          accessModes: ['ReadWriteMany'],
          capacity: { storage: '5Gi' },
          nfs: { server: 'nas.example.com', path: '/data' },
          storageClassName: 'disk',
        },
      },
      'apply',
      '-f',
      '-',
    )
    await feed(
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteMany'],
          resources: { requests: { storage: '1Gi' } },
          storageClassName: 'disk',
        },
      },
      'apply',
      '-f',
      '-',
    )
    expect(await run('get', 'sc', 'disk')).toMatch(/disk +example\.com\/disk +Delete +Immediate +false/)
    expect(await run('describe', 'sc', 'disk')).toMatch(/Provisioner: +example\.com\/disk/)
    expect(await run('get', 'pv', 'nas')).toMatch(/nas +5Gi +RWX +Retain +Pending +disk/)
    expect(await run('describe', 'pv', 'nas')).toMatch(/Server: +nas\.example\.com/)
    expect(await run('get', 'pvc', 'data')).toMatch(/data +Pending +disk/)
    expect(await run('describe', 'pvc', 'data')).toMatch(/StorageClass: +disk/)
    const claim = await kubectl(api, ['patch', 'pvc', 'data', '-p', '{"spec":{"storageClassName":"other"}}'])
    expect(claim.stderr).toContain('spec: Forbidden: spec is immutable after creation')
    const volume = await kubectl(api, ['patch', 'pv', 'nas', '-p', '{"spec":{"nfs":{"path":"/other"}}}'])
    expect(volume.stderr).toContain('spec.persistentvolumesource is immutable after creation')
    const made = await kubectl(api, ['patch', 'sc', 'disk', '-p', '{"provisioner":"example.com/tape"}'])
    expect(made.stderr).toContain('provisioner: Forbidden: updates to provisioner are forbidden.')
  })
})

describe('kubectl 1.32 and a StatefulSet', () => {
  /** Plays the controller's part: keeps the template of a revision. */
  async function keepRevision(revision: number): Promise<string> {
    const live = await api.client.get<StatefulSet>(Kinds.StatefulSet, 'db', HERE)
    const name = `db-rev${revision}`
    const kept = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: {
        name,
        ...HERE,
        labels: { app: 'db' },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'StatefulSet',
            name: 'db',
            uid: live.metadata.uid ?? '',
            controller: true,
          },
        ],
      },
      revision,
      data: { spec: { template: { ...live.spec?.template, $patch: 'replace' } } },
    } as ControllerRevision
    await api.client.create(Kinds.ControllerRevision, kept)
    return name
  }

  /** The same: says that all pods are of a revision and ready. */
  async function report(revision: string): Promise<void> {
    const { metadata, spec } = await api.client.get<StatefulSet>(Kinds.StatefulSet, 'db', HERE)
    const { replicas = 1 } = spec ?? {}
    const body = {
      status: {
        observedGeneration: metadata.generation,
        ...{ replicas, readyReplicas: replicas, availableReplicas: replicas },
        ...{ currentReplicas: replicas, updatedReplicas: replicas },
        ...{ currentRevision: revision, updateRevision: revision },
      },
    }
    await api.client.patch(
      Kinds.StatefulSet,
      'db',
      { type: 'merge', body },
      { ...HERE, subresource: 'status' },
    )
  }

  it('scales, restarts, tells the history, undoes, and judges the rollout', async () => {
    await feed(
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: { serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template('db:1') },
      },
      'apply',
      '-f',
      '-',
    )
    expect(await run('get', 'sts', 'db', '-o', 'wide')).toMatch(
      /NAME +READY +AGE +CONTAINERS +IMAGES\ndb +0\/1 +\d+s +db +db:1/,
    )
    await run('scale', 'statefulset', 'db', '--replicas', '3')
    expect(await run('get', 'sts', 'db', '-o', 'jsonpath={.spec.replicas}')).toBe('3')
    await report(await keepRevision(1))
    expect(await run('rollout', 'status', 'statefulset', 'db')).toContain('complete')

    await run('set', 'image', 'statefulset/db', 'db=db:2')
    await report(await keepRevision(2))
    expect(await run('rollout', 'history', 'statefulset', 'db')).toMatch(/REVISION[\s\S]*\n1 [\s\S]*\n2 /)
    expect(await run('rollout', 'history', 'sts', 'db', '--revision', '1')).toMatch(/Image:\s+db:1/)
    expect(await run('get', 'controllerrevisions')).toMatch(/db-rev1 +statefulset\.apps\/db +1 /)

    await run('rollout', 'undo', 'statefulset', 'db')
    const image = 'jsonpath={.spec.template.spec.containers[*].image}'
    expect(await run('get', 'sts', 'db', '-o', image)).toBe('db:1')
    await run('rollout', 'restart', 'statefulset', 'db')
    expect(await run('get', 'sts', 'db', '-o', 'jsonpath={.spec.template.metadata.annotations}')).toContain(
      'kubectl.kubernetes.io/restartedAt',
    )
    expect(await run('describe', 'sts', 'db')).toMatch(/Update Strategy: +RollingUpdate/)
    const renamed = await kubectl(api, ['patch', 'sts', 'db', '-p', '{"spec":{"serviceName":"other"}}'])
    expect(renamed.stderr).toContain(
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    )
    const revision = await kubectl(api, [
      ...['patch', 'controllerrevision', 'db-rev1', '--type', 'merge'],
      ...['-p', '{"data":{"spec":{"template":null}}}'],
    ])
    expect(revision.stderr).toContain('field is immutable')
  })
})
