import type { Document, LineCounter } from 'yaml'
import type { YamlLimits } from './limits.ts'
import { yaml } from './package.ts'
import { addProblem, MAX_PROBLEMS, type Problems, sentence } from './problems.ts'

let schema: import('yaml').Schema | undefined

/** Scalars stay text here, and a shared schema spares one being built for every document. */
function textSchema(): import('yaml').Schema {
  const { Schema } = yaml()
  schema ??= new Schema({ schema: 'failsafe', resolveKnownTags: false, merge: false, compat: null })
  return schema
}

/** A document as the library composes it: a tree of its nodes. */
export type Composed = Document.Parsed

/** The documents of a text one by one, up to the first bound that it exceeds; what is wrong with the text itself goes to `found`. */
export function* composeDocuments(
  text: string,
  limits: YamlLimits,
  lines: LineCounter,
  found: Problems,
): Generator<Composed> {
  lines.addNewLine(0)
  if (isLargerThan(text, limits.bytes)) {
    addProblem(
      found,
      'file-too-large',
      0,
      `the file is larger than ${Math.floor(limits.bytes / 1024)} KiB`,
      'split it into several files',
    )
    return
  }
  const { Composer, Lexer, Parser } = yaml()
  // The library compares each key with all before it, so `uniqueKeys` would cost the square of a map's size.
  const composer = new Composer({
    schema: textSchema(),
    uniqueKeys: false,
    logLevel: 'silent',
    prettyErrors: false,
  })
  const parser = new Parser(lines.addNewLine)
  let count = 0
  let tokens = 0
  let errors = 0
  function* counted(documents: Iterable<unknown>): Generator<Composed> {
    for (const document of documents) {
      count += 1
      if (count <= limits.documents) yield document as Composed
    }
  }
  for (const lexeme of new Lexer().lex(text)) {
    // The stack holds the open collections: checked before anything recursive sees them.
    if (parser.stack.length > limits.depth && countCollections(parser.stack) > limits.depth) {
      addProblem(
        found,
        'too-deep',
        parser.offset,
        `collections are nested more than ${limits.depth} deep`,
        'no Kubernetes object needs this; check the indentation and brackets',
      )
      return
    }
    tokens += 1
    if (tokens > limits.tokens) {
      addProblem(
        found,
        'file-too-large',
        parser.offset,
        `the file is made of more than ${limits.tokens} tokens`,
        'split it into several files',
      )
      return
    }
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1
      yield* counted(composer.next(token))
    }
    if (count > limits.documents || errors > MAX_PROBLEMS) break
  }
  if (count <= limits.documents) {
    for (const token of parser.end()) yield* counted(composer.next(token))
    yield* counted(composer.end())
  }
  for (const error of composer.streamInfo().errors)
    addProblem(found, 'syntax', error.pos[0], sentence(error.message))
  if (count > limits.documents)
    addProblem(
      found,
      'too-many-documents',
      parser.offset,
      `the file holds more than ${limits.documents} documents`,
      'split it into several files',
    )
}

function countCollections(stack: readonly { readonly type: string }[]): number {
  return stack.filter(
    ({ type }) => type === 'block-map' || type === 'block-seq' || type === 'flow-collection',
  ).length
}

function isLargerThan(text: string, bytes: number): boolean {
  // A UTF-16 unit is one to three bytes of UTF-8: most texts are judged by their length alone.
  if (text.length > bytes) return true
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes
}
