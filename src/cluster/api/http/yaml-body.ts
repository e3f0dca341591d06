import { parseManifestText, StatusError, yamlLimits } from '../../../kube/index.ts'
import { MAX_BODY_BYTES } from './body-limit.ts'

/**
 * A request's object is bounded by its body; aliases and depth as in every manifest. A file of Git is read aside, a body while everybody
 * waits, and every user may send one: a second's tokens are enough for the longest definitions of kinds, and programs send JSON.
 */
const LIMITS = { ...yamlLimits, bytes: MAX_BODY_BYTES, documents: 2, tokens: 200_000 }

/** The one object of a YAML body. A StatusError of reason BadRequest names the place of the first problem. */
export function parseYamlBody(text: string): unknown {
  const { manifests, problems } = parseManifestText(text, LIMITS)
  const [problem] = problems
  if (problem !== undefined)
    throw new StatusError(
      'BadRequest',
      `the body of the request cannot be read as YAML: line ${problem.line}, column ${problem.column}: ${problem.message}`,
    )
  if (manifests.length !== 1)
    throw new StatusError(
      'BadRequest',
      `the body of the request must be one object: it holds ${manifests.length}`,
    )
  return manifests[0]?.value
}
