import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/base/index.ts'
import type { ParsedManifests } from '../../../src/kube/index.ts'
import { ParsePool } from '../../../src/sync/revision/parse-pool.ts'
import { temporaryFolder } from '../repository-builder.ts'

const WORKER = new URL('./parse-worker-from-source.mjs', import.meta.url)
const { signal } = new AbortController()

function texts(results: readonly Uint8Array[]): ParsedManifests[] {
  return results.map(result => JSON.parse(Buffer.from(result).toString('utf8')))
}

/** The real clock but for deadlines of `ms`: one passes once it is the only one and `isDue`, however slow the machine is. */
function clockThatPasses(ms: number, isDue: () => boolean): Clock {
  const waiting = new Set<() => void>()
  return {
    ...systemClock,
    after(delay, call) {
      if (delay !== ms) return systemClock.after(delay, call)
      const look = setInterval(() => {
        if (waiting.size > 1 || !isDue()) return
        end()
        call()
      }, 20)
      const end = (): void => {
        clearInterval(look)
        waiting.delete(end)
      }
      waiting.add(end)
      return end
    },
  }
}

describe('ParsePool', () => {
  const folder = temporaryFolder()
  const pools: ParsePool[] = []
  afterAll(async () => {
    for (const pool of pools) await pool.close()
    folder.remove()
  })

  function open(options: Partial<ConstructorParameters<typeof ParsePool>[0]>): ParsePool {
    const pool = new ParsePool({ clock: systemClock, workers: 2, ...options })
    pools.push(pool)
    return pool
  }

  it('parses the same in workers as in this thread, in order, batch after batch', async () => {
    const files = Array.from({ length: 400 }, (_, index) =>
      Buffer.from(`a: ${index}\n---\nb: [\n`.padEnd(200, '#')),
    )
    files[3] = Buffer.from([0xff, 0xfe])
    const here = await open({ workers: 0 }).parse(files, signal)
    const pool = open({ entry: WORKER })
    const there = await Promise.all(Array.from({ length: 6 }, () => pool.parse(files, signal)))
    for (const results of there) expect(texts(results)).toEqual(texts(here))
    expect(texts(here)[7]?.manifests[0]?.value).toEqual({ a: 7 })
    expect(texts(here)[3]?.problems[0]?.code).toBe('bad-encoding')
  })

  it('blames the one file that brings its worker down, and parses the others', async () => {
    const entry = join(folder.path, 'fragile.mjs')
    const looping = join(folder.path, 'looping')
    writeFileSync(
      entry,
      `import { writeFileSync } from 'node:fs'
       import { parentPort } from 'node:worker_threads'
       parentPort.on('message', ({ bytes, lengths }) => {
         const text = Buffer.from(bytes).toString()
         if (text.includes('crash')) process.exit(1)
         if (text.includes('loop')) {
           writeFileSync(${JSON.stringify(looping)}, '')
           for (;;);
         }
         const part = JSON.stringify({ manifests: [], problems: [] })
         const answer = new Uint8Array(Buffer.from(part.repeat(lengths.length)))
         parentPort.postMessage({ bytes: answer, lengths: lengths.map(() => part.length) }, [answer.buffer])
       })`,
    )
    const deadlineMs = 30_000
    const clock = clockThatPasses(deadlineMs, () => existsSync(looping))
    const pool = open({ entry: pathToFileURL(entry), clock, deadlineMs })
    const file = (text: string): Buffer => Buffer.from(text.padEnd(40_000))
    const results = texts(await pool.parse([file('a'), file('crash'), file('b'), file('loop')], signal))
    expect(results.map(({ problems }) => problems[0]?.code)).toEqual([
      undefined,
      'too-slow',
      undefined,
      'too-slow',
    ])
    rmSync(looping)
    expect(texts(await pool.parse([file('c')], signal))[0]?.problems).toEqual([])
  })

  it('close() refuses what waits and what is under way, and blames no file for it', async () => {
    const entry = join(folder.path, 'silent.mjs')
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', () => {})`,
    )
    const pool = open({ entry: pathToFileURL(entry), workers: 1 })
    const file = Buffer.from('a: 1'.padEnd(40_000))
    const asked = Promise.allSettled([pool.parse([file], signal), pool.parse([file, file], signal)])
    await pool.close()
    for (const answer of await asked)
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } })
    await expect(pool.parse([file], signal)).rejects.toMatchObject({ code: 'aborted' })
  })

  it('parses nothing for an aborted signal', async () => {
    await expect(open({}).parse([], AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
  })
})
