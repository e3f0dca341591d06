import { isObject } from '../base/index.ts'
import { type Diagnostic, excerptOf, type TextPosition } from './diagnostic.ts'
import { type FieldStep, parseFieldPath } from './field-path.ts'
import { type YamlLimits, yamlLimits } from './yaml/limits.ts'
import { parseYaml, type YamlDocument } from './yaml/parse.ts'
import type { YamlProblem } from './yaml/problems.ts'

/** One declared object (or what stands where one should), with its place in the text. Plain data: it can be cached. */
export interface ParsedManifest extends TextPosition {
  readonly value: unknown
  /** Which document of the text, counted from 0 over those that were parsed. */
  readonly document: number
  /** Where in the document: empty for the document itself, `items[2]` for an object of a list. */
  readonly path: string
}

/** A problem of the text, with its excerpt; the file's name is added by whoever knows it. */
export type ParsedProblem = Omit<Diagnostic, 'file'>

/** What a text holds, free of the file's name: equal texts have equal results. */
export interface ParsedManifests {
  readonly manifests: readonly ParsedManifest[]
  readonly problems: readonly ParsedProblem[]
}

/** Raise it whenever {@link parseManifestText} can answer differently for the same text: it names cached results. */
export const MANIFEST_PARSER_VERSION = 2

/**
 * The objects of one YAML or JSON text: several documents, and the items of each `kind: List` (or `DeploymentList`, …) in its
 * place. Never throws. A document with a problem gives no objects; the others do.
 */
export function parseManifestText(text: string, limits: YamlLimits = yamlLimits): ParsedManifests {
  const parsed = parseYaml(text, limits)
  const manifests: ParsedManifest[] = []
  const problems: YamlProblem[] = [...parsed.problems]
  for (const [index, document] of parsed.documents.entries())
    for (const manifest of flattenList(document, index, limits.depth)) {
      if (manifests.length >= limits.documents) {
        problems.push({
          code: 'too-many-documents',
          line: manifest.line,
          column: manifest.column,
          message: `the file holds more than ${limits.documents} objects`,
          hint: 'split it into several files',
        })
        return { manifests, problems: describeProblems(text, problems) }
      }
      manifests.push(manifest)
    }
  return { manifests, problems: describeProblems(text, problems) }
}

/** Finds the place of a field of a manifest; undefined when the text no longer holds the manifest's document. */
export type FieldLocator = (
  manifest: Pick<ParsedManifest, 'document' | 'path'>,
  path: string,
  at?: 'key' | 'value',
) => TextPosition | undefined

/** Parses a text once more so that many fields can be found in it. */
export function createFieldLocator(text: string, limits: YamlLimits = yamlLimits): FieldLocator {
  const { documents } = parseYaml(text, limits)
  return (manifest, path, at) =>
    documents[manifest.document]?.positionOf([...parseFieldPath(manifest.path), ...parseFieldPath(path)], at)
}

/**
 * True when lines of this text must not be shown around a problem: it names the kind Secret (or what may be a misspelling of it),
 * or holds `data` of a kind that cannot be told.
 */
export function mayHoldSecrets(text: string): boolean {
  if (/\bkind\b["']?\s*:\s*["']?sec/i.test(text) || /\bstringData\b/.test(text)) return true
  return DATA_LINE.test(text) && !/\bkind\b["']?\s*:\s*["']?ConfigMap\b/.test(text)
}

/** What may stand before the key ends with its line: or each line of many empty ones would be gone through from every one before it. */
const DATA_LINE = /^[^\S\r\n\u2028\u2029]*["']?data["']?\s*:/m

function describeProblems(text: string, problems: readonly YamlProblem[]): readonly ParsedProblem[] {
  if (problems.length === 0) return []
  const masked = mayHoldSecrets(text)
  return problems.map(problem => {
    const { line, column, code, message, hint } = problem
    return {
      line,
      column,
      code,
      // A syntax message may quote what stands there.
      message: masked && code === 'syntax' ? message.replace(/: .*$/s, '') : message,
      excerpt: excerptOf(text, problem, masked),
      ...(hint === undefined ? {} : { hint }),
    }
  })
}

/** The document itself, or the items of a list (at any depth: a List may hold Lists). */
function flattenList(document: YamlDocument, index: number, depth: number): readonly ParsedManifest[] {
  const found: ParsedManifest[] = []
  function visit(value: unknown, path: readonly FieldStep[], text: string): void {
    if (isList(value) && path.length < depth) {
      for (const [at, item] of value.items.entries())
        visit(item, [...path, 'items', at], `${text === '' ? '' : `${text}.`}items[${at}]`)
    } else {
      const { line, column } = path.length === 0 ? document : document.positionOf(path)
      found.push({ value, line, column, document: index, path: text })
    }
  }
  visit(document.value, [], '')
  return found
}

/** As kubectl's builder: a kind that ends in List and has items is the sum of its items. */
function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return (
    isObject(value) &&
    typeof value.kind === 'string' &&
    value.kind.endsWith('List') &&
    Array.isArray(value.items)
  )
}
