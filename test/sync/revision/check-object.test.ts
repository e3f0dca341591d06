import { describe, expect, it } from 'vitest'
import { parseYamlValue } from '../../../src/kube/index.ts'
import { checkObject } from '../../../src/sync/revision/check-object.ts'

function issuesOf(text: string): string[] {
  return checkObject(parseYamlValue(text), 'shop').issues.map(
    ({ code, path, message, hint }) => `${code} ${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  )
}

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: x}]}
`

describe('checkObject()', () => {
  it('gives the object as declared, with its namespace, without nulls and defaults, frozen', () => {
    const checked = checkObject(parseYamlValue(`${DEPLOYMENT}status: {}\n`), 'shop')
    expect(checked.issues).toEqual([])
    expect(checked).toMatchObject({ kind: { kind: 'Deployment' } })
    const { object } = checked as unknown as { object: Record<string, unknown> }
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'x' }] },
        },
      },
    })
    expect(Object.isFrozen(object.spec)).toBe(true)
  })

  it('keeps a namespace that is written, and gives cluster-scoped kinds none', () => {
    const other = checkObject(
      parseYamlValue('{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}'),
      'shop',
    )
    expect(other).toMatchObject({ object: { metadata: { namespace: 'b' } } })
    const namespace = checkObject(
      parseYamlValue('{apiVersion: v1, kind: Namespace, metadata: {name: a}}'),
      'shop',
    )
    expect(namespace).toMatchObject({ object: { metadata: { name: 'a' } } })
    expect((namespace as unknown as { object: { metadata: object } }).object.metadata).not.toHaveProperty(
      'namespace',
    )
    expect(issuesOf('{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}')).toHaveLength(1)
  })

  it.each([
    ['[1]', ['not-an-object : the document is a list, not an object']],
    ['text', ['not-an-object : the document is a string, not an object']],
    ['{}', ['missing-field apiVersion: the field apiVersion is missing']],
    ['{apiVersion: v1}', ['missing-field kind: the field kind is missing']],
    ['{apiVersion: 1, kind: Pod}', ['invalid-value apiVersion: the field apiVersion is not text']],
    [
      '{apiVersion: v1, kind: Deployment}',
      ['unknown-kind apiVersion: there is no kind Deployment in v1 (did you mean apiVersion: apps/v1?)'],
    ],
    [
      '{apiVersion: apps/v1, kind: Deploymnet}',
      ['unknown-kind kind: there is no kind Deploymnet in apps/v1 (did you mean kind: Deployment?)'],
    ],
    [
      '{apiVersion: v1, kind: Quux}',
      ['unknown-kind kind: there is no kind Quux in v1 (this cluster serves '],
    ],
    [
      '{apiVersion: v1, kind: Node, metadata: {name: a}}',
      ['unknown-kind kind: Node cannot be declared in Git'],
    ],
    [
      '{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: host-1, namespace: kube-node-lease}}',
      ['unknown-kind kind: Lease cannot be declared in Git'],
    ],
    [
      '{apiVersion: bowline.dev/v1alpha1, kind: App, metadata: {name: a}}',
      ['unknown-kind kind: App cannot be declared in Git'],
    ],
    ['{apiVersion: v1, kind: ConfigMap}', ['missing-field metadata: the field metadata is missing']],
    ['{apiVersion: v1, kind: ConfigMap, metadata: {}}', ['missing-field metadata.name']],
    [
      '{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a-}}',
      ['forbidden-field metadata.generateName', 'missing-field metadata.name'],
    ],
    ['{apiVersion: v1, kind: ConfigMap, metadata: {name: UPPER}}', ['invalid-value metadata.name']],
    [
      '{apiVersion: v1, kind: ConfigMap, metadata: {name: a, uid: x, resourceVersion: "1", creationTimestamp: null, managedFields: []}}',
      ['forbidden-field metadata.uid', 'forbidden-field metadata.resourceVersion'],
    ],
    [
      '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dat: {}}',
      ['unknown-field dat: unknown field "dat" (did you mean "data"?)'],
    ],
    [
      '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: 1, b: [x]}}',
      ['invalid-value data[a]', 'invalid-value data[b]'],
    ],
    [
      `${DEPLOYMENT.replace('image: x', 'image: x, imagePullPolcy: Always, ports: [{containerPort: http}]')}status: {replicas: 1}`,
      [
        'unknown-field spec.template.spec.containers[0].imagePullPolcy',
        'forbidden-field status',
        'invalid-value spec.template.spec.containers[0].ports[0].containerPort',
      ],
    ],
    [
      DEPLOYMENT.replace('labels: {app: web}', 'labels: {app: api}'),
      ['invalid-value spec.template.metadata.labels'],
    ],
    [
      DEPLOYMENT.replace('image: x', 'image: x, resources: {limits: {memory: 1Gig}}'),
      ['invalid-value spec.template.spec.containers[0].resources.limits'],
    ],
    [DEPLOYMENT.replace(', image: x', ''), ['missing-field spec.template.spec.containers[0].image']],
  ])('reports %s', (text, expected) => {
    const found = issuesOf(text)
    expect(
      found.map((line, index) => line.startsWith(expected[index] ?? '\0')),
      found.join('\n'),
    ).toEqual(expected.map(() => true))
  })

  it('says nothing of a Secret value', () => {
    const found = issuesOf(
      '{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: "hunter2!", b: 424242}, stringData: {c: [secretword]}}',
    )
    expect(found.length).toBeGreaterThan(0)
    expect(found.join()).not.toMatch(/hunter2|424242|secretword/)
  })

  it('never throws on any JSON', () => {
    for (const value of [null, 0, '', true, [], [[]], { apiVersion: 'v1', kind: 'Pod', metadata: [] }])
      expect(checkObject(value, 'x').issues.length).toBeGreaterThan(0)
    for (const spec of [
      null,
      0,
      [],
      {},
      { containers: null },
      { containers: {} },
      { containers: [null] },
      { containers: [{ name: {} }] },
    ])
      expect(
        checkObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec }, 'x').issues.length,
      ).toBeGreaterThan(0)
  })
})
