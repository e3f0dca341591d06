import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Checkpoints } from '../../../src/agents/pods/checkpoints.ts'
import { silentLogger } from '../../../src/base/index.ts'
import { pod } from '../support/pod-view.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-checkpoints-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function open(): Checkpoints {
  return new Checkpoints(folder, silentLogger)
}

describe('Checkpoints', () => {
  it('Checkpoints.load() gives back what was saved, older than anything the server will say', async () => {
    const first = open()
    first.save(pod({}, { status: { phase: 'Running', podIP: '10.1.0.2' } }))
    await first.flushed()
    const [kept] = await open().load()
    expect(kept?.spec).toEqual(pod().spec)
    expect(kept?.metadata).not.toHaveProperty('resourceVersion')
    expect(kept).not.toHaveProperty('status')
  })

  it('Checkpoints.save() remembers that a pod is over', async () => {
    const first = open()
    first.save(pod())
    first.save(pod({}, { status: { phase: 'Succeeded' } }))
    await first.flushed()
    expect((await open().load())[0]?.status).toEqual({ phase: 'Succeeded' })
  })

  it('Checkpoints.save() writes only what changed', async () => {
    const first = open()
    first.save(pod())
    await first.flushed()
    const [name = ''] = await readdir(folder)
    await writeFile(join(folder, name), 'untouched')
    first.save(pod({}, { metadata: { resourceVersion: '9' }, status: { phase: 'Running' } }))
    await first.flushed()
    expect(await readFile(join(folder, name), 'utf8')).toBe('untouched')
  })

  it('Checkpoints.load() lives with files that are damaged', async () => {
    await writeFile(join(folder, 'a.json'), '{"apiVersion":')
    await writeFile(join(folder, 'b.json'), 'null')
    expect(await open().load()).toEqual([])
  })

  it('Checkpoints.keepOnly() and remove() forget pods', async () => {
    const first = open()
    for (const uid of ['a', 'b', 'c']) first.save(pod({}, { metadata: { uid } }))
    first.keepOnly(new Set(['a', 'b']))
    first.remove('b')
    await first.flushed()
    expect((await first.load()).map(({ metadata }) => metadata.uid)).toEqual(['a'])
  })
})
