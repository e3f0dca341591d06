import { isDeepStrictEqual } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { systemClock } from '../../src/base/index.ts'
import { customKinds, isEstablished } from '../../src/kinds/index.ts'
import {
  type CustomKind,
  type CustomResourceDefinition,
  isNotFound,
  Kinds,
  type KubeObject,
} from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { configMap } from './manifests.ts'
import { TestPipeline } from './test-pipeline.ts'

const DEFINITION = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, kind: Widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: { type: integer, minimum: 1 }
                color: { type: string, default: grey }
              x-kubernetes-validations:
                - { rule: self.color != 'pink', message: pink is not for widgets }
`

const TWO = { size: 2, color: 'grey' }

function widget(name: string, spec = '{ size: 1 }'): string {
  return `apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: ${name} }\nspec: ${spec}\n`
}

describe('Pipeline: kinds that are defined', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create({ nodes: [] })
  })

  afterEach(() => world.close())

  async function widgetKind(): Promise<CustomKind> {
    const definition = await world.client.get<CustomResourceDefinition>(
      Kinds.CustomResourceDefinition,
      'widgets.example.com',
    )
    return customKinds(definition)[0] as CustomKind
  }

  async function served(): Promise<void> {
    await eventually('the kind to be served', async () =>
      isEstablished(await world.client.get(Kinds.CustomResourceDefinition, 'widgets.example.com')),
    )
  }

  async function read(
    name: string,
    namespace = 'default',
  ): Promise<KubeObject & { readonly spec?: unknown }> {
    return world.client.get(await widgetKind(), name, { namespace })
  }

  async function isGone(name: string): Promise<boolean> {
    return read(name).then(
      () => false,
      error => {
        if (isNotFound(error)) return true
        throw error
      },
    )
  }

  it('applies a definition and its objects of one commit, and keeps the objects equal to Git', async () => {
    await world.start()
    const files = {
      'a-widget.yaml': widget('one'),
      'definition.yaml': DEFINITION,
      'map.yaml': configMap('m'),
    }
    const first = world.push('both at once', files)
    const { status } = await world.reaches('Healthy', first)
    expect(status?.changes).toEqual({ create: 3, configure: 0, delete: 0, keep: 0 })
    expect((await read('one')).spec).toEqual({ size: 1, color: 'grey' })
    const second = world.push('larger', { 'a-widget.yaml': widget('one', '{ size: 2 }') })
    await world.reaches('Healthy', second)
    expect((await read('one')).spec).toEqual({ size: 2, color: 'grey' })
    await world.closed()
    const [record] = (await world.records()).slice(-1)
    expect(record?.spec.plan.changes.map(({ action, ref }) => [action, ref.kind])).toEqual([
      ['configure', 'Widget'],
    ])
    // An edit by hand is put back, after a restart too.
    const edit = { type: 'merge', body: { spec: { size: 9 } } } as const
    await world.as('ada').patch(await widgetKind(), 'one', edit, { namespace: 'default' })
    await eventually('the edit to be put back', async () => isDeepStrictEqual((await read('one')).spec, TWO))
    await world.restart()
    await world.as('ada').patch(await widgetKind(), 'one', edit, { namespace: 'default' })
    await eventually('the edit to be put back', async () => isDeepStrictEqual((await read('one')).spec, TWO))
    world.repository.git('rm', '-q', 'a-widget.yaml')
    const third = world.push('without the widget', { 'map.yaml': configMap('m') })
    await world.reaches('Healthy', third)
    expect(await isGone('one')).toBe(true)
  })

  it('holds what its definition refuses, at its line, whichever file and app the definition is in', async () => {
    await world.start()
    const commit = world.push('two apps', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/kinds/definition.yaml': DEFINITION,
      'apps/shop/good.yaml': widget('good'),
      'apps/shop/bad.yaml': `${widget('bad', '{ size: 0, colour: red }')}---\n${widget('pink', '{ size: 1, color: pink }')}`,
    })
    await world.reaches('Healthy', commit, 'kinds')
    const { status } = await world.reaches('Held', commit, 'shop')
    expect(status?.diagnostics).toMatchObject([
      {
        file: 'apps/shop/bad.yaml',
        line: 4,
        message: expect.stringContaining('greater than or equal to 1'),
      },
      {
        file: 'apps/shop/bad.yaml',
        line: 4,
        message: 'unknown field "spec.colour"',
        hint: 'did you mean "color"?',
      },
      { file: 'apps/shop/bad.yaml', line: 9, message: expect.stringContaining('pink is not for widgets') },
    ])
    const repaired = world.push('good', { 'apps/shop/bad.yaml': widget('bad') })
    await world.reaches('Healthy', repaired, 'shop')
    expect((await read('bad', 'shop')).spec).toEqual({ size: 1, color: 'grey' })
  })

  it('knows the kinds that are defined in the cluster, and says which are not', async () => {
    world.push('an unknown kind', { 'widget.yaml': widget('one') })
    await world.start()
    const held = await world.reaches('Held', world.repository.head())
    expect(held.status?.diagnostics?.[0]).toMatchObject({
      code: 'unknown-kind',
      message: 'there is no kind Widget in example.com/v1',
      hint: 'no CustomResourceDefinition that defines it is in this revision, and none was in the cluster',
    })
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    } as unknown as CustomResourceDefinition
    await world.client.create(Kinds.CustomResourceDefinition, definition)
    // The same commit can be applied now: nobody has to push again.
    await world.reaches('Healthy', world.repository.head())
    expect((await read('one')).spec).toEqual({ size: 1 })
    await world.closed()
    const told = (await world.records()).map(({ spec, status }) => [spec.trigger, status?.state])
    expect(told).toEqual([
      ['start', 'Held'],
      ['retry', 'Healthy'],
    ])
    const next = world.push('again', { 'two.yaml': widget('two') })
    await world.reaches('Healthy', next)
    expect((await read('two')).spec).toEqual({ size: 1 })
  })

  it('judges a commit anew when a definition changes, and records it only when that matters', async () => {
    world.push('one widget of two sizes', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/a/m.yaml': configMap('m'),
    })
    await world.start()
    await world.reaches('Healthy', world.repository.head(), 'a')
    const definition = parse(DEFINITION) as CustomResourceDefinition
    await world.client.create(Kinds.CustomResourceDefinition, definition)
    await served()
    const commit = world.push('a widget', { 'apps/b/widget.yaml': widget('one', '{ size: 4 }') })
    await world.reaches('Healthy', commit, 'b')
    const schema = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size'
    const restrict = (maximum: number) =>
      world.client.patch(Kinds.CustomResourceDefinition, 'widgets.example.com', {
        type: 'json',
        body: [{ op: 'add', path: `${schema}/maximum`, value: maximum }],
      })
    await restrict(9)
    await restrict(3)
    const { status } = await world.reaches('Held', commit, 'b')
    expect(status?.diagnostics).toMatchObject([
      { file: 'apps/b/widget.yaml', message: expect.stringContaining('3') },
    ])
    await restrict(5)
    await world.reaches('Healthy', commit, 'b')
    await world.closed()
    const told = (await world.records('b')).map(({ spec, status }) => [spec.trigger, status?.state])
    expect(told).toEqual([
      ['push', 'Healthy'],
      ['retry', 'Held'],
      ['retry', 'Healthy'],
    ])
    expect(await world.records('a')).toHaveLength(1)
  })

  it('holds a commit that removes a definition with the objects of its kind, and then removes both', async () => {
    await world.start()
    world.push('all', { 'd.yaml': DEFINITION, 'w.yaml': widget('one'), 'm.yaml': configMap('m') })
    await world.reaches('Healthy', world.repository.head())
    world.repository.git('rm', '-q', 'd.yaml', 'w.yaml')
    const removal = world.push('no widgets any more', { 'm.yaml': configMap('m') })
    const held = await world.reaches('Held', removal)
    expect(held.status?.hold).toMatchObject({ reason: 'deletes-data', deletes: 2 })
    expect(await isGone('one')).toBe(false)
    const allowed = world.push('really\n\nBowline-Allow-Delete: 2', { 'more.yaml': configMap('more') })
    await world.reaches('Healthy', allowed)
    await expect(widgetKind()).rejects.toMatchObject({ reason: 'NotFound' })
  })

  it('judges a commit by the definitions of its time, however late the caches hear of them', async () => {
    const late = await TestPipeline.create({
      nodes: [],
      isBare: true,
      wrapInformers: client => ({
        ...client,
        async *watch(kind, options) {
          for await (const event of client.watch(kind, options)) {
            if (kind.kind === 'CustomResourceDefinition') await systemClock.sleep(300, options.signal)
            yield event
          }
        },
      }),
    })
    try {
      late.push('nothing', { 'm.yaml': configMap('m') })
      await late.start()
      await late.reaches('Healthy', late.repository.head())
      const definition = parse(DEFINITION) as CustomResourceDefinition
      await late.client.create(Kinds.CustomResourceDefinition, definition)
      const status = {
        acceptedNames: definition.spec.names,
        conditions: ['NamesAccepted', 'Established'].map(type => ({ type, status: 'True', reason: 'Test' })),
        storedVersions: ['v1'],
      }
      await late.client.patch(
        Kinds.CustomResourceDefinition,
        'widgets.example.com',
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      )
      await late.reaches('Healthy', late.push('a widget', { 'w.yaml': widget('one') }))
      await late.closed()
      expect((await late.records()).map(({ spec, status }) => [spec.trigger, status?.state])).toEqual([
        ['start', 'Healthy'],
        ['push', 'Healthy'],
      ])
    } finally {
      await late.close()
    }
  })
})
