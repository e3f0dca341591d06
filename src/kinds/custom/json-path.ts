import { deepEqual, isObject } from '../../base/index.ts'

/** One step of a path: a member, an index, everything, or the items that fulfil a comparison. */
type Step =
  | { readonly type: 'member'; readonly name: string }
  | { readonly type: 'index'; readonly at: number }
  | { readonly type: 'all' }
  | {
      readonly type: 'filter'
      readonly left: readonly Step[]
      readonly operator: string
      readonly right: unknown
    }

/** Finds the values that a path names in an object. */
export type JsonPath = (object: unknown) => readonly unknown[]

/** Longest path that is read. */
const MAX_LENGTH = 1024

/**
 * The JSONPath of a printer column, as kubectl has it: `.spec.replicas`, `.metadata.labels.app\.io/name`, `.spec.ports[0].port`,
 * `.spec.containers[*].image`, `.status.conditions[?(@.type=="Ready")].status`, `.data['a.b']`. Undefined when it cannot be read.
 */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (text.length > MAX_LENGTH || !text.startsWith('.')) return undefined
  const reader = new Reader(text)
  const steps = reader.steps()
  if (steps === undefined || !reader.isAtEnd) return undefined
  return object => follow(steps, [object])
}

/** The names in a path of members alone: `.spec.replicas`; undefined when it has anything else. */
export function simplePath(text: string): readonly string[] | undefined {
  if (!text.startsWith('.')) return undefined
  const steps = new Reader(text).steps() ?? []
  const names = steps.map(step => (step.type === 'member' ? step.name : ''))
  return names.length === 0 || names.includes('') ? undefined : names
}

function follow(steps: readonly Step[], values: readonly unknown[]): readonly unknown[] {
  let current = values
  for (const step of steps) current = current.flatMap(value => take(step, value))
  return current
}

function take(step: Step, value: unknown): readonly unknown[] {
  switch (step.type) {
    case 'member':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []
    case 'index': {
      if (!Array.isArray(value)) return []
      const at = step.at < 0 ? value.length + step.at : step.at
      return at in value ? [value[at]] : []
    }
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []
    case 'filter':
      return (Array.isArray(value) ? value : []).filter(item => compares(step, follow(step.left, [item])))
  }
}

function compares(
  { operator, right }: { readonly operator: string; readonly right: unknown },
  [left]: readonly unknown[],
): boolean {
  if (left === undefined) return false
  if (operator === '') return true
  if (operator === '==') return deepEqual(left, right)
  if (operator === '!=') return !deepEqual(left, right)
  const areComparable =
    (typeof left === 'number' && typeof right === 'number') ||
    (typeof left === 'string' && typeof right === 'string')
  if (!areComparable) return false
  const [a, b] = [left as number, right as number]
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b
}

/** Reads a path from left to right. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** The steps up to the end or to what is no step; undefined when one is broken. */
  steps(): readonly Step[] | undefined {
    const steps: Step[] = []
    for (;;) {
      if (this.#take('[')) {
        const step = this.#bracket()
        if (step === undefined || !this.#take(']')) return undefined
        steps.push(step)
      } else if (this.#take('.')) {
        // A dot before a bracket, and one at the very end, mean nothing.
        if (this.isAtEnd || this.#peek() === '[') continue
        if (this.#take('*')) steps.push({ type: 'all' })
        else {
          const name = this.#name()
          if (name === '') return undefined
          steps.push({ type: 'member', name })
        }
      } else return steps
    }
  }

  #bracket(): Step | undefined {
    if (this.#take('*')) return { type: 'all' }
    if (this.#take('?(')) return this.#filter()
    const quoted = this.#quoted()
    if (quoted !== undefined) return { type: 'member', name: quoted }
    const number = this.#match(/^-?\d{1,9}/)
    return number === undefined ? undefined : { type: 'index', at: Number(number) }
  }

  #filter(): Step | undefined {
    this.#match(/^ +/)
    if (!this.#take('@')) return undefined
    const left = this.steps()
    if (left === undefined) return undefined
    this.#match(/^ +/)
    const operator = this.#match(/^(==|!=|<=|>=|<|>)/) ?? ''
    this.#match(/^ +/)
    const right = operator === '' ? undefined : this.#literal()
    this.#match(/^ +/)
    return this.#take(')') ? { type: 'filter', left, operator, right } : undefined
  }

  #literal(): unknown {
    const quoted = this.#quoted()
    if (quoted !== undefined) return quoted
    const word = this.#match(/^[-\w.]+/) ?? ''
    if (word === 'true' || word === 'false') return word === 'true'
    return word === '' || Number.isNaN(Number(word)) ? word : Number(word)
  }

  #quoted(): string | undefined {
    const text = this.#match(/^('(\\.|[^'\\])*'|"(\\.|[^"\\])*")/)
    return text?.slice(1, -1).replace(/\\(.)/g, '$1')
  }

  /** A member's name; a backslash keeps a dot in it. */
  #name(): string {
    return (this.#match(/^(\\.|[^.[\]\\ ()=!<>'"@*?])+/) ?? '').replace(/\\(.)/g, '$1')
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#text.slice(this.#at))?.[0]
    this.#at += found?.length ?? 0
    return found
  }
}
