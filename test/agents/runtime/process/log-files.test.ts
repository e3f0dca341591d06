import { appendFile, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LogFiles } from '../../../../src/agents/runtime/process/log-files.ts'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import { collect } from '../conformance.ts'

let folder: string
const signal = new AbortController().signal

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-log-'))
})
afterEach(() => rm(folder, { recursive: true }))

function open(): LogFiles {
  return new LogFiles(folder, systemClock, silentLogger)
}

async function texts(log: LogFiles): Promise<readonly string[]> {
  return (await collect(log.read({ follow: false }, signal))).map(line => line.text)
}

it('LogFiles takes each line in once, also when another agent goes on', async () => {
  await writeFile(join(folder, 'stdout.0'), 'one\ntwo\nthr')
  await writeFile(join(folder, 'stderr.0'), 'oops\n')
  const first = open()
  await first.takeIn(false)
  expect(await texts(first)).toEqual(['one\n', 'two\n', 'oops\n'])
  await appendFile(join(folder, 'stdout.0'), 'ee\n')
  const second = open()
  await second.takeIn(false)
  await second.takeIn(false)
  expect(await texts(second)).toEqual(['one\n', 'two\n', 'oops\n', 'three\n'])
})

it('LogFiles drops a record that a kill tore, and takes its line in again', async () => {
  await writeFile(join(folder, 'stdout.0'), 'one\ntwo\n')
  await open().takeIn(false)
  const path = join(folder, 'log.0')
  const whole = await readFile(path, 'utf8')
  await writeFile(path, whole.slice(0, -3))
  const log = open()
  await log.takeIn(false)
  expect(await texts(log)).toEqual(['one\n', 'two\n'])
})

it('LogFiles goes from file to file, and over a gap where files were dropped', async () => {
  await writeFile(join(folder, 'stdout.0'), 'a\nb')
  const log = open()
  await log.takeIn(false)
  await writeFile(join(folder, 'stdout.1'), 'c\n')
  await log.takeIn(false)
  await rm(join(folder, 'stdout.0'))
  await rm(join(folder, 'stdout.1'))
  await writeFile(join(folder, 'stdout.7'), 'd\n')
  await log.takeIn(false)
  expect(await texts(log)).toEqual(['a\n', 'bc\n', 'd\n'])
})

it('LogFiles ends an unfinished line only when nothing can follow', async () => {
  await writeFile(join(folder, 'stdout.0'), 'no end')
  const log = open()
  await log.takeIn(false)
  expect(await texts(log)).toEqual([])
  const following = collect(log.read({ follow: true }, signal))
  await log.takeIn(true)
  expect((await following).map(line => line.text)).toEqual(['no end'])
  expect(await texts(log)).toEqual(['no end'])
})

it('LogFiles cuts a line that never ends, and keeps order among times', async () => {
  await writeFile(join(folder, 'stdout.0'), 'x'.repeat(200_000))
  const log = open()
  await log.takeIn(true)
  const lines = await collect(log.read({ follow: false }, signal))
  expect(lines.map(line => line.text).join('')).toBe('x'.repeat(200_000))
  const times = lines.map(line => line.time)
  expect([...times].sort()).toEqual(times)
  expect(new Set(times).size).toBe(times.length)
})

it('LogFiles gives output from before the agent the time of the file that held it', async () => {
  const path = join(folder, 'stdout.0')
  await writeFile(path, 'long ago\n')
  await utimes(path, 1_700_000_000, 1_700_000_000)
  const log = open()
  await log.takeIn(true)
  const [line] = await collect(log.read({ follow: false }, signal))
  expect(line?.time).toBe('2023-11-14T22:13:20.000000000Z')
})

it('LogFiles keeps three files of about 10 MB', async () => {
  const log = open()
  const line = `${'y'.repeat(1_000)}\n`
  for (let file = 0; file < 45; file += 1) {
    await writeFile(join(folder, `stdout.${file}`), line.repeat(1_000))
    await log.takeIn(false)
  }
  const files = (await readdir(folder)).filter(name => name.startsWith('log.')).sort()
  expect(files).toEqual(['log.0', 'log.1', 'log.2'])
  for (const name of files) expect((await stat(join(folder, name))).size).toBeLessThan(11_000_000)
  const kept = await texts(log)
  expect(kept.length).toBeGreaterThan(15_000)
  expect(kept.length).toBeLessThan(33_000)
})

it('LogFiles read() gives tail and follow together, each line once', async () => {
  await writeFile(join(folder, 'stdout.0'), '1\n2\n3\n')
  const log = open()
  await log.takeIn(false)
  const reading = collect(log.read({ follow: true, tailLines: 1 }, signal))
  await appendFile(join(folder, 'stdout.0'), '4\n')
  await log.takeIn(false)
  await log.takeIn(true)
  expect((await reading).map(item => item.text)).toEqual(['3\n', '4\n'])
})
