import {
  createFieldLocator,
  excerptOf,
  Kinds,
  mayHoldSecrets,
  type ParsedManifests,
  type ParsedProblem,
} from '../../kube/index.ts'
import type { Issue } from './check-object.ts'

/** Gives issues their place and excerpt, from the text that they are about. */
export function placeIssues(
  text: string,
  found: readonly {
    readonly manifest: ParsedManifests['manifests'][number]
    readonly issues: readonly Issue[]
  }[],
): readonly ParsedProblem[] {
  const locate = createFieldLocator(text)
  const masked =
    mayHoldSecrets(text) ||
    found.some(({ manifest }) => (manifest.value as { kind?: unknown } | null)?.kind === Kinds.Secret.kind)
  return found.flatMap(({ manifest, issues }) =>
    issues.map(({ code, path, at, message, hint }) => {
      const position = locate(manifest, path, at) ?? { line: manifest.line, column: manifest.column }
      const excerpt = excerptOf(text, position, masked)
      return { ...position, code, message, excerpt, ...(hint === undefined ? {} : { hint }) }
    }),
  )
}
