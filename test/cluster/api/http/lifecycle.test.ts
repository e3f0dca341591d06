import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inertReason, subresourcesOf } from '../../../../src/kinds/index.ts'
import { allKinds, apiPath, apiVersionOf, type Kind } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, open, type Reply } from '../support/https.ts'
import { sampleOf } from '../support/samples.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

/**
 * Records are written by the server alone; their reading is tested with the audit. Definitions of custom resources end when a controller has
 * emptied them; they have tests of their own.
 */
const written = allKinds.filter(
  kind => kind.verbs.includes('create') && kind.group !== 'apiextensions.k8s.io',
)
const namespaceOf = (kind: Kind): string | undefined => (kind.namespaced ? 'default' : undefined)

async function good(path: string, question: Parameters<typeof ask>[2] = {}): Promise<Reply> {
  const reply = await ask(api, path, question)
  expect(reply.code, `${question.method ?? 'GET'} ${path}: ${reply.text}`).toBeLessThan(300)
  return reply
}

/** Reads a watch until an event satisfies, and answers with all events until then. */
async function eventsUntil(stream: IncomingMessage, isLast: (type: string) => boolean) {
  const events: { type: string; object: { kind: string; metadata: { name: string; labels?: object } } }[] = []
  let rest = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    events.push(...lines.map(line => JSON.parse(line)))
    if (events.some(({ type }) => isLast(type))) break
  }
  stream.destroy()
  return events
}

it('has a sample of every kind that clients may write', () => {
  expect(written.filter(kind => sampleOf(kind, 'x') === undefined).map(kind => kind.kind)).toEqual([])
})

const sampled = written.filter(kind => sampleOf(kind, 'x') !== undefined)

describe.each(sampled.map(kind => [`${apiVersionOf(kind)} ${kind.kind}`, kind] as const))('%s', (_, kind) => {
  const collection = apiPath(kind, namespaceOf(kind))
  const sample = sampleOf(kind, `life-${kind.plural}`) as { readonly metadata: { readonly name: string } }
  const { name } = sample.metadata
  const object = `${collection}/${name}`
  const selector = `labelSelector=sample%3Dlife-${kind.plural}`

  it('is created, read, listed, replaced, patched, applied, watched and deleted', async () => {
    const created = await good(collection, { method: 'POST', body: sample })
    expect(created.code).toBe(201)
    expect(created.json).toMatchObject({
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: { name },
    })
    expect(created.json.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    const warning = inertReason(kind)
    if (warning === undefined) expect(created.headers.warning ?? '').not.toContain('nothing acts on')
    else expect(created.headers.warning).toContain(warning)

    const { metadata } = created.json
    expect((await good(object)).json).toEqual(created.json)
    const list = (await good(`${collection}?${selector}`)).json
    expect(list).toMatchObject({ apiVersion: apiVersionOf(kind), kind: `${kind.kind}List` })
    expect(list.items.map((item: { metadata: object }) => item.metadata)).toEqual([metadata])

    const stream = await open(
      api,
      `${collection}?watch=1&${selector}&resourceVersion=${metadata.resourceVersion}`,
    )
    const watched = eventsUntil(stream, type => type === 'DELETED')

    const replaced = await good(object, {
      method: 'PUT',
      body: { ...created.json, metadata: { ...metadata, annotations: { step: 'replaced' } } },
    })
    expect(replaced.json.metadata.annotations).toMatchObject({ step: 'replaced' })
    expect(replaced.json.metadata.uid).toBe(metadata.uid)
    const stale = await ask(api, object, {
      method: 'PUT',
      body: { ...created.json, metadata: { ...metadata, annotations: { step: 'stale' } } },
    })
    expect([stale.code, stale.json.reason]).toEqual([409, 'Conflict'])

    for (const type of ['merge-patch', 'strategic-merge-patch']) {
      const patched = await good(object, {
        method: 'PATCH',
        headers: { 'content-type': `application/${type}+json` },
        body: JSON.stringify({ metadata: { annotations: { step: type } } }),
      })
      expect(patched.json.metadata.annotations).toMatchObject({ step: type })
    }
    const applied = await good(`${object}?fieldManager=life`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { name, annotations: { applied: 'yes' } },
      }),
    })
    expect(applied.json.metadata.annotations).toMatchObject({ applied: 'yes', step: 'strategic-merge-patch' })
    expect(applied.json.metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: 'life', operation: 'Apply' }),
    )

    const table = await good(`${collection}?${selector}`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    })
    const { columnDefinitions, rows } = table.json
    expect(rows).toHaveLength(1)
    expect(rows[0].cells).toHaveLength(columnDefinitions.length)
    for (const cell of rows[0].cells) expect(String(cell)).not.toMatch(/undefined|\[object|NaN/)

    await letGo(object)
    const deleted = await good(object, { method: 'DELETE', body: { propagationPolicy: 'Background' } })
    expect(JSON.stringify(deleted.json)).toContain(metadata.uid)
    await ended(object)
    const events = await watched
    expect(events[0]).toMatchObject({ type: 'MODIFIED', object: { kind: kind.kind, metadata: { name } } })
    expect(events.at(-1)).toMatchObject({ type: 'DELETED', object: { kind: kind.kind, metadata: { name } } })
  })

  it.runIf(kind.subresources.includes('status'))('has a status that is written by itself', async () => {
    const created = await good(collection, { method: 'POST', body: sample })
    const before = created.json
    // Every kind's metadata may be written with its status, and nothing else of it.
    const annotated = await good(`${object}/status`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ metadata: { annotations: { status: 'patched' } } }),
    })
    expect(annotated.json.metadata.annotations).toMatchObject({ status: 'patched' })
    const put = await good(`${object}/status`, { method: 'PUT', body: annotated.json })
    expect(put.json.spec).toEqual(before.spec)
    expect((await good(`${object}/status`)).json).toEqual(put.json)
    await letGo(object)
    await good(object, { method: 'DELETE' })
    await ended(object)
  })

  it.runIf(kind.verbs.includes('deletecollection'))('is deleted by the collection', async () => {
    await good(collection, { method: 'POST', body: sample })
    await letGo(object)
    const deleted = await good(`${collection}?${selector}`, { method: 'DELETE' })
    expect(deleted.json.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([
      name,
    ])
    await ended(object)
    expect((await good(`${collection}?${selector}`)).json.items).toEqual([])
  })

  it('is refused with a Status when it is bad', async () => {
    const bad = await ask(api, collection, {
      method: 'POST',
      body: { ...sample, metadata: { name: 'no/name' } },
    })
    expect([bad.code, bad.json.reason, bad.json.details?.kind], bad.text).toEqual([422, 'Invalid', kind.kind])
    const strict = await ask(api, `${collection}?fieldValidation=Strict`, {
      method: 'POST',
      body: { ...sample, nonsense: 1 },
    })
    expect([strict.code, strict.json.reason]).toEqual([400, 'BadRequest'])
    expect(strict.json.message).toContain('unknown field "nonsense"')
  })

  it('is described by discovery and OpenAPI', async () => {
    const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
    const { resources } = (await good(base)).json
    const names = [kind.plural, ...subresourcesOf(kind).map(({ name }) => `${kind.plural}/${name}`)]
    expect(resources.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(names))
    const { paths, components } = (await good(`/openapi/v3${base}`)).json
    const path = `${base}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`
    expect(Object.keys(paths[path])).toEqual(expect.arrayContaining(['get', 'put', 'patch', 'delete']))
    const described = Object.values<{ 'x-kubernetes-group-version-kind'?: object[] }>(components.schemas)
    expect(described.flatMap(schema => schema['x-kubernetes-group-version-kind'] ?? [])).toContainEqual({
      group: kind.group,
      version: kind.version,
      kind: kind.kind,
    })
  })
})

/** Nothing runs here that would take finalizers away. */
async function letGo(object: string): Promise<void> {
  const { metadata, ...rest } = (await good(object)).json
  if (metadata.finalizers === undefined) return
  await good(object, { method: 'PUT', body: { ...rest, metadata: { ...metadata, finalizers: [] } } })
}

/** A namespace ends when its finalizer, which only its own subresource takes away, is gone. */
async function ended(object: string): Promise<void> {
  const reply = await ask(api, object)
  if (reply.code === 200 && reply.json.kind === 'Namespace')
    await good(`${object}/finalize`, { method: 'PUT', body: { ...reply.json, spec: { finalizers: [] } } })
  expect((await ask(api, object)).code).toBe(404)
}
