import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../../src/base/index.ts'
import { applyStrategicMergePatch } from '../../../src/kinds/patch/strategic-merge-patch.ts'
import { definition, type Schema } from '../../../src/kinds/schema/schema.ts'

const deploymentSchema = definition('io.k8s.api.apps.v1.Deployment')

const deployment = deepFreeze({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'web', tier: 'front' }, finalizers: ['x/a', 'x/b', 'x/c'] },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'web',
            image: 'web:1',
            args: ['a', 'b'],
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
              { name: 'C', value: '3' },
            ],
            ports: [{ containerPort: 80, protocol: 'TCP' }],
          },
          { name: 'log', image: 'log:1' },
          { name: 'proxy', image: 'proxy:1' },
        ],
        tolerations: [{ key: 'old', operator: 'Exists' }],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    },
  },
})

/** A patch of the pod template's spec. */
function podSpec(spec: object): object {
  return { spec: { template: { spec } } }
}

const cases: readonly (readonly [string, object])[] = [
  ['sets a plain value', { spec: { replicas: 5 } }],
  ['merges labels and deletes one by null', { metadata: { labels: { tier: null, color: 'blue' } } }],
  ['sets an image by merge key', podSpec({ containers: [{ name: 'web', image: 'web:2' }] })],
  [
    'puts a new container before the ones it does not name',
    podSpec({ containers: [{ name: 'new', image: 'n' }] }),
  ],
  [
    'orders the elements that it names',
    podSpec({
      containers: [
        { name: 'proxy', image: 'proxy:2' },
        { name: 'web', image: 'web:2' },
      ],
    }),
  ],
  ['deletes an element', podSpec({ containers: [{ name: 'log', $patch: 'delete' }] })],
  ['deletes an element that is not there', podSpec({ containers: [{ name: 'none', $patch: 'delete' }] })],
  [
    'replaces a merge list',
    podSpec({ containers: [{ name: 'only', image: 'o', args: ['x'] }, { $patch: 'replace' }] }),
  ],
  ['replaces an object', { spec: { strategy: { $patch: 'replace', type: 'Recreate' } } }],
  [
    'retains only the keys that it lists',
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
  ],
  [
    'retains keys of a volume, as apply changes its source',
    podSpec({ volumes: [{ name: 'data', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } }] }),
  ],
  [
    'replaces a list without a merge strategy',
    podSpec({ tolerations: [{ key: 'new', operator: 'Exists' }] }),
  ],
  ['replaces a list of plain values without one', podSpec({ containers: [{ name: 'web', args: ['c'] }] })],
  ['merges a list of plain values as a set', { metadata: { finalizers: ['x/c', 'x/d'] } }],
  [
    'deletes plain values',
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/b'], finalizers: ['x/d'] } },
  ],
  ['orders plain values', { metadata: { '$setElementOrder/finalizers': ['x/c', 'x/a'] } }],
  [
    'orders containers as client-side apply asks',
    podSpec({
      '$setElementOrder/containers': [{ name: 'new' }, { name: 'proxy' }, { name: 'web' }],
      containers: [
        { name: 'new', image: 'n' },
        { name: 'web', image: 'web:2' },
      ],
    }),
  ],
  [
    'orders without changing anything',
    podSpec({ '$setElementOrder/containers': [{ name: 'proxy' }, { name: 'log' }, { name: 'web' }] }),
  ],
  [
    'orders and deletes environment variables deep inside',
    podSpec({
      '$setElementOrder/containers': [{ name: 'web' }],
      containers: [
        {
          name: 'web',
          '$setElementOrder/env': [{ name: 'D' }, { name: 'C' }, { name: 'A' }],
          env: [
            { name: 'D', value: '4' },
            { name: 'B', $patch: 'delete' },
          ],
        },
      ],
    }),
  ],
  [
    'merges ports by their merge key',
    podSpec({
      containers: [{ name: 'web', ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }],
    }),
  ],
  ['adds an object with nulls inside', podSpec({ securityContext: { runAsUser: 1, runAsGroup: null } })],
  ['deletes a list by null', podSpec({ volumes: null })],
  [
    'restarts as kubectl rollout restart does',
    {
      spec: {
        template: {
          metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2024-01-01T00:00:00Z' } },
        },
      },
    },
  ],
]

describe('applyStrategicMergePatch()', () => {
  it.each(cases)('%s, as kubectl does', (_, patch) => {
    const result = applyStrategicMergePatch(deploymentSchema, deployment, deepFreeze(structuredClone(patch)))
    expect(result).toEqual(patchedByKubectl(deployment, patch))
  })

  it.each<[string, object[] | undefined, object]>([
    [
      'takes a list where there is none, two of one key in it',
      undefined,
      {
        ports: [
          { containerPort: 53, protocol: 'TCP' },
          { containerPort: 53, protocol: 'UDP' },
        ],
      },
    ],
    [
      'takes it in its order',
      undefined,
      {
        '$setElementOrder/ports': [{ containerPort: 53 }, { containerPort: 53 }],
        ports: [
          { containerPort: 53, protocol: 'TCP' },
          { containerPort: 53, protocol: 'UDP' },
          { containerPort: 54, $patch: 'delete' },
        ],
      },
    ],
    [
      'changes the first of two that have one key',
      [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }, { containerPort: 53, protocol: 'TCP' }],
      { ports: [{ containerPort: 53, name: 'dns' }] },
    ],
  ])('%s, as kubectl does', (_, ports, container) => {
    const pod = { containers: [{ name: 'dns', image: 'dns:1', ...(ports && { ports }) }] }
    const before = { ...deployment, spec: { template: { spec: pod } } }
    const patch = podSpec({ containers: [{ name: 'dns', ...container }] })
    expect(applyStrategicMergePatch(deploymentSchema, before, patch)).toEqual(patchedByKubectl(before, patch))
  })

  it('deletes a whole object by $patch: delete', () => {
    const patch = { metadata: { labels: { $patch: 'delete' } } }
    expect(applyStrategicMergePatch(deploymentSchema, deployment, patch)).toMatchObject({
      metadata: { labels: {} },
    })
  })

  it.each([
    ['no object', []],
    ['an unknown $patch', { spec: { $patch: 'squash' } }],
    ['an element without its merge key', podSpec({ containers: [{ image: 'x' }] })],
    ['a deletion without its merge key', podSpec({ containers: [{ $patch: 'delete' }] })],
    ['mixed elements', podSpec({ containers: ['web'] })],
    ['a list of lists', podSpec({ containers: [[]] })],
    ['retained keys that are no list', { spec: { strategy: { $retainKeys: 'type', type: 'Recreate' } } }],
    ['a key that is not retained', { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } }],
    ['an element order that is no list', podSpec({ '$setElementOrder/containers': {} })],
    ['deletions that are no list', { metadata: { '$deleteFromPrimitiveList/finalizers': 'x/a' } }],
  ])('answers 400 to %s', (_, patch) => {
    expect(() => applyStrategicMergePatch(deploymentSchema, deployment, patch)).toThrow(
      expect.objectContaining({ reason: 'BadRequest' }),
    )
  })

  it('merges fields that the schema does not know, and keeps lists there whole', () => {
    const schema: Schema = { type: 'object' }
    const before = { a: { b: 1, list: [{ name: 'x' }] } }
    const patch = { a: { c: 2, list: [{ name: 'y' }] } }
    expect(applyStrategicMergePatch(schema, before, patch)).toEqual({
      a: { b: 1, c: 2, list: [{ name: 'y' }] },
    })
  })

  it('orders a list of 50,000 elements without looking at every pair', () => {
    const schema: Schema = {
      type: 'object',
      properties: { list: { type: 'array', 'x-kubernetes-patch-strategy': 'merge' } },
    }
    const list = Array.from({ length: 50_000 }, (_, index) => index)
    const result = applyStrategicMergePatch(schema, { list }, { list: [...list].reverse() }) as {
      list: number[]
    }
    expect(result.list[0]).toBe(49_999)
  })
})

/** What the kubectl of this machine makes of the patch without a server. */
function patchedByKubectl(object: object, patch: object): unknown {
  const output = execFileSync(
    'kubectl',
    ['patch', '--local', '-f', '-', '--type=strategic', '-p', JSON.stringify(patch), '-o', 'json'],
    { input: JSON.stringify(object), encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] },
  )
  return JSON.parse(output)
}
