import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJsonLines } from '../../src/client/json-lines.ts'

async function* chunked(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut)
    start = cut
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const value of parseJsonLines(chunks)) values.push(value)
  return values
}

describe('parseJsonLines()', () => {
  it('gives the same values wherever the chunks are cut, within characters too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ stringUnit: 'grapheme' }), { maxLength: 8 }),
        fc.boolean(),
        fc.array(fc.nat(400), { maxLength: 12 }),
        async (values, endsInNewline, cuts) => {
          const texts = values.map(value => JSON.stringify(value))
          const text = Buffer.from(texts.join('\n') + (endsInNewline ? '\n' : ''))
          const inside = cuts.filter(cut => cut <= text.length)
          expect(await collect(chunked(text, inside))).toEqual(texts.map(one => JSON.parse(one)))
        },
      ),
    )
  })

  it('skips blank lines', async () => {
    expect(await collect(chunked(Buffer.from('\n1\n\n2\n'), [1, 3]))).toEqual([1, 2])
  })

  it('throws corrupt for a line that is not JSON, without repeating it', async () => {
    const error = await collect(chunked(Buffer.from('{"password":"hunter2"\n'), [])).catch(e => e)
    expect(error).toMatchObject({ code: 'corrupt' })
    expect(`${error.message}${JSON.stringify(error.data)}`).not.toContain('hunter2')
  })
})
