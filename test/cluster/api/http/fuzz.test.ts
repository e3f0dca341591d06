import { Agent } from 'node:https'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type LogFields, silentLogger } from '../../../../src/base/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, type Question, type Reply } from '../support/https.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 300)

/** Hundreds of requests a test, thousands when asked for: what counts is that they end. */
vi.setConfig({ testTimeout: 300_000 })
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101)

let api: TestApi
const bugs: LogFields[] = []
/** Hundreds of requests need not shake hands each. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

beforeAll(async () => {
  api = await startTestApi({
    log: { ...silentLogger, error: (_message, fields = {}) => void bugs.push(fields) },
  })
})
afterAll(async () => {
  agent.destroy()
  await api.close()
})

/** Asks, and holds the answer to what every answer is: no 500, and a `Status` where it is a refusal. */
async function askSoundly(path: string, question: Question): Promise<Reply> {
  const reply = await ask(api, path, { agent, ...question })
  expect(reply.code, `${reply.text.slice(0, 300)} ${JSON.stringify(bugs.at(-1))}`).toBeLessThan(500)
  if (reply.code >= 400 && question.method !== 'HEAD')
    expect(reply.json).toMatchObject({ kind: 'Status', code: reply.code })
  return reply
}

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
          await askSoundly(`${path}?${query}`, {
            method,
            headers: { 'content-type': type },
            body: Buffer.from(JSON.stringify(body) ?? 'null'),
          })
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
        await askSoundly(`${path}/${name}?dryRun=All`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json-patch+json' },
          body: Buffer.from(JSON.stringify(body) ?? 'null'),
        })
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})

/** What a header may hold at all; everything else Node's parser refuses before the server sees it. */
const headerText = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter(code => code !== 0x7f)
    .map(code => String.fromCharCode(code)),
})

const strangeHeaders = fc.record(
  {
    accept: fc.oneof(
      fc.constantFrom(
        'application/json;as=Table;v=v1;g=meta.k8s.io',
        'application/json;as=Table;v=v9',
        'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
        ';;;,,,',
        'application/json;q=x',
        '*/*;as=',
        `application/${'x'.repeat(5_000)}`,
      ),
      headerText,
    ),
    'content-type': fc.oneof(
      fc.constantFrom(
        'application/json; charset="',
        'application/vnd.kubernetes.protobuf',
        'application/yaml',
        'APPLICATION/JSON',
        ';',
      ),
      headerText,
    ),
    'content-encoding': headerText,
    'accept-encoding': fc.oneof(fc.constantFrom('gzip', 'gzip;q=0', 'identity;q=0, *;q=0'), headerText),
    authorization: fc.oneof(
      fc.constantFrom('Bearer', 'Bearer ', 'Bearer a.b.c', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Basic Og=='),
      headerText,
    ),
    'if-none-match': headerText,
    'user-agent': fc.oneof(fc.constantFrom('/', 'x'.repeat(20_000)), headerText),
    'impersonate-user': fc.oneof(fc.constantFrom('', 'system:serviceaccount:', 'system:node:'), headerText),
    'impersonate-group': fc.array(headerText, { maxLength: 3 }),
    'impersonate-uid': headerText,
    'impersonate-extra-%zz': headerText,
    expect: fc.constantFrom('100-continue'),
  },
  { requiredKeys: [] },
)

/** Parameters that the server knows, each with anything; those of a watch, which would take its time, are read by the same code. */
const strangeQuery = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'allowWatchBookmarks',
        'continue',
        'dryRun',
        'fieldManager',
        'fieldSelector',
        'fieldValidation',
        'force',
        'gracePeriodSeconds',
        'includeObject',
        'labelSelector',
        'limit',
        'orphanDependents',
        'pretty',
        'propagationPolicy',
        'resourceVersion',
        'resourceVersionMatch',
        'sendInitialEvents',
        'timeout',
        'container',
        'sinceSeconds',
        'tailLines',
      ),
      fc.oneof(
        fc.constantFrom(
          '',
          '0',
          '1',
          '-1',
          'true',
          'false',
          'All',
          '1e99',
          'NaN',
          '%',
          '%zz',
          '%00',
          'a,b+in+(',
          '!',
        ),
        fc.constantFrom(
          '9'.repeat(30),
          '1h',
          'NotOlderThan',
          'Exact',
          'Foreground',
          'a=b,c!=d,!e',
          'x'.repeat(3_000),
        ),
        fc.string({ unit: 'binary' }).map(encodeURIComponent),
      ),
    ),
    { maxLength: 5 },
  )
  .map(pairs => pairs.map(pair => pair.join('=')).join('&'))

describe('requests that are almost right', () => {
  it('are answered or refused with a Status, whatever their headers and queries say', async () => {
    const path = fc.constantFrom(
      ...SAMPLES.flatMap(({ path, name }) => [path, `${path}/${name}`, `${path}/${name}/status`]),
      '/api/v1/namespaces/default/pods/p/log',
      '/api/v1/namespaces/default/serviceaccounts/default/token',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      '/openapi/v2',
      '/openapi/v3/api/v1',
      '/apis',
      '/version',
    )
    const method = fc.constantFrom('GET', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE')
    const body = fc.oneof(fc.constantFrom('', '{}', 'null', 'k8s\0', '{"kind":"DeleteOptions"}'), fc.json())
    await fc.assert(
      fc.asyncProperty(
        method,
        path,
        strangeQuery,
        strangeHeaders,
        body,
        async (verb, where, query, headers, text) => {
          const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(verb)
          await askSoundly(`${where}?${query}`, {
            method: verb,
            headers,
            ...(hasBody ? { body: text } : {}),
          })
        },
      ),
      { numRuns: RUNS, seed: SEED },
    )
    expect((await ask(api, '/livez')).code).toBe(200)
  })
})
