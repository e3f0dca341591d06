import type { Readable } from 'node:stream'

/** No line of the engine's JSON streams comes near this. */
const MAX_LINE = 1_000_000

/** The values of a stream of JSON lines. A line that is none, or too long, ends it with an error. */
export async function* readJsonLines(source: Readable): AsyncGenerator<unknown, void, void> {
  let rest = ''
  source.setEncoding('utf8')
  for await (const chunk of source as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
    if (rest.length > MAX_LINE) throw new RangeError(`a line of more than ${MAX_LINE} characters`)
  }
  if (rest.trim() !== '') yield JSON.parse(rest)
}
