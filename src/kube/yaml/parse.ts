import { BowlineError } from '../../base/index.ts'
import type { TextPosition } from '../diagnostic.ts'
import type { FieldStep } from '../field-path.ts'
import { composeDocuments } from './compose.ts'
import { type AliasBudget, convertDocument } from './convert.ts'
import { type YamlLimits, yamlLimits } from './limits.ts'
import { locate } from './locate.ts'
import { yaml } from './package.ts'
import { addProblem, type Problems, positionAt, sentence, type YamlProblem } from './problems.ts'

/** One document as plain JSON. It holds its syntax tree: keep the value, not the document. */
export interface YamlDocument extends TextPosition {
  readonly value: unknown
  /** Where a field stands, or the nearest field around it that exists. A scalar's own place, a collection's key. */
  positionOf(path: readonly FieldStep[], at?: 'key' | 'value'): TextPosition
}

export interface YamlText {
  /** Documents that say something; one that has a problem is left out. */
  readonly documents: readonly YamlDocument[]
  readonly problems: readonly YamlProblem[]
}

/**
 * Every document of a YAML or JSON text, with YAML's syntax and the scalars of {@link resolvePlainScalar}.
 * Never throws. Costs time in proportion to the text whatever it holds: aliases may add no more than the text's
 * allowed size, keys are compared by hash, and nothing deeper than the limit is composed.
 */
export function parseYaml(text: string, limits: YamlLimits = yamlLimits): YamlText {
  const lines = new (yaml().LineCounter)()
  const found: Problems = { list: [], at: offset => positionAt(lines, offset) }
  const documents: YamlDocument[] = []
  const spent: AliasBudget = { added: 0 }
  for (const document of composeDocuments(text, limits, lines, found)) {
    const failed = document.errors.length > 0
    for (const error of document.errors) addProblem(found, 'syntax', error.pos[0], sentence(error.message))
    const { value, ok } = convertDocument(document, limits, found, spent)
    if (spent.added > limits.bytes) break
    if (failed || !ok || document.contents === null || value === null) continue
    documents.push({
      value,
      ...found.at(document.contents.range[0]),
      positionOf: (path, at = 'value') => found.at(locate(document.contents, path, at)),
    })
  }
  return { documents, problems: found.list }
}

/**
 * The one value of a YAML or JSON text, such as a kubeconfig or the body of a server-side apply; an empty text is null.
 * Throws a BowlineError `bad-input` that names the first problem's line and column.
 */
export function parseYamlValue(text: string, limits: YamlLimits = yamlLimits): unknown {
  const { documents, problems } = parseYaml(text, limits)
  const problem = problems[0]
  if (problem !== undefined)
    throw new BowlineError(
      'bad-input',
      `Cannot parse YAML: ${problem.message} at line ${problem.line}, column ${problem.column}`,
    )
  const second = documents[1]
  if (second !== undefined)
    throw new BowlineError('bad-input', `Cannot parse YAML: a second document starts at line ${second.line}`)
  return documents[0]?.value ?? null
}
