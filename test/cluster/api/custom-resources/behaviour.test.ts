import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { TestApi } from '../support/api-server.ts'
import { startControlledApi } from '../support/controlled-api.ts'
import {
  DEFINITIONS,
  define,
  definition,
  object,
  objectsPath,
  schemaOf,
  version,
} from '../support/definitions.ts'
import { ask, type Reply } from '../support/https.ts'
import { kubectl, kubectlOk } from '../support/kubectl.ts'

let api: TestApi

beforeAll(async () => {
  api = await startControlledApi()
})
afterAll(() => api.close())

const run = (...args: readonly string[]): Promise<string> => kubectlOk(api, args)
const post = (path: string, body: object): Promise<Reply> => ask(api, path, { method: 'POST', body })
const patch = (path: string, body: unknown, type = 'merge-patch'): Promise<Reply> =>
  ask(api, path, {
    method: 'PATCH',
    headers: { 'content-type': `application/${type}+${type === 'apply-patch' ? 'yaml' : 'json'}` },
    body: JSON.stringify(body),
  })
const apply = (path: string, manager: string, body: object): Promise<Reply> =>
  patch(`${path}?fieldManager=${manager}`, body, 'apply-patch')

describe('CustomResourceDefinition', () => {
  it.each([{ message: 'no rule' }, { rule: ' ' }])(
    'is refused with a rule that says nothing: %j',
    async rule => {
      const schema = {
        type: 'object',
        properties: { a: { type: 'string', 'x-kubernetes-validations': [rule] } },
      }
      const { code, json } = await post(
        DEFINITIONS,
        definition('Mute', { versions: [version({ schema, storage: true })] }),
      )
      expect(code).toBe(422)
      expect(json.details.causes.map(({ field }: Record<string, string>) => field)).toEqual([
        'spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[0].rule',
      ])
    },
  )

  it('is refused with everything that is wrong with it', async () => {
    const schema = {
      type: 'object',
      properties: {
        a: {},
        b: { type: 'array' },
        c: { type: 'string', pattern: '(' },
        metadata: { type: 'string' },
      },
      anyOf: [{ properties: { x: { type: 'string' } } }],
    }
    const versions = [version({ schema }), version({ name: 'V2' })]
    const { code, json } = await post(DEFINITIONS, definition('Bad', { group: 'nodot', versions }))
    const at = 'spec.versions[0].schema.openAPIV3Schema'
    expect(code).toBe(422)
    const problems = json.details.causes.map(
      ({ field, message }: Record<string, string>) => `${field}: ${message}`,
    )
    expect(problems).toEqual(
      expect.arrayContaining([
        'spec.group: Invalid value: "nodot": should be a domain with at least one dot',
        expect.stringContaining('spec.versions[1].name: Invalid value: "V2"'),
        'spec.versions: Invalid value: ["v1","V2"]: must have exactly one version marked as storage version',
        `${at}.properties[a].type: Required value: must not be empty for specified object fields`,
        `${at}.properties[b].items: Required value: must be specified`,
        expect.stringContaining(
          `${at}.properties[c].pattern: Invalid value: "(": must be a valid regular expression`,
        ),
        `${at}.properties[metadata].type: Invalid value: "string": must be object`,
        `${at}.anyOf[0].properties[x].type: Forbidden: must be empty to be structural`,
      ]),
    )
  })

  it('may not change its scope and kind once it is established, and asks for a name that is its own', async () => {
    await define(api, definition('Fixed'))
    const path = `${DEFINITIONS}/fixeds.example.com`
    const changed = await patch(path, { spec: { scope: 'Cluster', names: { kind: 'Other' } } })
    expect(changed.json.details.causes.map(({ field }: { field: string }) => field)).toEqual([
      'spec.scope',
      'spec.names.kind',
    ])
    const renamed = await post(DEFINITIONS, {
      ...definition('Fixed'),
      metadata: { name: 'other.example.com' },
    })
    expect(renamed.json.message).toContain('must be spec.names.plural+"."+spec.group')
  })

  it('waits for names that another one has, and is established when they are given up', async () => {
    await define(api, definition('Owner', { names: { shortNames: ['ow'] } }))
    const late = definition('Late', { names: { shortNames: ['ow'] } })
    await post(DEFINITIONS, late)
    const path = `${DEFINITIONS}/lates.example.com`
    const conditions = async () => (await ask(api, path)).json.status.conditions
    await vi.waitFor(async () =>
      expect(await conditions()).toMatchObject([
        {
          type: 'NamesAccepted',
          status: 'False',
          reason: 'ShortNamesConflict',
          message: '"ow" is already in use',
        },
        { type: 'Established', status: 'False', reason: 'NotAccepted' },
      ]),
    )
    expect((await ask(api, objectsPath('lates'))).code).toBe(404)
    await ask(api, `${DEFINITIONS}/owners.example.com`, { method: 'DELETE' })
    await vi.waitFor(async () => expect((await ask(api, objectsPath('lates'))).code).toBe(200), 5_000)
  })

  it('takes its objects along when it is deleted, those with finalizers when they let go, and takes no new ones', async () => {
    await define(api, definition('Doomed'))
    const path = objectsPath('doomeds')
    await post(path, object('Doomed', 'plain'))
    const held = object('Doomed', 'held') as { metadata: object }
    await post(path, { ...held, metadata: { name: 'held', finalizers: ['example.com'] } })
    const owned = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'of-plain',
        ownerReferences: [
          {
            apiVersion: 'example.com/v1',
            kind: 'Doomed',
            name: 'plain',
            uid: (await ask(api, `${path}/plain`)).json.metadata.uid,
          },
        ],
      },
    }
    await post('/api/v1/namespaces/default/configmaps', owned)
    await ask(api, `${DEFINITIONS}/doomeds.example.com`, { method: 'DELETE' })
    await vi.waitFor(async () => {
      const { json } = await ask(api, path)
      expect(json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual([
        'held',
      ])
    })
    const refused = await post(path, object('Doomed', 'new'))
    expect([refused.code, refused.json.message]).toEqual([
      405,
      'create not allowed while custom resource definition is terminating',
    ])
    const { json } = await ask(api, `${DEFINITIONS}/doomeds.example.com`)
    expect(json.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Terminating', status: 'True' }),
    )
    await patch(`${path}/held`, { metadata: { finalizers: [] } })
    await vi.waitFor(
      async () => expect((await ask(api, `${DEFINITIONS}/doomeds.example.com`)).code).toBe(404),
      5_000,
    )
    await vi.waitFor(
      async () => expect((await ask(api, '/api/v1/namespaces/default/configmaps/of-plain')).code).toBe(404),
      5_000,
    )
    await define(api, definition('Doomed'))
    expect((await ask(api, path)).json.items).toEqual([])
  })
})

describe('a custom resource', () => {
  it('is refused in the words of upstream', async () => {
    const spec = {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', maxLength: 3, pattern: '^[a-z]*$' },
        replicas: { type: 'integer', minimum: 1, maximum: 5 },
        mode: { type: 'string', enum: ['on', 'off'] },
        port: { 'x-kubernetes-int-or-string': true },
        when: { type: 'string', format: 'date-time' },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' }, maxItems: 3 },
        one: {
          type: 'object',
          properties: { a: { type: 'string' }, b: { type: 'string' } },
          oneOf: [{ required: ['a'] }, { required: ['b'] }],
        },
        nil: { type: 'string', nullable: true },
      },
    }
    await define(api, definition('Judged', { versions: [version({ schema: schemaOf(spec) })] }))
    const path = objectsPath('judgeds')
    const refused = async (fields: object): Promise<string[]> => {
      const { code, json } = await post(path, object('Judged', 'x', { spec: fields }))
      expect([code, json.reason]).toEqual([422, 'Invalid'])
      return json.details.causes.map(({ field, message }: Record<string, string>) => `${field}: ${message}`)
    }
    expect(await refused({})).toEqual(['spec.name: Required value'])
    expect(await refused({ name: 'a', replicas: 'many' })).toEqual([
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ])
    expect(await refused({ name: 'abcd' })).toEqual(['spec.name: Too long: may not be more than 3 bytes'])
    expect(await refused({ name: 'A' })).toEqual([
      `spec.name: Invalid value: "A": spec.name in body should match '^[a-z]*$'`,
    ])
    expect(await refused({ name: 'a', replicas: 0 })).toEqual([
      'spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1',
    ])
    expect(await refused({ name: 'a', mode: 'maybe' })).toEqual([
      'spec.mode: Unsupported value: "maybe": supported values: "off", "on"',
    ])
    expect(await refused({ name: 'a', port: true })).toEqual([
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ])
    expect(await refused({ name: 'a', when: 'noon' })).toEqual([
      'spec.when: Invalid value: "noon": spec.when in body must be of type date-time: "noon"',
    ])
    expect(await refused({ name: 'a', tags: ['x', 'x'] })).toEqual(['spec.tags[1]: Duplicate value: "x"'])
    expect(await refused({ name: 'a', tags: ['w', 'x', 'y', 'z'] })).toEqual([
      'spec.tags: Too many: 4: must have at most 3 items',
    ])
    expect(await refused({ name: 'a', one: { a: '', b: '' } })).toEqual([
      'spec.one: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ])
    const good = await post(
      path,
      object('Judged', 'x', { spec: { name: 'a', port: 'http', nil: null, mode: 'on' } }),
    )
    expect([good.code, good.json.spec]).toEqual([201, { name: 'a', port: 'http', nil: null, mode: 'on' }])
  })

  it('keeps to what was accepted once, while it does not change', async () => {
    const schema = schemaOf({ type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } })
    await define(api, definition('Rated', { versions: [version({ schema })] }))
    const path = objectsPath('rateds')
    await post(path, object('Rated', 'x', { spec: { a: 'long', b: '' } }))
    const stricter = [
      {
        op: 'add',
        path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/maxLength',
        value: 1,
      },
    ]
    await run('patch', 'crd', 'rateds.example.com', '--type=json', '-p', JSON.stringify(stricter))
    expect((await patch(`${path}/x`, { spec: { b: 'new' } })).code).toBe(200)
    expect((await patch(`${path}/x`, { spec: { a: 'other' } })).code).toBe(422)
  })

  it('shows the same object in every version, and is stored in the one that says so', async () => {
    const schema = schemaOf({ type: 'object', properties: { a: { type: 'string' } } })
    const versions = [
      version({ name: 'v1', schema, storage: false }),
      version({ name: 'v2', schema }),
      version({ name: 'v1beta1', schema, storage: false, deprecated: true }),
    ]
    await define(api, definition('Many', { versions }))
    const stored = () =>
      api.store
        .range('/registry/example.com/manys/')
        .then(({ items }) => items.map(item => JSON.parse(Buffer.from(item.value).toString()).apiVersion))
    await post(objectsPath('manys', 'v1'), object('Many', 'x', { spec: { a: '1' } }))
    expect(await stored()).toEqual(['example.com/v2'])
    for (const name of ['v1', 'v2', 'v1beta1']) {
      const { json } = await ask(api, `${objectsPath('manys', name)}/x`)
      expect([json.apiVersion, json.spec]).toEqual([`example.com/${name}`, { a: '1' }])
      expect((await ask(api, objectsPath('manys', name))).json.items[0].apiVersion).toBe(
        `example.com/${name}`,
      )
    }
    expect((await ask(api, objectsPath('manys', 'v1beta1'))).headers.warning).toBe(
      '299 - "example.com/v1beta1 Many is deprecated"',
    )
    expect(await run('get', 'manys', '-o', 'jsonpath={.items[0].apiVersion}')).toBe('example.com/v2')
    const swap = [
      { op: 'replace', path: '/spec/versions/1/storage', value: false },
      { op: 'replace', path: '/spec/versions/0/storage', value: true },
    ]
    await run('patch', 'crd', 'manys.example.com', '--type=json', '-p', JSON.stringify(swap))
    const { json } = await ask(api, `${DEFINITIONS}/manys.example.com`)
    expect(json.status.storedVersions).toEqual(['v2', 'v1'])
    // A write without effect stores the object anew: that is how versions are retired.
    const current = await ask(api, `${objectsPath('manys', 'v2')}/x`)
    await ask(api, `${objectsPath('manys', 'v2')}/x`, { method: 'PUT', body: current.json })
    expect(await stored()).toEqual(['example.com/v1'])
    const gone = [{ op: 'remove', path: '/spec/versions/1' }]
    const refused = await kubectl(api, [
      'patch',
      'crd',
      'manys.example.com',
      '--type=json',
      '-p',
      JSON.stringify(gone),
    ])
    expect(refused.stderr).toContain(
      'status.storedVersions[0]: Invalid value: "v2": must appear in spec.versions',
    )
  })

  it('has a status and a scale of its own, and a generation that counts its content', async () => {
    const schema = schemaOf(
      { type: 'object', properties: { replicas: { type: 'integer' } } },
      { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
    )
    const subresources = {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    }
    await define(api, definition('Scaled', { versions: [version({ schema, subresources })] }))
    const path = objectsPath('scaleds')
    const made = await post(path, object('Scaled', 'x', { spec: { replicas: 2 }, status: { replicas: 9 } }))
    expect([made.json.status, made.json.metadata.generation]).toEqual([undefined, 1])
    const status = { replicas: 2, selector: 'app=x' }
    const written = await patch(`${path}/x/status`, {
      spec: { replicas: 7 },
      metadata: { labels: { a: 'b' } },
      status,
    })
    expect([written.json.spec.replicas, written.json.status, written.json.metadata.generation]).toEqual([
      2,
      status,
      1,
    ])
    expect(written.json.metadata.labels).toBeUndefined()
    const scale = await ask(api, `${path}/x/scale`)
    expect([scale.json.spec, scale.json.status]).toEqual([
      { replicas: 2 },
      { replicas: 2, selector: 'app=x' },
    ])
    await run('scale', '--replicas=5', 'scaled/x')
    const scaled = await ask(api, `${path}/x`)
    expect([scaled.json.spec.replicas, scaled.json.metadata.generation, scaled.json.status]).toEqual([
      5,
      2,
      status,
    ])
    const main = await patch(`${path}/x`, { status: { replicas: 0 }, metadata: { labels: { a: 'b' } } })
    expect([main.json.status, main.json.metadata.generation]).toEqual([status, 2])
  })

  it('is applied by managers who share its lists by key, and conflict about a field', async () => {
    const items = {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string' }, size: { type: 'integer' } },
    }
    const list = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items,
    }
    const schema = schemaOf({
      type: 'object',
      properties: { list, free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    })
    await define(api, definition('Shared', { versions: [version({ schema })] }))
    const path = `${objectsPath('shareds')}/x`
    const one = await apply(
      path,
      'one',
      object('Shared', 'x', { spec: { list: [{ name: 'a', size: 1 }], free: { q: [1] } } }),
    )
    expect(one.code).toBe(201)
    const two = await apply(
      path,
      'two',
      object('Shared', 'x', { spec: { list: [{ name: 'b', size: 2 }], free: { r: 1 } } }),
    )
    expect(two.json.spec).toEqual({
      list: [
        { name: 'a', size: 1 },
        { name: 'b', size: 2 },
      ],
      free: { q: [1], r: 1 },
    })
    const conflict = await apply(
      path,
      'two',
      object('Shared', 'x', { spec: { list: [{ name: 'a', size: 3 }] } }),
    )
    expect([conflict.code, conflict.json.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "one": .spec.list[name="a"].size',
    ])
    const less = await apply(path, 'one', object('Shared', 'x', { spec: { list: [] } }))
    expect(less.json.spec).toEqual({ list: [{ name: 'b', size: 2 }], free: { r: 1 } })
    expect(
      less.json.metadata.managedFields.map(({ manager }: { manager: string }) => manager).sort(),
    ).toEqual(['two'])
    expect((await patch(path, { spec: {} }, 'strategic-merge-patch')).code).toBe(415)
  })

  it('is shown in the columns that its definition names', async () => {
    const additionalPrinterColumns = [
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Image', type: 'string', jsonPath: '.spec.containers[0].image', priority: 1 },
      { name: 'Born', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ]
    await define(api, definition('Shown', { versions: [version({ additionalPrinterColumns })] }))
    const conditions = [
      { type: 'Other', status: 'False' },
      { type: 'Ready', status: 'True' },
    ]
    await post(
      objectsPath('showns'),
      object('Shown', 'x', {
        spec: { replicas: 3, containers: [{ image: 'web:1' }] },
        status: { conditions },
      }),
    )
    await post(objectsPath('showns'), object('Shown', 'y'))
    expect(await run('get', 'showns', '-o', 'wide')).toMatch(
      /^NAME +REPLICAS +READY +IMAGE +BORN\nx +3 +True +web:1 +\d+s\ny +\d+s\n$/,
    )
  })

  it('is judged by its rules, and its definition by whether they are any', async () => {
    const rules = [
      { rule: 'self.min <= self.max', message: 'min must not be more than max' },
      {
        rule: '!has(oldSelf.name) || self.name == oldSelf.name',
        message: 'the name is immutable',
        fieldPath: '.name',
      },
    ]
    const spec = {
      type: 'object',
      properties: { min: { type: 'integer' }, max: { type: 'integer' }, name: { type: 'string' } },
      'x-kubernetes-validations': rules,
    }
    await define(api, definition('Ruled', { versions: [version({ schema: schemaOf(spec) })] }))
    const path = objectsPath('ruleds')
    const refused = await post(path, object('Ruled', 'x', { spec: { min: 2, max: 1, name: 'a' } }))
    expect(refused.json.message).toBe(
      'Ruled.example.com "x" is invalid: spec: Invalid value: "object": min must not be more than max',
    )
    expect((await post(path, object('Ruled', 'x', { spec: { min: 1, max: 2, name: 'a' } }))).code).toBe(201)
    const changed = await patch(`${path}/x`, { spec: { name: 'b' } })
    expect(changed.json.details.causes).toEqual([
      {
        reason: 'FieldValueInvalid',
        field: 'spec.name',
        message: 'Invalid value: "object": the name is immutable',
      },
    ])
    const bad = { ...spec, 'x-kubernetes-validations': [{ rule: 'self.nope > 1' }] }
    const { json } = await post(
      DEFINITIONS,
      definition('Unruly', { versions: [version({ schema: schemaOf(bad) })] }),
    )
    expect(json.details.causes[0].field).toBe(
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule',
    )
  })

  it('goes with its namespace', async () => {
    await define(api, definition('Housed'))
    await post('/api/v1/namespaces', { metadata: { name: 'house' } })
    const path = '/apis/example.com/v1/namespaces/house/houseds'
    expect((await post(path, object('Housed', 'x'))).code).toBe(201)
    await ask(api, '/api/v1/namespaces/house', { method: 'DELETE' })
    await vi.waitFor(async () => expect((await ask(api, '/api/v1/namespaces/house')).code).toBe(404), 15_000)
    await post('/api/v1/namespaces', { metadata: { name: 'house' } })
    expect((await ask(api, path)).json.items).toEqual([])
  })

  it('are changed by kubectl apply, diff and edit, which ask the schema in which language', async () => {
    const integer = { type: 'integer' }
    const list = { type: 'array', items: { type: 'object', properties: { a: integer } } }
    const schema = schemaOf({ type: 'object', properties: { size: integer, list } })
    await define(api, definition('Applied', { versions: [version({ schema })] }))
    const manifest = (size: number): string =>
      JSON.stringify({ ...object('Applied', 'one'), spec: { size, list: [{ a: size }] } })
    const apply = (size: number, ...args: readonly string[]): Promise<string> =>
      kubectlOk(api, ['apply', '-f', '-', ...args], manifest(size))
    expect(await apply(1)).toContain('applied.example.com/one created')
    expect(await apply(2)).toContain('applied.example.com/one configured')
    expect(await apply(2)).toContain('applied.example.com/one unchanged')
    const diff = (await kubectl(api, ['diff', '-f', '-'], manifest(3))).stdout
    expect(diff).toMatch(/^- +size: 2$/m)
    expect(diff).toMatch(/^\+ +size: 3$/m)
    const edited = await kubectl(api, ['edit', 'applied', 'one'], '', {
      KUBE_EDITOR: "sed -i 's/size: 2/size: 5/'",
    })
    expect(edited.stdout).toContain('edited')
    expect(await run('get', 'applied', 'one', '-o', 'jsonpath={.spec.size} {.spec.list[0].a}')).toBe('5 2')
  })
})
