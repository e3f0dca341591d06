import { describe, expect, it } from 'vitest'
import {
  isSameRevision,
  newRevision,
  surplusRevisions,
  templateOf,
  updateRevisionOf,
} from '../../../../src/cluster/controllers/statefulset/revisions.ts'
import type { ControllerRevision } from '../../../../src/kube/index.ts'
import { statefulSet, template } from './build.ts'

const of = (image: string) => statefulSet({ template: template(image) })
const revision = (image: string, number: number): ControllerRevision => newRevision(of(image), number, 0)

describe('newRevision()', () => {
  it("keeps the template as kubectl's own encoder would write it", () => {
    const { data, metadata } = newRevision(of('db:1'), 3, 0)
    expect(JSON.stringify(data)).toBe(
      '{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"app":"db"}},' +
        '"spec":{"containers":[{"image":"db:1","name":"db","resources":{}}]}}}}',
    )
    expect(metadata.name).toMatch(/^db-[a-z0-9]+$/)
    expect(metadata.labels).toEqual({ app: 'db', 'controller.kubernetes.io/hash': metadata.name?.slice(3) })
    expect(metadata.ownerReferences?.[0]).toMatchObject({ kind: 'StatefulSet', name: 'db', controller: true })
  })

  it('hands the annotations on, but for what kubectl applied', () => {
    const annotations = {
      'kubernetes.io/change-cause': 'why',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    }
    const set = statefulSet({}, { metadata: { annotations } })
    expect(newRevision(set, 1, 0).metadata.annotations).toEqual({ 'kubernetes.io/change-cause': 'why' })
  })

  it('has another name when the first is taken, and the same for the same template', () => {
    expect(newRevision(of('db:1'), 1, 0).metadata.name).toBe(newRevision(of('db:1'), 2, 0).metadata.name)
    expect(newRevision(of('db:1'), 1, 1).metadata.name).not.toBe(newRevision(of('db:1'), 1, 0).metadata.name)
    expect(isSameRevision(revision('db:1', 1), revision('db:1', 2))).toBe(true)
    expect(isSameRevision(revision('db:1', 1), revision('db:2', 1))).toBe(false)
  })
})

describe('templateOf()', () => {
  it('gives the template back', () => {
    expect(templateOf(revision('db:1', 1))).toEqual({
      ...template('db:1'),
      spec: { containers: [{ name: 'db', image: 'db:1', resources: {} }] },
    })
  })
})

describe('updateRevisionOf()', () => {
  it('makes the first revision', () => {
    expect(updateRevisionOf(of('db:1'), [])).toMatchObject({ do: 'create', revision: { revision: 1 } })
  })

  it('keeps the newest when it is the template', () => {
    const revisions = [revision('db:2', 2), revision('db:1', 1)]
    expect(updateRevisionOf(of('db:2'), revisions)).toEqual({ do: 'keep', revision: revisions[0] })
  })

  it('makes an earlier one the newest again', () => {
    const revisions = [revision('db:1', 1), revision('db:2', 2)]
    expect(updateRevisionOf(of('db:1'), revisions)).toEqual({ do: 'renumber', revision: revisions[0], to: 3 })
  })

  it('numbers a new one after all there are', () => {
    const found = updateRevisionOf(of('db:3'), [revision('db:1', 7), revision('db:2', 4)])
    expect(found).toMatchObject({ do: 'create', revision: { revision: 8 } })
  })
})

describe('surplusRevisions()', () => {
  const revisions = [3, 1, 4, 2].map(number => revision(`db:${number}`, number))
  const numbers = (limit: number, used: readonly number[]) => {
    const names = used.map(number => revision(`db:${number}`, number).metadata.name ?? '')
    const set = statefulSet({ revisionHistoryLimit: limit })
    return surplusRevisions(set, revisions, new Set(names)).map(one => one.revision)
  }

  it('is the oldest beyond the limit, of those that nothing uses', () => {
    expect(numbers(10, [4])).toEqual([])
    expect(numbers(2, [4])).toEqual([1])
    expect(numbers(1, [4, 1])).toEqual([2])
    expect(numbers(0, [4, 1])).toEqual([2, 3])
  })
})
