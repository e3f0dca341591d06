import { hasCode, type Logger, messageOf } from '../../../base/index.ts'
import type { RunProgram } from '../nft/index.ts'
import { conntrackArguments, type StaleFlow } from './flows.ts'

/** Forgets flows, and says once that it cannot where Debian's `conntrack` is missing: such flows then go on until they pause. */
export function createFlowForgetter(
  run: RunProgram,
  log: Logger,
): (flows: readonly StaleFlow[]) => Promise<void> {
  let isMissing = false
  return async flows => {
    for (const flow of flows) {
      if (isMissing) return
      try {
        const { code, complaint } = await run('conntrack', conntrackArguments(flow))
        // It calls it a failure when there was none.
        if (code !== 0 && !/ 0 flow entries/.test(complaint))
          log.warn('UDP flows to a former backend were not ended', { ...flow, error: complaint })
      } catch (error) {
        isMissing = hasCode(error, 'unsupported')
        log.warn('UDP flows to former backends are not ended', { error: messageOf(error) })
      }
    }
  }
}
