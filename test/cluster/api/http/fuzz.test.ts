import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type LogFields, silentLogger } from '../../../../src/base/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask } from '../support/https.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 300)

/** Hundreds of requests a test, thousands when asked for: what counts is that they end. */
vi.setConfig({ testTimeout: 300_000 })
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101)

let api: TestApi
const bugs: LogFields[] = []

beforeAll(async () => {
  api = await startTestApi({
    log: { ...silentLogger, error: (_message, fields = {}) => void bugs.push(fields) },
  })
})
afterAll(() => api.close())

const CONTAINER = {
  name: 'main',
  image: 'a',
  ports: [{ containerPort: 80 }],
  env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
  resources: { limits: { cpu: '1' } },
  readinessProbe: { httpGet: { path: '/', port: 80 } },
}
const TEMPLATE = {
  metadata: { labels: { app: 'x' } },
  spec: {
    containers: [CONTAINER],
    volumes: [{ name: 'v', emptyDir: {} }],
    tolerations: [{ operator: 'Exists' }],
  },
}

/** One valid object of each shape that matters, and where it lives. */
const SAMPLES: readonly { readonly path: string; readonly name: string; readonly object: object }[] = [
  {
    path: '/api/v1/namespaces/default/pods',
    name: 'p',
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', labels: { a: 'b' } },
      spec: TEMPLATE.spec,
    },
  },
  {
    path: '/apis/apps/v1/namespaces/default/deployments',
    name: 'd',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', annotations: { a: 'b' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'x' }, matchExpressions: [{ key: 'app', operator: 'Exists' }] },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
        template: TEMPLATE,
      },
    },
  },
  {
    path: '/api/v1/namespaces/default/configmaps',
    name: 'c',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', finalizers: ['a/b'] },
      data: { a: 'b' },
    },
  },
  {
    path: '/api/v1/nodes',
    name: 'n',
    object: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n' },
      spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] },
      status: { capacity: { cpu: '2' }, conditions: [{ type: 'Ready', status: 'True' }] },
    },
  },
  {
    path: '/apis/coordination.k8s.io/v1/namespaces/default/leases',
    name: 'l',
    object: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }] },
      spec: { leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
    },
  },
  {
    path: '/apis/bowline.dev/v1alpha1/apps',
    name: 'a',
    object: {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'a' },
      spec: { source: { repository: '/srv/repo', branch: 'main', path: '' } },
    },
  },
]

/** Every place in a JSON value. */
function pathsOf(value: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [at]
  return [at, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...at, key]))]
}

/** A copy with something else at one place. */
function withValueAt(
  value: unknown,
  [first, ...rest]: readonly (string | number)[],
  replacement: unknown,
): unknown {
  if (first === undefined) return replacement
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...(value as object) }
  ;(copy as Record<string | number, unknown>)[first] = withValueAt(
    (value as Record<string | number, unknown>)[first],
    rest,
    replacement,
  )
  return copy
}

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    {},
    [],
    '',
    0,
    -1,
    1e308,
    2 ** 53,
    [null],
    [[]],
    { '': null },
    '\u0000',
    'x'.repeat(10_000),
    JSON.parse('{"__proto__":{"a":1}}'),
    JSON.parse('{"constructor":{"prototype":1}}'),
    { k: { '.': {}, 'f:x': {} } },
  ),
)

const mutated = fc.constantFrom(...SAMPLES).chain(sample =>
  fc.record({
    sample: fc.constant(sample),
    body: fc
      .tuple(fc.constantFrom(...pathsOf(sample.object)), strange)
      .map(([path, value]) => withValueAt(sample.object, path, value)),
  }),
)

describe('objects that are almost right', () => {
  it('are stored or refused with a Status by create, update and every patch, and never answered with 500', async () => {
    for (const { path, object } of SAMPLES)
      expect((await ask(api, path, { method: 'POST', body: object })).code).toBe(201)
    const write = fc.constantFrom(
      { method: 'POST', type: 'application/json', query: 'dryRun=All' },
      { method: 'PUT', type: 'application/json', query: '' },
      { method: 'PATCH', type: 'application/merge-patch+json', query: '' },
      { method: 'PATCH', type: 'application/strategic-merge-patch+json', query: '' },
      { method: 'PATCH', type: 'application/apply-patch+yaml', query: 'fieldManager=f&force=true' },
    )
    const subresource = fc.constantFrom('', '', '', '/status', '/scale')
    await fc.assert(
      fc.asyncProperty(
        mutated,
        write,
        subresource,
        async ({ sample, body }, { method, type, query }, part) => {
          const path = method === 'POST' ? sample.path : `${sample.path}/${sample.name}${part}`
          const reply = await ask(api, `${path}?${query}`, {
            method,
            headers: { 'content-type': type },
            body: Buffer.from(JSON.stringify(body) ?? 'null'),
          })
          expect(reply.code, `${reply.text.slice(0, 300)} ${JSON.stringify(bugs.at(-1))}`).toBeLessThan(500)
          if (reply.code >= 400) expect(reply.json).toMatchObject({ kind: 'Status', code: reply.code })
        },
      ),
      { numRuns: RUNS, seed: SEED },
    )
    // What was stored can be read again in every form.
    for (const { path } of SAMPLES)
      for (const accept of ['application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io'])
        expect((await ask(api, path, { headers: { accept } })).code).toBe(200)
  })

  it('JSON patches of any operations are applied or refused', async () => {
    const pointer = fc.oneof(
      fc.constantFrom(
        '',
        '/',
        '/metadata',
        '/metadata/name',
        '/metadata/labels/x',
        '/spec/containers/0',
        '/spec/containers/-',
        '/spec/containers/99',
        '/__proto__/x',
        '/metadata/uid',
        '/kind',
        '/data/~1',
        '/data/~9',
      ),
      fc.string(),
    )
    const operation = fc.record(
      {
        op: fc.oneof(fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'), fc.string()),
        path: pointer,
        from: pointer,
        value: strange,
      },
      { requiredKeys: [] },
    )
    const patch = fc.oneof(fc.array(operation, { maxLength: 4 }), strange)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...SAMPLES), patch, async ({ path, name }, body) => {
        const reply = await ask(api, `${path}/${name}?dryRun=All`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json-patch+json' },
          body: Buffer.from(JSON.stringify(body) ?? 'null'),
        })
        expect(reply.code, `${reply.text.slice(0, 300)} ${JSON.stringify(bugs.at(-1))}`).toBeLessThan(500)
        if (reply.code >= 400) expect(reply.json).toMatchObject({ kind: 'Status', code: reply.code })
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})
