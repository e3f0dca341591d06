import { StatusError } from '../status-error.ts'
import {
  type LabelOperator,
  type LabelRequirement,
  type LabelSelector,
  newLabelRequirement,
  sortedByKey,
} from './label-selector.ts'
import { labelKeyProblems } from './label-syntax.ts'

/**
 * Reads the API's text form: `app=web,tier in (a,b),env notin (x),!canary,stable,size>3`. The empty text matches everything.
 * What cannot be read is a `StatusError` of reason BadRequest with upstream's message (apimachinery `labels.Parse`).
 */
export function parseLabelSelector(text: string): LabelSelector {
  const tokens = new TokenReader(tokenize(text))
  const requirements: LabelRequirement[] = []
  for (;;) {
    const token = tokens.peek()
    if (token.type === 'end') return { requirements: sortedByKey(requirements), matchesNothing: false }
    if (token.type !== 'word' && token.text !== '!')
      throw bad(`found '${token.text}', expected: !, identifier, or 'end of string'`)
    requirements.push(parseRequirement(tokens))
    const next = tokens.take()
    if (next.type === 'end') continue
    if (next.text !== ',') throw bad(`found '${next.text}', expected: ',' or 'end of string'`)
    const after = tokens.peek()
    if (after.type !== 'word' && after.text !== '!')
      throw bad(`found '${after.text}', expected: identifier after ','`)
  }
}

const OPERATORS: ReadonlyMap<string, LabelOperator> = new Map([
  ['=', 'Equals'],
  ['==', 'Equals'],
  ['!=', 'NotEquals'],
  ['in', 'In'],
  ['notin', 'NotIn'],
  ['>', 'Gt'],
  ['<', 'Lt'],
])

/** The texts that are tokens of their own; a run of special characters is cut into the longest of these. */
const SYMBOLS: ReadonlySet<string> = new Set(['!', '!=', '(', ')', ',', '<', '=', '==', '>'])

interface Token {
  readonly type: 'word' | 'symbol' | 'end'
  readonly text: string
}

const END: Token = { type: 'end', text: '' }

class TokenReader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  peek(): Token {
    return this.#tokens[this.#next] ?? END
  }

  take(): Token {
    const token = this.peek()
    this.#next += 1
    return token
  }
}

function parseRequirement(tokens: TokenReader): LabelRequirement {
  const negated = tokens.peek().text === '!'
  if (negated) tokens.take()
  const key = tokens.take()
  if (key.type !== 'word') throw badRequirement(`found '${key.text}', expected: identifier`)
  // Upstream's parser checks the key without a field path, which is how it comes to write "<nil>".
  const problems = labelKeyProblems(key.text)
  if (problems.length > 0)
    throw badRequirement(`<nil>: Invalid value: ${JSON.stringify(key.text)}: ${problems.join('; ')}`)
  if (negated) return checkedRequirement(key.text, 'DoesNotExist', [])
  const next = tokens.peek()
  if (next.type === 'end' || next.text === ',') return checkedRequirement(key.text, 'Exists', [])

  const operator = OPERATORS.get(tokens.take().text)
  if (operator === undefined)
    throw badRequirement(`found '${next.text}', expected: in, notin, =, ==, !=, gt, lt`)
  const values = operator === 'In' || operator === 'NotIn' ? parseValues(tokens) : [parseExactValue(tokens)]
  return checkedRequirement(key.text, operator, values)
}

function parseExactValue(tokens: TokenReader): string {
  const next = tokens.peek()
  if (next.type === 'end' || next.text === ',') return ''
  if (next.type !== 'word') throw badRequirement(`found '${next.text}', expected: identifier`)
  return tokens.take().text
}

/** `(a,b)`; a missing value between commas or parentheses is the empty one, `()` has none. */
function parseValues(tokens: TokenReader): readonly string[] {
  const open = tokens.take()
  if (open.text !== '(') throw badRequirement(`found '${open.text}' expected: '('`)
  if (tokens.peek().text === ')') {
    tokens.take()
    return []
  }
  const values: string[] = []
  for (;;) {
    values.push(tokens.peek().type === 'word' ? tokens.take().text : '')
    const next = tokens.take()
    if (next.text === ')') return values
    if (next.text !== ',') throw badRequirement(`found '${next.text}', expected: ',' or ')'`)
  }
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  for (const [run] of text.matchAll(/[=!(),<>]+|[^=!(),<>\s]+/g)) {
    if (/^[^=!(),<>]/.test(run)) tokens.push({ type: 'word', text: run })
    else tokens.push(...splitSymbols(run))
  }
  return tokens
}

function splitSymbols(run: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < run.length; ) {
    const pair = run.slice(at, at + 2)
    const symbol = pair.length === 2 && SYMBOLS.has(pair) ? pair : (run[at] as string)
    tokens.push({ type: 'symbol', text: symbol })
    at += symbol.length
  }
  return tokens
}

function checkedRequirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): LabelRequirement {
  try {
    return newLabelRequirement(key, operator, values)
  } catch (error) {
    throw error instanceof StatusError ? badRequirement(error.message) : error
  }
}

function badRequirement(message: string): StatusError {
  return bad(`unable to parse requirement: ${message}`)
}

function bad(message: string): StatusError {
  return new StatusError('BadRequest', message)
}
