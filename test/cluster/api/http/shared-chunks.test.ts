import { describe, expect, it } from 'vitest'
import { entryOf } from '../../../../src/cluster/api/cache/stored-entry.ts'
import { SharedChunks } from '../../../../src/cluster/api/http/shared-chunks.ts'

const entry = entryOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shown' } })

/** Makes another chunk at each call. */
function maker(bytes = 8): () => Buffer {
  let made = 0
  return () => {
    made += 1
    return Buffer.alloc(bytes, made)
  }
}

describe('SharedChunks', () => {
  it('makes an event once, and another event of the same entry for itself', () => {
    const chunks = new SharedChunks()
    const make = maker()
    const first = chunks.of({ type: 'ADDED', entry }, make)
    expect(chunks.of({ type: 'ADDED', entry }, make)).toBe(first)
    expect(chunks.of({ type: 'MODIFIED', entry }, make)).not.toEqual(first)
    expect(chunks.of({ type: 'ADDED', entry }, make)).toBe(first)
  })

  it('keeps neither large events nor old ones', () => {
    const chunks = new SharedChunks()
    const large = maker(100_000)
    expect(chunks.of({ type: 'ADDED', entry }, large)).not.toEqual(chunks.of({ type: 'ADDED', entry }, large))
    const make = maker()
    const first = chunks.of({ type: 'ADDED', entry }, make)
    for (let index = 0; index < 40; index += 1)
      chunks.of({ type: 'ADDED', entry: entryOf({ ...entry.object }) }, maker())
    expect(chunks.of({ type: 'ADDED', entry }, make)).not.toEqual(first)
  })
})
