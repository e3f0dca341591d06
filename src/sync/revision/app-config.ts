import { isObject } from '../../base/index.ts'
import { type Diagnostic, excerptOf, parseFieldPath, parseYaml, type YamlDocument } from '../../kube/index.ts'
import { type FolderPattern, parseFolderPattern } from './folder-pattern.ts'

/** The file that says which folders are apps; absent, the whole folder is one app. */
export const APP_CONFIG_FILE = 'bowline.yaml'

/** A pattern and where it stands, for the diagnostic that says that it fits nothing. */
export interface AppPattern extends FolderPattern {
  readonly line: number
  readonly column: number
}

export interface AppConfig {
  readonly patterns: readonly AppPattern[]
  /** Empty exactly when the whole file could be used. */
  readonly diagnostics: readonly Diagnostic[]
}

const EXAMPLE = 'write "apps: apps/*", or a list of such patterns'

/** Reads `bowline.yaml`: `apps`, a pattern of folders or a list of them, and nothing else. */
export function parseAppConfig(text: string, file: string): AppConfig {
  const { documents, problems } = parseYaml(text)
  const diagnostics: Diagnostic[] = problems.map(problem => ({
    ...problem,
    file,
    excerpt: excerptOf(text, problem),
  }))
  const document = documents[0]
  const report = (
    on: YamlDocument,
    path: string,
    side: 'key' | 'value',
    message: string,
    hint: string,
  ): void => {
    const position = on.positionOf(parseFieldPath(path), side)
    diagnostics.push({
      file,
      ...position,
      code: 'bad-config',
      message,
      excerpt: excerptOf(text, position),
      hint,
    })
  }
  if (documents[1] !== undefined)
    report(documents[1], '', 'key', 'the file holds more than one document', 'keep one')
  if (document === undefined || !isObject(document.value)) {
    if (document !== undefined) report(document, '', 'key', 'the file is not a map', EXAMPLE)
    else if (diagnostics.length === 0)
      diagnostics.push({
        file,
        line: 1,
        column: 1,
        code: 'bad-config',
        message: 'the file is empty',
        hint: EXAMPLE,
      })
    return { patterns: [], diagnostics }
  }
  for (const key of Object.keys(document.value))
    if (key !== 'apps')
      report(document, `["${key}"]`, 'key', `unknown field "${key}"`, 'the only field of this file is "apps"')
  return { patterns: readPatterns(document, report), diagnostics }
}

function readPatterns(
  document: YamlDocument,
  report: (on: YamlDocument, path: string, side: 'key' | 'value', message: string, hint: string) => void,
): readonly AppPattern[] {
  const { apps } = document.value as { readonly apps?: unknown }
  if (apps === undefined || apps === null) {
    report(document, 'apps', 'key', 'the field "apps" is missing', EXAMPLE)
    return []
  }
  const isList = Array.isArray(apps)
  const patterns: AppPattern[] = []
  for (const [index, item] of (isList ? apps : [apps]).entries()) {
    const path = isList ? `apps[${index}]` : 'apps'
    const pattern = typeof item === 'string' ? parseFolderPattern(item) : { refusal: 'a pattern is text' }
    if ('refusal' in pattern) report(document, path, 'value', pattern.refusal, EXAMPLE)
    else patterns.push({ ...pattern, ...document.positionOf(parseFieldPath(path)) })
  }
  if (isList && apps.length === 0) report(document, 'apps', 'key', 'the list "apps" is empty', EXAMPLE)
  return patterns
}
