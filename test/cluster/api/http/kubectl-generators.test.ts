import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)

/** What kubectl wrote and reads back, without what the server says of it. */
async function stored(resource: string, name: string): Promise<unknown> {
  const object = JSON.parse(await run('get', resource, name, '-o', 'json'))
  return object
}

/** Each command makes an object by itself, in its protobuf form, and the object is what the command says. */
const COMMANDS: readonly (readonly [command: string, resource: string, name: string, expected: object])[] = [
  ['namespace shop', 'namespace', 'shop', { kind: 'Namespace', spec: { finalizers: ['kubernetes'] } }],
  [
    'deployment web --image=registry.local/web:1 --replicas=3 --port=8080 -- serve --fast',
    'deployment',
    'web',
    {
      metadata: { labels: { app: 'web' } },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: {
          spec: {
            containers: [
              {
                name: 'web',
                image: 'registry.local/web:1',
                command: ['serve', '--fast'],
                ports: [{ containerPort: 8080, protocol: 'TCP' }],
                imagePullPolicy: 'IfNotPresent',
              },
            ],
            restartPolicy: 'Always',
            terminationGracePeriodSeconds: 30,
          },
        },
      },
    },
  ],
  [
    'job migrate --image=registry.local/tool:1 -- migrate',
    'job',
    'migrate',
    {
      spec: {
        completions: 1,
        parallelism: 1,
        backoffLimit: 6,
        template: {
          spec: { restartPolicy: 'Never', containers: [{ name: 'migrate', command: ['migrate'] }] },
        },
      },
    },
  ],
  [
    'cronjob nightly --image=registry.local/tool:1 --schedule=0_3_*_*_*',
    'cronjob',
    'nightly',
    {
      spec: {
        schedule: '0 3 * * *',
        concurrencyPolicy: 'Allow',
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } },
      },
    },
  ],
  [
    'configmap settings --from-literal=color=blue --from-literal=empty=',
    'configmap',
    'settings',
    { data: { color: 'blue', empty: '' } },
  ],
  [
    'secret generic keys --from-literal=token=s3cret',
    'secret',
    'keys',
    { type: 'Opaque', data: { token: Buffer.from('s3cret').toString('base64') } },
  ],
  [
    'secret docker-registry hub --docker-username=me --docker-password=pw --docker-server=registry.local',
    'secret',
    'hub',
    { type: 'kubernetes.io/dockerconfigjson' },
  ],
  ['serviceaccount robot', 'serviceaccount', 'robot', { kind: 'ServiceAccount' }],
  [
    'service clusterip api --tcp=80:8080',
    'service',
    'api',
    { spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] } },
  ],
  ['service nodeport door --tcp=80', 'service', 'door', { spec: { type: 'NodePort' } }],
  [
    'service externalname far --external-name=example.com',
    'service',
    'far',
    { spec: { type: 'ExternalName', externalName: 'example.com' } },
  ],
  [
    'quota small --hard=pods=30,services.nodeports=20,requests.storage=1Gi',
    'resourcequota',
    'small',
    { spec: { hard: { pods: '30', 'services.nodeports': '20', 'requests.storage': '1Gi' } } },
  ],
  [
    'poddisruptionbudget keep --selector=app=web --min-available=50%',
    'pdb',
    'keep',
    { spec: { minAvailable: '50%', selector: { matchLabels: { app: 'web' } } } },
  ],
  [
    'poddisruptionbudget lose --selector=app=web --max-unavailable=0',
    'pdb',
    'lose',
    { spec: { maxUnavailable: 0 } },
  ],
  [
    'priorityclass urgent --value=1000 --description=soon --preemption-policy=Never',
    'priorityclass',
    'urgent',
    { value: 1000, description: 'soon', preemptionPolicy: 'Never' },
  ],
  [
    'ingress shop --rule=shop.example.com/api*=api:80,tls=shop-tls --class=own --annotation=a=b',
    'ingress',
    'shop',
    {
      metadata: { annotations: { a: 'b' } },
      spec: {
        ingressClassName: 'own',
        tls: [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }],
        rules: [
          {
            host: 'shop.example.com',
            http: {
              paths: [
                {
                  path: '/api',
                  pathType: 'Prefix',
                  backend: { service: { name: 'api', port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
    },
  ],
  [
    'role readers --verb=get,list --resource=pods,deployments.apps',
    'role',
    'readers',
    {
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list'] },
      ],
    },
  ],
  [
    'rolebinding read --role=readers --user=jane --serviceaccount=default:robot',
    'rolebinding',
    'read',
    {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'readers' },
      subjects: [
        { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' },
        { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
      ],
    },
  ],
  [
    'clusterrole all-readers --verb=get --resource=nodes --non-resource-url=/healthz',
    'clusterrole',
    'all-readers',
    { kind: 'ClusterRole' },
  ],
]

/** Underscores stand for spaces inside of an argument. */
const argumentsOf = (command: string): readonly string[] =>
  command.split(' ').map(text => (text.includes('schedule') ? text.replaceAll('_', ' ') : text))

describe('kubectl create, in protobuf', () => {
  it.each(COMMANDS)('%s', async (command, resource, name, expected) => {
    if (command.startsWith('clusterrole ')) {
      // kubectl refuses resources and URLs in one rule; two commands make two.
      await run('create', 'clusterrole', name, '--verb=get', '--non-resource-url=/healthz')
    } else {
      await run('create', ...argumentsOf(command))
    }
    expect(await stored(resource, name)).toMatchObject(expected)
  })

  it('tries without making', async () => {
    const tried = await run('create', 'deployment', 'tried', '--image=web', '--dry-run=server', '-o', 'json')
    expect(JSON.parse(tried)).toMatchObject({ metadata: { name: 'tried', uid: expect.any(String) } })
    expect((await kubectl(api, ['get', 'deploy', 'tried'])).stderr).toContain('NotFound')
  })

  it('says what is wrong, as for any other body', async () => {
    const again = await kubectl(api, ['create', 'namespace', 'shop'])
    expect(again.stderr).toContain('Error from server (AlreadyExists): namespaces "shop" already exists')
    const bad = await kubectl(api, ['create', 'priorityclass', 'much', '--value=2000000000'])
    expect(bad.stderr).toContain('maximum allowed value of a user defined priority is 1000000000')
  })
})

describe('kubectl autoscale, expose and run', () => {
  it('make what they say of a Deployment', async () => {
    expect(await run('autoscale', 'deployment', 'web', '--min=2', '--max=5', '--cpu-percent=60')).toContain(
      'horizontalpodautoscaler.autoscaling/web autoscaled',
    )
    expect(await stored('hpa', 'web')).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: {
        minReplicas: 2,
        maxReplicas: 5,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
          },
        ],
      },
    })
    expect(await run('get', 'hpa', 'web')).toMatch(/web +Deployment\/web +cpu: <unknown>\/60% +2 +5 +0 /)
    expect(await stored('horizontalpodautoscalers.v1.autoscaling', 'web')).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 60 },
    })
    await run('expose', 'deployment', 'web', '--port=80', '--target-port=8080')
    expect(await stored('service', 'web')).toMatchObject({ spec: { selector: { app: 'web' } } })
    await run('run', 'once', '--image=registry.local/tool:1', '--restart=Never', '--env=A=b')
    expect(await stored('pod', 'once')).toMatchObject({
      spec: { restartPolicy: 'Never', containers: [{ name: 'once', env: [{ name: 'A', value: 'b' }] }] },
    })
  })
})

describe('kubectl auth', () => {
  it('can-i and whoami are answered', async () => {
    expect(await run('auth', 'can-i', 'create', 'deployments')).toBe('yes\n')
    expect(await run('auth', 'whoami', '-o', 'json')).toContain('"username": "bowline-admin"')
  })
})
