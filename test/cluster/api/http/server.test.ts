import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as tcpConnect } from 'node:net'
import { connect } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BowlineError, type LogFields, silentLogger } from '../../../../src/base/index.ts'
import { TUNNEL_PATH } from '../../../../src/cluster/api/tunnel/tunnels.ts'
import { fingerprint } from '../../../../src/pki/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, open } from '../support/https.ts'
import { configMapBody, part, protobufBody } from '../support/protobuf-body.ts'

const PODS = '/api/v1/namespaces/default/pods'
const MAPS = '/api/v1/namespaces/default/configmaps'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

let api: TestApi
const logged: LogFields[] = []
/** What the verbs do instead of listing Secrets, while a test says so. */
let listSecrets: (() => Promise<never>) | undefined

beforeAll(async () => {
  api = await startTestApi({
    log: { ...silentLogger, error: (_message, fields = {}) => void logged.push(fields) },
    wrapVerbs: verbs => ({
      ...verbs,
      list: (context, kind, query) =>
        kind.kind === 'Secret' && listSecrets !== undefined
          ? listSecrets()
          : verbs.list(context, kind, query),
    }),
    extensions: [
      {
        group: 'bowline.dev',
        version: 'v1alpha1',
        resource: 'apps',
        namespaced: false,
        subresource: 'plan',
        method: 'GET',
        handle: async ({ name, query }) => ({ json: { name, revision: query.get('revision') } }),
      },
      {
        group: 'bowline.dev',
        version: 'v1alpha1',
        resource: 'apps',
        namespaced: false,
        subresource: 'follow',
        method: 'GET',
        streams: true,
        async handle({ name }) {
          async function* lines(): AsyncGenerator<Buffer> {
            yield Buffer.from(`${name} 1\n`)
            yield Buffer.from(`${name} 2\n`)
          }
          return { contentType: 'text/plain', stream: lines() }
        },
      },
      {
        group: 'bowline.dev',
        version: 'v1alpha1',
        resource: 'volumes',
        namespaced: true,
        method: 'GET',
        handle: async ({ namespace, name }) => ({ json: { namespace, name } }),
      },
    ],
  })
})
afterAll(() => api.close())

function configMap(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
}

/** The events of a watch as they come. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<{
  type: string
  object: Record<string, never> & { metadata: { name: string; resourceVersion: string } }
}> {
  let rest = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}

describe('who may come in', () => {
  it('no route that the server documents answers anyone without certificate and token, by any method', async () => {
    const index = (await ask(api, '/openapi/v3')).json.paths as Record<string, { serverRelativeURL: string }>
    const paths = new Set([
      '/',
      '/api',
      '/apis',
      '/version',
      '/livez',
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      TUNNEL_PATH,
    ])
    for (const { serverRelativeURL } of Object.values(index)) {
      paths.add(serverRelativeURL)
      for (const path of Object.keys((await ask(api, serverRelativeURL)).json.paths))
        paths.add(path.replace('{namespace}', 'default').replaceAll(/\{\w+\}/g, 'x'))
    }
    for (const { group, version, resource, subresource } of [
      { group: 'bowline.dev', version: 'v1alpha1', resource: 'apps', subresource: '/x/plan' },
      { group: 'bowline.dev', version: 'v1alpha1', resource: 'jointokens', subresource: '' },
    ])
      paths.add(`/apis/${group}/${version}/${resource}${subresource}`)
    expect(paths.size).toBeGreaterThan(60)
    const claims = [
      {},
      { authorization: 'Bearer 0123456789.c2VjcmV0' },
      { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` },
      { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters', 'impersonate-user': 'bowline-admin' },
    ]
    for (const path of paths)
      for (const [index, method] of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].entries()) {
        const reply = await ask(api, path, { method, as: null, headers: claims[index % claims.length] ?? {} })
        expect(reply.code, `${method} ${path}`).toBe(401)
      }
  })

  it('a client without certificate and token gets 401, on every path', async () => {
    for (const path of ['/', '/version', '/livez', '/api', PODS, '/openapi/v3', '/nowhere'])
      expect((await ask(api, path, { as: null })).json).toMatchObject({
        kind: 'Status',
        code: 401,
        reason: 'Unauthorized',
      })
  })

  it('every connection is who its own certificate says, however many came before with others', async () => {
    const names = ['ann', 'ben', 'cem']
    const identities = await Promise.all(names.map(name => api.identity(name, [`${name}s`])))
    for (const as of [...identities, ...identities]) {
      const reply = await ask(api, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        as,
      })
      const name = names[identities.indexOf(as)]
      expect(reply.json.status.userInfo).toMatchObject({
        username: name,
        groups: [`${name}s`, 'system:authenticated'],
      })
    }
  })

  it('a certificate of another authority counts for nothing', async () => {
    const other = await startTestApi()
    try {
      expect((await ask(api, '/version', { as: other.admin })).code).toBe(401)
    } finally {
      await other.close()
    }
  })

  it('the server itself may not be used as a client, and the in-process group is refused', async () => {
    expect((await ask(api, '/version', { as: await api.identity('x', ['bowline:system']) })).code).toBe(401)
  })

  it('an identity without rights gets 403 that says who may not do what', async () => {
    const reply = await ask(api, `${PODS}/web`, { as: await api.identity('eve', ['devs']) })
    expect(reply.json).toMatchObject({ code: 403, reason: 'Forbidden' })
    expect(reply.json.message).toContain(
      'pods "web" is forbidden: User "eve" cannot get resource "pods" in API group "" in the namespace "default"',
    )
    expect((await ask(api, '/version', { as: await api.identity('eve') })).code).toBe(200)
  })

  it('a join token is a bearer that may ask for a certificate and nothing else', async () => {
    const { token } = await api.joinTokens.create()
    const headers = { authorization: `Bearer ${token.slice(token.indexOf('.') + 1)}` }
    expect((await ask(api, PODS, { as: null, headers })).code).toBe(403)
    expect(
      (await ask(api, '/apis/certificates.k8s.io/v1/certificatesigningrequests', { as: null, headers })).code,
    ).toBe(403)
    expect((await ask(api, PODS, { as: null, headers: { authorization: `Bearer ${token}` } })).code).toBe(401)
  })

  it('the chain that the server presents ends with the authority, so that a joining host can compare its fingerprint', async () => {
    const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { issuerCertificate } = socket.getPeerCertificate(true)
    const pem = `-----BEGIN CERTIFICATE-----\n${issuerCertificate.raw.toString('base64')}\n-----END CERTIFICATE-----`
    expect(fingerprint(pem)).toBe(fingerprint(api.authority.certificate))
    socket.destroy()
  })
})

describe('what the server says of itself', () => {
  it('answers version and health', async () => {
    expect((await ask(api, '/version')).json).toMatchObject({ major: '1', minor: '32' })
    for (const path of ['/livez', '/readyz', '/healthz', '/readyz/ping'])
      expect((await ask(api, path)).text).toBe('ok')
    expect((await ask(api, '/readyz?verbose')).text).toBe('[+]ping ok\nreadyz check passed\n')
  })

  it('answers aggregated discovery with an ETag, and 304 to whoever has it', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
    const first = await ask(api, '/apis', { headers: { accept } })
    expect(first.json).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' })
    expect(first.headers['content-type']).toContain('as=APIGroupDiscoveryList')
    const again = await ask(api, '/apis', { headers: { accept, 'if-none-match': first.headers.etag ?? '' } })
    expect([again.code, again.text]).toEqual([304, ''])
  })

  it('answers plain discovery to older clients, group by group', async () => {
    expect((await ask(api, '/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] })
    expect((await ask(api, '/apis')).json.kind).toBe('APIGroupList')
    expect((await ask(api, '/apis/apps')).json.kind).toBe('APIGroup')
    expect((await ask(api, '/apis/apps/v1')).json.kind).toBe('APIResourceList')
    expect((await ask(api, '/api/v1')).json.resources.map(({ name }: { name: string }) => name)).toContain(
      'pods/log',
    )
  })

  it('answers the OpenAPI index and each document that it names', async () => {
    const { paths } = (await ask(api, '/openapi/v3')).json as {
      paths: Record<string, { serverRelativeURL: string }>
    }
    for (const { serverRelativeURL } of Object.values(paths))
      expect((await ask(api, serverRelativeURL)).json.openapi).toBe('3.0.0')
    expect(Object.keys(paths)).toContain('apis/apps/v1')
  })

  it('answers 404 with a Status to unknown paths and 405 to methods that a path does not have', async () => {
    for (const path of [
      '/nowhere',
      '/api/v9/pods',
      '/apis/apps/v1/nothings',
      '/apis/none/v1',
      '/openapi/v1',
      '/openapi/v3/none',
      `${PODS}/web/exec`,
      '/api/v1/pods/web',
      '/api/v1/namespaces/default/nodes',
    ])
      expect((await ask(api, path)).json, path).toMatchObject({ kind: 'Status', code: 404 })
    for (const [method, path] of [
      ['POST', '/version'],
      ['PUT', PODS],
      ['POST', `${PODS}/web`],
      ['POST', '/api/v1/pods'],
      ['OPTIONS', PODS],
      ['TRACE', PODS],
      ['POST', '/apis/bowline.dev/v1alpha1/records'],
    ])
      expect((await ask(api, path as string, { method: method as string })).json, path).toMatchObject({
        kind: 'Status',
        code: 405,
      })
  })
})

describe('objects', () => {
  it('creates, gets, replaces, patches and deletes with the answers of upstream', async () => {
    const made = await ask(api, MAPS, { method: 'POST', body: configMap('life', { a: '1' }) })
    expect(made.code).toBe(201)
    expect(made.headers['audit-id']).toBeTruthy()
    const got = await ask(api, `${MAPS}/life`)
    expect(got.json).toEqual(made.json)
    const put = await ask(api, `${MAPS}/life`, { method: 'PUT', body: { ...got.json, data: { a: '2' } } })
    expect(put.json.data).toEqual({ a: '2' })
    const stale = await ask(api, `${MAPS}/life`, { method: 'PUT', body: got.json })
    expect(stale.json).toMatchObject({ code: 409, reason: 'Conflict' })
    const merged = await ask(api, `${MAPS}/life`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"data":{"b":"3"}}',
    })
    expect(merged.json.data).toEqual({ a: '2', b: '3' })
    const gone = await ask(api, `${MAPS}/life`, {
      method: 'DELETE',
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
    })
    expect(gone.json).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'life', kind: 'configmaps' },
    })
    expect((await ask(api, `${MAPS}/life`)).json).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'configmaps "life" not found',
    })
  })

  it('server-side apply takes YAML and JSON, says 201 for a new object, and needs a manager', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  a: "1"\n'
    const first = await ask(api, `${MAPS}/applied?fieldManager=me`, { method: 'PATCH', headers, body: yaml })
    expect(first.code).toBe(201)
    const second = await ask(api, `${MAPS}/applied?fieldManager=me`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify(configMap('applied', { b: '2' })),
    })
    expect([second.code, second.json.data]).toEqual([200, { b: '2' }])
    expect((await ask(api, `${MAPS}/applied`, { method: 'PATCH', headers, body: yaml })).code).toBe(422)
    expect(
      (await ask(api, `${MAPS}/applied?fieldManager=me`, { method: 'PATCH', headers, body: 'a: [' })).json
        .message,
    ).toMatch(/line 1/)
    const conflict = await ask(api, `${MAPS}/applied?fieldManager=other`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify(configMap('applied', { b: '3' })),
    })
    expect(conflict.json).toMatchObject({ code: 409, reason: 'Conflict' })
  })

  it('lists as the kept bytes with commas between, as a Table, and as metadata alone', async () => {
    for (const name of ['list-a', 'list-b']) await ask(api, MAPS, { method: 'POST', body: configMap(name) })
    const plain = (await ask(api, MAPS)).json
    expect(plain).toMatchObject({
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
    })
    expect(plain.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(
      expect.arrayContaining(['list-a', 'list-b']),
    )
    const table = (await ask(api, MAPS, { headers: { accept: TABLE } })).json
    expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' })
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'Data', 'Age'])
    expect(table.rows[0].object.kind).toBe('PartialObjectMetadata')
    expect(
      (await ask(api, `${MAPS}?includeObject=None`, { headers: { accept: TABLE } })).json.rows[0].object,
    ).toBeUndefined()
    expect(
      (await ask(api, `${MAPS}?includeObject=Object`, { headers: { accept: TABLE } })).json.rows[0].object
        .kind,
    ).toBe('ConfigMap')
    const partial = (
      await ask(api, MAPS, {
        headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
      })
    ).json
    expect(partial.kind).toBe('PartialObjectMetadataList')
    expect(Object.keys(partial.items[0])).toEqual(['kind', 'apiVersion', 'metadata'])
    expect((await ask(api, MAPS, { headers: { accept: 'text/html' } })).json).toMatchObject({
      code: 406,
      reason: 'NotAcceptable',
    })
  })

  it('compresses large answers for whoever takes gzip, and no others', async () => {
    await ask(api, MAPS, { method: 'POST', body: configMap('large', { text: 'x'.repeat(300_000) }) })
    const response = await open(api, `${MAPS}/large`, { headers: { 'accept-encoding': 'gzip' } })
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    expect(response.headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()).data.text).toHaveLength(300_000)
    const plain = await ask(api, `${MAPS}/large`)
    expect([plain.headers['content-encoding'], plain.json.data.text.length]).toEqual([undefined, 300_000])
    await ask(api, `${MAPS}/large`, { method: 'DELETE' })
  })

  it('judges fields given twice as fieldValidation says', async () => {
    const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}'
    const headers = { 'content-type': 'application/json' }
    const strict = await ask(api, `${MAPS}?fieldValidation=Strict&dryRun=All`, {
      method: 'POST',
      headers,
      body,
    })
    expect(strict.json).toMatchObject({
      code: 400,
      message: expect.stringContaining('duplicate field "data.a"'),
    })
    const warned = await ask(api, `${MAPS}?dryRun=All`, { method: 'POST', headers, body })
    expect([warned.code, warned.headers.warning]).toEqual([201, '299 - "duplicate field \\"data.a\\""'])
    const ignored = await ask(api, `${MAPS}?dryRun=All&fieldValidation=Ignore`, {
      method: 'POST',
      headers,
      body,
    })
    expect([ignored.code, ignored.headers.warning]).toEqual([201, undefined])
  })
})

describe('bodies', () => {
  it('more than 3 MiB is 413, whether or not the length is said', async () => {
    const large = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20)
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }])
      expect((await ask(api, MAPS, { method: 'POST', headers, body: large })).json).toMatchObject({
        code: 413,
        reason: 'RequestEntityTooLarge',
        message: 'Request entity too large: limit is 3145728',
      })
  })

  it('takes protobuf of Go clients for creates, replaces and deletions, and answers in JSON', async () => {
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' }
    const made = await ask(api, MAPS, { method: 'POST', headers, body: configMapBody('go', 'blue') })
    expect([made.code, made.json.data]).toEqual([201, { color: 'blue' }])
    expect(made.json.metadata.managedFields).toHaveLength(1)
    const replaced = await ask(api, `${MAPS}/go`, {
      method: 'PUT',
      headers,
      body: configMapBody('go', 'red'),
    })
    expect([replaced.code, replaced.json.data]).toEqual([200, { color: 'red' }])
    const deletion = (uid: string): Buffer =>
      protobufBody('v1', 'DeleteOptions', options =>
        part(options, 2, preconditions => part(preconditions, 1, uid)),
      )
    const other = await ask(api, `${MAPS}/go`, { method: 'DELETE', headers, body: deletion('another') })
    expect([other.code, other.json.reason]).toEqual([409, 'Conflict'])
    const { uid } = made.json.metadata
    expect((await ask(api, `${MAPS}/go`, { method: 'DELETE', headers, body: deletion(uid) })).code).toBe(200)
    for (const body of ['k8s', Buffer.from('k8s\0'), configMapBody('go', 'x').subarray(0, 20)])
      expect((await ask(api, MAPS, { method: 'POST', headers, body })).json).toMatchObject({
        kind: 'Status',
        code: 400,
        reason: 'BadRequest',
      })
    expect((await ask(api, MAPS)).code).toBe(200)
  })

  it('text, form and compressed bodies are 415 with what is accepted', async () => {
    for (const type of ['text/plain', 'multipart/form-data'])
      expect(
        (await ask(api, MAPS, { method: 'POST', headers: { 'content-type': type }, body: 'k8s' })).json,
      ).toMatchObject({ code: 415, message: expect.stringContaining('application/json') })
    expect(
      (
        await ask(api, `${MAPS}/x`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
      ).code,
    ).toBe(415)
    expect(
      (
        await ask(api, MAPS, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
          body: 'x',
        })
      ).code,
    ).toBe(415)
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '12',
    '{"apiVersion":"v1"',
    '\u0000',
    `${'['.repeat(100_000)}`,
    '{"__proto__":{"x":1}}',
    '{"metadata":null}',
    '{"metadata":[]}',
    '{"metadata":{"name":{}}}',
    '{"apiVersion":1,"kind":2}',
  ])('refuses the body %j with a Status', async body => {
    const reply = await ask(api, MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(reply.json.kind).toBe('Status')
    expect([400, 422]).toContain(reply.code)
  })

  it('answers anything at all with an object or a Status, and lives', async () => {
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
    const word = fc.constantFrom(
      'api',
      'apis',
      'v1',
      'namespaces',
      'default',
      'pods',
      'apps',
      'deployments',
      'status',
      'scale',
      'log',
      '..',
      '%2e%2e',
      '%00',
      '',
      'x',
    )
    const path = fc
      .array(fc.oneof(word, fc.webSegment()), { maxLength: 8 })
      .map(parts => `/${parts.join('/')}`)
    const type = fc.constantFrom(
      'application/json',
      'application/apply-patch+yaml',
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/strategic-merge-patch+json',
    )
    const body = fc.oneof(fc.json(), fc.string({ unit: 'binary' }))
    await fc.assert(
      fc.asyncProperty(
        method,
        path,
        fc.webQueryParameters(),
        type,
        body,
        async (verb, where, query, contentType, text) => {
          const reply = await ask(api, `${where}?${query}&timeoutSeconds=1`, {
            method: verb,
            headers: { 'content-type': contentType },
            ...(verb === 'GET' ? {} : { body: text }),
          })
          expect(reply.code).toBeLessThan(500)
          if (reply.code >= 400) expect(reply.json).toMatchObject({ kind: 'Status', code: reply.code })
        },
      ),
      { numRuns: 300, seed: 20_240_601 },
    )
    expect((await ask(api, '/livez')).code).toBe(200)
  })
})

describe('queries', () => {
  it.each([
    'limit=x',
    'limit=-1',
    'resourceVersion=abc',
    'labelSelector=a%20b%20c',
    'fieldSelector=x',
    'fieldSelector=spec.nope%3D1',
    'timeoutSeconds=-1&watch=1',
    'resourceVersionMatch=Near',
    'timeout=soon',
    'continue=rubbish',
    'includeObject=Some',
  ])('%s is 400 with a Status', async query => {
    expect((await ask(api, `${PODS}?${query}`)).json).toMatchObject({
      kind: 'Status',
      code: 400,
      reason: 'BadRequest',
    })
  })
})

describe('watches', () => {
  it('stream what happens after a list, as objects and as Tables whose first event alone has columns', async () => {
    const { resourceVersion } = (await ask(api, MAPS)).json.metadata
    const path = `${MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched&resourceVersion=${resourceVersion}`
    const plain = await open(api, path)
    const tables = await open(api, path, { headers: { accept: TABLE } })
    await ask(api, MAPS, { method: 'POST', body: configMap('watched') })
    await ask(api, `${MAPS}/watched`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: '{"data":{"a":"1"}}',
    })
    await ask(api, `${MAPS}/watched`, { method: 'DELETE' })
    const types: string[] = []
    for await (const { type, object } of eventsOf(plain)) {
      types.push(`${type} ${object.metadata.name}`)
      if (type === 'DELETED') break
    }
    expect(types).toEqual(['ADDED watched', 'MODIFIED watched', 'DELETED watched'])
    const columns: boolean[] = []
    for await (const { type, object } of eventsOf(tables) as AsyncIterable<{
      type: string
      object: { columnDefinitions: unknown }
    }>) {
      columns.push(object.columnDefinitions !== null)
      if (type === 'DELETED') break
    }
    expect(columns).toEqual([true, false, false])
  })

  it('answer their head before anything has happened, and end cleanly after timeoutSeconds', async () => {
    const response = await open(api, `${PODS}?watch=true&timeoutSeconds=1`)
    expect(response.headers).toMatchObject({
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    })
    const events: unknown[] = []
    for await (const event of eventsOf(response)) events.push(event)
    expect(response.complete).toBe(true)
  })

  it('from a version that is gone end with an ERROR event or a Status, of code 410', async () => {
    const { resourceVersion } = (await ask(api, MAPS)).json.metadata
    await api.store.compact(Number(resourceVersion))
    const reply = await ask(api, `${MAPS}?watch=1&resourceVersion=1&timeoutSeconds=2`)
    const status = reply.code === 410 ? reply.json : JSON.parse(reply.text.split('\n')[0] ?? '').object
    expect(status).toMatchObject({ kind: 'Status', code: 410 })
  })

  it('from a version that was never written end at once, of code 410: the store was put back from a copy', async () => {
    const { resourceVersion } = (await ask(api, MAPS)).json.metadata
    const wanted = Number(resourceVersion) + 1_000
    const reply = await ask(api, `${MAPS}?watch=1&resourceVersion=${wanted}&timeoutSeconds=2`)
    expect(reply.code).toBe(410)
    expect(reply.json).toMatchObject({ kind: 'Status', reason: 'Expired' })
    expect(reply.json.message).toContain(`Too large resource version: ${wanted}, current: `)
    const newest = await ask(api, `${MAPS}?watch=1&resourceVersion=${api.store.revision}&timeoutSeconds=1`)
    expect([newest.code, newest.text]).toEqual([200, ''])
  })
})

describe('limits and failures', () => {
  it('a bug answers 500 without telling what, is logged under the audit id, and nothing else suffers', async () => {
    listSecrets = () => Promise.reject(new TypeError('the value is hunter2'))
    const reply = await ask(api, '/api/v1/secrets')
    listSecrets = undefined
    expect(reply.json).toMatchObject({ kind: 'Status', code: 500, reason: 'InternalError' })
    expect(reply.text).not.toContain('hunter2')
    expect(logged.at(-1)).toMatchObject({ auditId: reply.headers['audit-id'], path: '/api/v1/secrets' })
    expect((await ask(api, '/api/v1/secrets')).code).toBe(200)
  })

  it("Bowline's own conditions are answered by their code", async () => {
    listSecrets = () => Promise.reject(new BowlineError('unavailable', 'Cannot read store: it is closed'))
    const reply = await ask(api, '/api/v1/secrets')
    listSecrets = undefined
    expect(reply.json).toMatchObject({ code: 503, message: 'Cannot read store: it is closed' })
  })

  it('what takes longer than its timeout is 504', async () => {
    listSecrets = () => new Promise(() => undefined)
    const reply = await ask(api, '/api/v1/secrets?timeout=50ms')
    listSecrets = undefined
    expect(reply.json).toMatchObject({ code: 504, reason: 'Timeout' })
  })

  it('what is no HTTP is refused and the connection closed', async () => {
    for (const noise of [
      'GARBAGE\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false })
      socket.on('error', () => undefined)
      socket.write(noise)
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      await once(socket, 'close')
      expect(text === '' || /^HTTP\/1.1 4\d\d /.test(text), noise.slice(0, 20)).toBe(true)
    }
    expect((await ask(api, '/livez')).code).toBe(200)
  })

  it('what is no TLS is closed at once', async () => {
    const socket = tcpConnect(api.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    expect((await ask(api, '/livez')).code).toBe(200)
  })

  it('a stop ends watches cleanly, refuses what still runs, and closes every connection', async () => {
    const short = await startTestApi()
    const watch = await open(short, `${PODS}?watch=1`)
    const ended = (async () => {
      for await (const _ of watch);
    })()
    await short.close()
    await ended
    expect(watch.complete).toBe(true)
    await expect(ask(short, '/livez')).rejects.toThrow(/ECONNREFUSED/)
  })

  it('an upgrade to anything but the tunnel is refused with a Status', async () => {
    const reply = await ask(api, `${PODS}/web/exec`, {
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    })
    expect(reply.json).toMatchObject({ kind: 'Status', code: 404 })
    expect(reply.json.message).toContain('does not offer pods/exec yet')
  })
})

it('a body in YAML has its bounds, as everybody may send one', async () => {
  const type = { 'content-type': 'application/yaml' }
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const body = Array.from({ length: 40_000 }, (_, line) => `k${line}: 1`).join('\n')
  const { code, json } = await ask(api, path, { method: 'POST', headers: type, body })
  expect([code, json.message]).toEqual([400, expect.stringContaining('made of more than 200000 tokens')])
})

it('a Scale of another kind, name or place changes nothing', async () => {
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const spec = { replicas: 0, selector: { matchLabels: { a: 'b' } }, template }
  await ask(api, deployments, { method: 'POST', body: { metadata: { name: 'scaled' }, spec } })
  const path = `${deployments}/scaled/scale`
  const scale = (await ask(api, path)).json
  const merge = { 'content-type': 'application/merge-patch+json' }
  for (const change of [
    { kind: 'Pod' },
    { apiVersion: 'v1' },
    { metadata: { ...scale.metadata, name: 'other' } },
    { metadata: { ...scale.metadata, namespace: 'kube-system' } },
    { metadata: 'x' },
  ]) {
    const body = { ...scale, spec: { replicas: 3 }, ...change }
    expect((await ask(api, path, { method: 'PUT', body })).code, JSON.stringify(change)).toBe(400)
    const patched = await ask(api, path, { method: 'PATCH', headers: merge, body: JSON.stringify(body) })
    expect(patched.code, JSON.stringify(change)).toBe(400)
  }
  expect((await ask(api, path)).json.spec.replicas ?? 0).toBe(0)
  expect((await ask(api, path, { method: 'PUT', body: { spec: { replicas: 2 } } })).json.spec.replicas).toBe(
    2,
  )
  await ask(api, `${deployments}/scaled`, { method: 'DELETE' })
})

it('a Scale is applied as any object is: its replicas have an owner, and conflict', async () => {
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}\n' }
  const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template }
  const object = { metadata: { name: 'applied', annotations }, spec }
  await ask(api, `${deployments}?fieldManager=author`, { method: 'POST', body: object })
  const apply = (replicas: number | undefined, query: string) =>
    ask(api, `${deployments}/applied/scale${query}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'applied' },
        ...(replicas === undefined ? {} : { spec: { replicas } }),
      }),
    })
  const { code, json: refused } = await apply(3, '?fieldManager=scaler')
  expect([code, refused.reason, refused.details.causes]).toEqual([
    409,
    'Conflict',
    [
      {
        reason: 'FieldManagerConflict',
        message: expect.stringContaining('"author"'),
        field: '.spec.replicas',
      },
    ],
  ])
  expect((await apply(3, '')).code).toBe(422)
  const forced = await apply(3, '?fieldManager=kubectl&force=true')
  expect([forced.code, forced.json.kind, forced.json.spec]).toEqual([200, 'Scale', { replicas: 3 }])
  const { metadata } = (await ask(api, `${deployments}/applied`)).json
  expect(metadata.managedFields[0]).toMatchObject({
    ...{ manager: 'kubectl', operation: 'Apply', subresource: 'scale', apiVersion: 'apps/v1' },
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  })
  expect(JSON.stringify(metadata.managedFields.slice(1))).not.toContain('f:replicas')
  expect(metadata.annotations).toEqual(annotations)
  // Who declares none any more leaves them as they are, and to anybody.
  expect((await apply(undefined, '?fieldManager=kubectl')).json.spec).toEqual({ replicas: 3 })
  expect((await apply(5, '?fieldManager=scaler')).json.spec).toEqual({ replicas: 5 })
  await ask(api, `${deployments}/applied`, { method: 'DELETE' })
})

describe('extensions', () => {
  it('answer under their path after authorization', async () => {
    const path = '/apis/bowline.dev/v1alpha1/apps/shop/plan?revision=a1b2'
    expect((await ask(api, path)).json).toEqual({ name: 'shop', revision: 'a1b2' })
    const refused = await ask(api, path, { as: await api.identity('eve') })
    expect(refused.json.message).toContain(
      'apps.bowline.dev "shop" is forbidden: User "eve" cannot get resource "apps/plan"',
    )
    expect(
      (await ask(api, '/apis/bowline.dev/v1alpha1/apps/shop/plan', { method: 'POST', body: {} })).code,
    ).toBe(404)
  })

  it('answer where they belong: in a namespace, or in none', async () => {
    const code = async (path: string) => (await ask(api, `/apis/bowline.dev/v1alpha1/${path}`)).code
    expect(await code('namespaces/default/apps/shop/plan')).toBe(404)
    expect(await code('namespaces/default/jointokens')).toBe(404)
    expect(await code('namespaces/default/volumes/data')).toBe(200)
    expect(await code('volumes')).toBe(200)
    expect(await code('volumes/data')).toBe(404)
  })

  it('stream', async () => {
    expect((await ask(api, '/apis/bowline.dev/v1alpha1/apps/shop/follow')).text).toBe('shop 1\nshop 2\n')
  })

  it('join tokens are made, listed and revoked, by the admin alone', async () => {
    const path = '/apis/bowline.dev/v1alpha1/jointokens'
    const made = await ask(api, path, {
      method: 'POST',
      body: { lifetimeMs: 60_000, singleUse: true, description: 'd' },
    })
    expect(made.json.token.split('.')).toHaveLength(3)
    const { id } = made.json.info
    const listed = await ask(api, path)
    expect(listed.json.tokens).toContainEqual(made.json.info)
    expect(listed.text).not.toContain(made.json.token.split('.')[2])
    expect((await ask(api, `${path}/${id}`, { method: 'DELETE' })).code).toBe(200)
    expect((await ask(api, `${path}/${id}`, { method: 'DELETE' })).code).toBe(404)
    expect((await ask(api, path, { method: 'POST', body: { lifetimeMs: 'x' } })).code).toBe(400)
    expect((await ask(api, path, { as: await api.identity('system:node:a', ['system:nodes']) })).code).toBe(
      403,
    )
  })
})
