import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeObject, StoredEntry } from '../../../../src/cluster/api/cache/stored-entry.ts'
import { writtenObjects } from '../../../../src/cluster/api/cache/written-objects.ts'
import type { KubeObject } from '../../../../src/kube/index.ts'

const KEY = '/registry/configmaps/default/web'

/** JSON with members that are undefined, and objects that are already frozen, here and there. */
const anything = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, undefined, true, 0, 'text', '\ud800', '__proto__'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'resourceVersion', 'metadata'), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    fc
      .dictionary(fc.string(), fc.integer(), { maxKeys: 3, noNullPrototype: true })
      .map(object => Object.freeze(object)),
  ),
})).value

const objects = fc
  .record({
    labels: fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }), {
      nil: undefined,
    }),
    version: fc.option(fc.constant('7'), { nil: undefined }),
    data: anything,
    spec: anything,
  })
  .map(
    ({ labels, version, ...rest }) =>
      ({
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: 'web', resourceVersion: version, labels },
        ...rest,
      }) as unknown as KubeObject,
  )

describe('StoredEntry', () => {
  it('shows what it would show of bytes that nobody has written here', () => {
    fc.assert(
      fc.property(objects, fc.boolean(), (object, bytesFirst) => {
        const value = encodeObject(object)
        const written = new StoredEntry({ key: KEY, value }, 12)
        const read = new StoredEntry({ key: KEY, value: Buffer.from(value) }, 12)
        if (bytesFirst) expect(written.bytes.toString()).toBe(read.bytes.toString())
        expect(written.object).toStrictEqual(read.object)
        expect(written.bytes.toString()).toBe(read.bytes.toString())
        expect(JSON.parse(written.bytes.toString())).toEqual(written.object)
      }),
    )
  })

  it('shows the same of bytes that it reads when they are asked for, in any order', () => {
    const looks = ['object', 'bytes', 'size', 'detach'] as const
    fc.assert(
      fc.property(objects, fc.array(fc.constantFrom(...looks)), (object, order) => {
        const value = Buffer.from(encodeObject(object))
        const entry = new StoredEntry({ key: KEY, value: () => value }, 12)
        const plain = new StoredEntry({ key: KEY, value }, 12)
        for (const look of [...order, ...looks])
          if (look === 'object') expect(entry.object).toStrictEqual(plain.object)
          else if (look === 'bytes') expect(entry.bytes.toString()).toBe(plain.bytes.toString())
          else if (look === 'size') expect(entry.size).toBe(value.byteLength)
          else entry.detach()
      }),
    )
  })

  it('knows of what it cannot hold without making it, and never denies what it holds', () => {
    const words = ['"a"', '"labels"', '"b"']
    fc.assert(
      fc.property(objects, fc.subarray(words), (object, asked) => {
        const value = Buffer.from(encodeObject(object))
        const json = value.toString()
        const entry = new StoredEntry({ key: KEY, value: () => value }, 12)
        expect(entry.mayMention(asked)).toBe(asked.some(word => json.includes(word)))
        void entry.bytes
        expect(entry.mayMention(asked)).toBe(asked.some(word => json.includes(word)))
        void entry.object
        expect(entry.mayMention(asked)).toBe(true)
      }),
    )
  })

  it('needs the store no more once it is detached', () => {
    const value = Buffer.from(encodeObject(configMap({ data: { a: 'b' } })))
    let isGone = false
    const read = (): Buffer => {
      if (isGone) throw new Error('it is gone')
      return value
    }
    const entry = new StoredEntry({ key: KEY, value: read }, 12)
    entry.detach()
    isGone = true
    expect(entry.object).toEqual(configMap({ data: { a: 'b' }, resourceVersion: '12' }))
    expect(JSON.parse(entry.bytes.toString())).toEqual(entry.object)
  })

  it('shows its own version, whatever was stored as one', () => {
    const stored = configMap({ data: {}, resourceVersion: '3' })
    const value = Buffer.from(JSON.stringify(stored))
    for (const look of ['object', 'bytes'] as const) {
      const entry = new StoredEntry({ key: KEY, value }, 12)
      void entry[look]
      expect(entry.object.metadata.resourceVersion).toBe('12')
      expect(JSON.parse(entry.bytes.toString())).toEqual(entry.object)
    }
  })

  it('gives an object that nobody can change', () => {
    const value = encodeObject(configMap({ data: { a: 'b' } }))
    const { object } = new StoredEntry({ key: KEY, value }, 12)
    for (const part of [object, object.metadata, (object as { data?: object }).data])
      expect(Object.isFrozen(part)).toBe(true)
  })

  it('knows nothing of bytes that were written long ago', () => {
    const first = encodeObject(configMap({ data: { a: 'first' } }))
    expect(writtenObjects.recall(first)).toBeDefined()
    for (let index = 0; index < 600; index += 1) encodeObject(configMap({ data: { a: String(index) } }))
    expect(writtenObjects.recall(first)).toBeUndefined()
    const large = encodeObject(configMap({ data: { a: 'x'.repeat(1 << 20) } }))
    for (let index = 0; index < 4; index += 1)
      encodeObject(configMap({ data: { a: String(index).repeat(1 << 20) } }))
    expect(writtenObjects.recall(large)).toBeUndefined()
    expect(new StoredEntry({ key: KEY, value: first }, 3).object).toEqual(
      configMap({ data: { a: 'first' }, resourceVersion: '3' }),
    )
  })
})

function configMap({ data, resourceVersion }: { data: object; resourceVersion?: string }): KubeObject {
  const metadata = { name: 'web', ...(resourceVersion === undefined ? {} : { resourceVersion }) }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as KubeObject
}
