import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { onlyDescriptors, silentLogger, systemClock } from '../../src/base/index.ts'
import { openLmdbStore } from '../../src/cluster/store/index.ts'

const LIST = ['-c', 'for file in /proc/self/fd/*; do readlink "$file"; done']

describe('onlyDescriptors()', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-descriptors-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('keeps the open store of a server from its children, which could read and write all of it', async () => {
    const store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
    try {
      const open = spawnSync('/bin/sh', LIST, { encoding: 'utf8' }).stdout
      // What makes this needed: when the library has learnt to close its file, this line says so.
      expect(open).toContain('store.mdb')
      const child = spawn('/bin/sh', LIST, { stdio: onlyDescriptors(['ignore', 'pipe', 'inherit']) })
      const seen = await text(child.stdout as NodeJS.ReadableStream)
      expect(seen).not.toContain('store.mdb')
      expect(seen).toContain('/dev/null')
    } finally {
      await store.close()
    }
  })

  it('leaves the descriptors that a child is given in their places', async () => {
    const store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
    try {
      const child = spawn('/bin/sh', ['-c', 'echo three >&3; echo one'], {
        stdio: onlyDescriptors(['ignore', 'pipe', 'ignore', 'pipe']),
      })
      const said = [child.stdio[1], child.stdio[3]].map(stream => text(stream as NodeJS.ReadableStream))
      const closed = once(child, 'close')
      expect(await Promise.all(said)).toEqual(['one\n', 'three\n'])
      expect(await closed).toEqual([0, null])
    } finally {
      await store.close()
    }
  })
})
