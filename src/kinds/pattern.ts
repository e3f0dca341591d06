import { RE2JS } from 're2js'

/**
 * Regular expressions of users. They are RE2's, as upstream's: matching takes time linear in the text whatever the expression, so that
 * none can hold the process up.
 */
export interface Pattern {
  /** Whether a part of the text matches. */
  find(text: string): boolean
  /** The parts of the text that match, from left to right and none within another, at most so many (Go `FindAllString`). */
  findAll(text: string, limit: number): readonly string[]
}

/** The expression, or why it is none. */
export function compilePattern(source: string): Pattern | { readonly problem: string } {
  try {
    const compiled = RE2JS.compile(source)
    return { find: text => compiled.test(text), findAll: (text, limit) => findAll(compiled, text, limit) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function findAll(compiled: RE2JS, text: string, limit: number): readonly string[] {
  const found: string[] = []
  const matcher = compiled.matcher(text)
  let lastEnd = -1
  while (found.length < limit && matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()]
    // An empty match right behind another is none.
    if (start < end || start !== lastEnd) found.push(text.slice(start, end))
    lastEnd = end
  }
  return found
}

/** About how large the compiled expression is: counted repetitions are written out, one within another as often as they multiply. */
export function patternCost(source: string): number {
  const sizes = [0]
  let last = 0
  const add = (size: number): void => {
    last = size
    sizes.push((sizes.pop() ?? 0) + size)
  }
  for (const [token, upper] of tokensOf(source)) {
    if (token === '(') sizes.push(0)
    else if (token === ')' && sizes.length > 1) add((sizes.pop() ?? 0) + 1)
    else if (token.length > 2 && token.startsWith('{')) {
      const times = Number(upper || /\d+/.exec(token)?.[0])
      const size = last
      add(size * Math.max(0, times - 1))
      last = size * Math.max(1, times)
    } else add(token.length > 2 ? token.length : 1)
  }
  return sizes.reduce((sum, size) => sum + size, 0)
}

const CLASS = /\[\^?\]?(?:\\.|[^\]\\])*\]/sy
const TOKEN = /\\.|\{\d{1,4}(?:,(\d{0,4}))?\}|./sy

/** Once no class ends in what follows, none is looked for any more: that takes a look at all of it. */
function* tokensOf(source: string): Generator<RegExpExecArray> {
  let mayHoldClass = true
  for (let at = 0; at < source.length; ) {
    const found = mayHoldClass && source[at] === '[' ? matchAt(CLASS, source, at) : null
    if (source[at] === '[' && found === null) mayHoldClass = false
    const token = found ?? matchAt(TOKEN, source, at)
    if (token === null) return
    yield token
    at += token[0].length
  }
}

function matchAt(sticky: RegExp, source: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(source)
}
