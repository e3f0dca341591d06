import { stripVTControlCharacters } from 'node:util'
import type { HttpsClient } from '../../client/index.ts'
import { apiPath, Kinds, type Pod } from '../../kube/index.ts'

/** How much of a failed container's log is shown. */
const LOG_LINES = 5
const MAX_LOG_BYTES = 4_096

/** The last lines that a container's run before the present one has said; none when they cannot be had. */
export async function readLogTail(
  client: HttpsClient,
  { metadata }: Pod,
  container: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = apiPath(Kinds.Pod, metadata.namespace, metadata.name, 'log')
  const query = `container=${encodeURIComponent(container)}&previous=true&tailLines=${LOG_LINES}&limitBytes=${MAX_LOG_BYTES}`
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of client.stream(`${path}?${query}`, signal)) chunks.push(chunk)
  } catch {
    // The failure itself is told already; without its host there is no more to say.
    return []
  }
  const text = stripVTControlCharacters(Buffer.concat(chunks).toString('utf8')).trimEnd()
  return text === '' ? [] : text.split('\n')
}
