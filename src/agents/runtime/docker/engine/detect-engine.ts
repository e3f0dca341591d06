import { type Clock, systemClock } from '../../../../base/index.ts'
import { Engine } from './engine.ts'

/** How long a machine's own engine may take to say its version before it counts as absent. */
const ANSWER_WITHIN_MS = 2_000

/** The first of these sockets (or `tcp://` addresses) behind which an engine answers that this code can talk to. */
export async function detectEngine(
  socketPaths: readonly string[],
  clock: Clock = systemClock,
): Promise<{ readonly socketPath: string; readonly version: string } | undefined> {
  for (const socketPath of socketPaths) {
    const engine = await Engine.connect(socketPath, clock, ANSWER_WITHIN_MS).catch(() => undefined)
    if (engine !== undefined) return { socketPath, version: engine.version.engine }
  }
  return undefined
}
