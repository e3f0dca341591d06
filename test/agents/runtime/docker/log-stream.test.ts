import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readFrames, readLogLines } from '../../../../src/agents/runtime/docker/log-stream.ts'
import { collect } from '../conformance.ts'

function frame(stream: 'stdout' | 'stderr', payload: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream === 'stderr' ? 2 : 1
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

/** The bytes in pieces that end at the given places. */
function inPieces(bytes: Buffer, cuts: readonly number[]): Readable {
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
  return Readable.from(pieces.filter(piece => piece.length > 0))
}

it('readFrames() gives back what was framed, whatever the pieces it arrives in', async () => {
  const frames = fc.array(
    fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      payload: fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
    }),
    { maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.nat(), { maxLength: 12 }), async (expected, cuts) => {
      const bytes = Buffer.concat(expected.map(({ stream, payload }) => frame(stream, payload)))
      const found = await collect(readFrames(inPieces(bytes, cuts)))
      expect(found.map(({ stream, payload }) => ({ stream, payload: Buffer.from(payload) }))).toEqual(
        expected,
      )
    }),
  )
})

it('readLogLines() splits the time from the text, framed or from a terminal', async () => {
  const time = '2026-01-02T03:04:05.123456789Z'
  const framed = frame('stderr', Buffer.from(`${time} a b\n`))
  expect(await collect(readLogLines(inPieces(framed, [3, 20]), false))).toEqual([
    { time, stream: 'stderr', text: 'a b\n' },
  ])
  const terminal = Buffer.from(`${time} one\r\n${time} two`)
  expect(await collect(readLogLines(inPieces(terminal, [5, 40]), true))).toEqual([
    { time, stream: 'stdout', text: 'one\r\n' },
    { time, stream: 'stdout', text: 'two' },
  ])
})

it('readLogLines() gives what a terminal writes without an end of a line, in pieces that are no line too long', async () => {
  const time = '2026-01-02T03:04:05.123456789Z'
  const chunk = Buffer.from('ä'.repeat(32 * 1024))
  let sent = 0
  function* endless() {
    yield Buffer.from(`${time} `)
    for (; sent < 200; sent += 1) yield chunk
    yield Buffer.from(`\n${time} next\n`)
  }
  const lines = readLogLines(Readable.from(endless()), true)
  const first = await lines.next()
  // Long before the source ends.
  expect(sent).toBeLessThan(40)
  const rest = await collect(lines)
  expect(first.value).toMatchObject({ time, stream: 'stdout' })
  expect(rest.at(-1)).toEqual({ time, stream: 'stdout', text: 'next\n' })
  expect(rest.every(line => line.time === time)).toBe(true)
})

it('readLogLines() breaks no character of a terminal', async () => {
  const time = '2026-01-02T03:04:05.123456789Z'
  const text = `${'ä€😀'.repeat(100_000)}\n`
  const bytes = Buffer.from(`${time} ${text}`)
  const cuts = Array.from({ length: 20 }, (_, index) => index * 49_999)
  const lines = await collect(readLogLines(inPieces(bytes, cuts), true))
  expect(lines.length).toBeGreaterThan(1)
  expect(lines.map(line => line.text).join('') === text).toBe(true)
})
