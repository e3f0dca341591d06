import { describe, expect, it } from 'vitest'
import { entryOf } from '../../../../src/cluster/api/cache/stored-entry.ts'
import type { Entry } from '../../../../src/cluster/api/contract.ts'
import { piecesAnswer } from '../../../../src/cluster/api/http/answer.ts'
import { type RenderOptions, renderList } from '../../../../src/cluster/api/http/representation.ts'
import { Kinds, type KubeObject } from '../../../../src/kube/index.ts'

const LIST = { resourceVersion: '7', continue: '', remainingItemCount: undefined }

function configMap(name: string, text = ''): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } } as KubeObject
}

function options(form: 'object' | 'partial' | 'table'): RenderOptions {
  const representation = form === 'object' ? { form } : { form, version: 'v1' as const }
  return { kind: Kinds.ConfigMap, representation, includeObject: 'Object', nowMs: 0 }
}

function textOf(body: Iterable<Buffer>): string {
  return Buffer.concat([...body]).toString()
}

describe('renderList()', () => {
  it('shows more objects than a call has room for arguments', () => {
    const entry = entryOf(configMap('one'))
    const entries = Array.from({ length: 70_000 }, () => entry)
    const answer = piecesAnswer(200, renderList({ ...LIST, entries }, options('object')))
    const { kind, items } = JSON.parse(answer.type === 'bytes' ? textOf(answer.body) : '')
    expect([kind, items.length]).toEqual(['ConfigMapList', 70_000])
  })

  it.each(['table', 'partial'] as const)(
    'makes a large %s as it is taken, and the same as a small one',
    form => {
      let made = 0
      const entries = Array.from({ length: 20 }, (_, index): Entry => {
        const entry = entryOf(configMap(`map-${index}`, 'x'.repeat(100_000)))
        return {
          bytes: entry.bytes,
          resourceVersion: '',
          get object() {
            made += 1
            return entry.object
          },
        }
      })
      const body = renderList({ ...LIST, entries }, options(form)) as Generator<Buffer>
      expect(Array.isArray(body)).toBe(false)
      const begun = [body.next().value, body.next().value] as Buffer[]
      expect(made).toBeLessThanOrEqual(3)
      const whole = JSON.parse(textOf([...begun, ...body]))
      const list = form === 'table' ? whole.rows : whole.items
      expect(list).toHaveLength(20)
      const alone = entries.flatMap(entry => {
        const one = JSON.parse(textOf(renderList({ ...LIST, entries: [entry] }, options(form))))
        return form === 'table' ? one.rows : one.items
      })
      expect(list).toEqual(alone)
    },
  )

  it.each(['table', 'partial'] as const)('makes no bytes of the objects that a %s shows', form => {
    const entry: Entry = {
      object: configMap('one'),
      resourceVersion: '',
      size: 100,
      get bytes(): Buffer {
        throw new Error('nobody is sent them')
      },
    }
    const list = JSON.parse(textOf(renderList({ ...LIST, entries: [entry] }, options(form))))
    expect(form === 'table' ? list.rows : list.items).toHaveLength(1)
  })
})
