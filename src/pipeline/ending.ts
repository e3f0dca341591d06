import type { HealthResult } from '../apply/index.ts'
import type { RecordClosing } from '../audit/index.ts'

/** How an attempt ended, as its record says it. */
export interface Ending {
  readonly state: RecordClosing['state']
  /** One sentence. */
  readonly message: string
}

const STATES: Readonly<Record<HealthResult['state'], RecordClosing['state']>> = {
  healthy: 'Healthy',
  failed: 'Failed',
  deadline: 'Deadline',
  superseded: 'Superseded',
}

export function ending(state: RecordClosing['state'], message: string): Ending {
  return { state, message }
}

/** What a wait for health makes of an attempt. */
export function endingOf({ state, message }: HealthResult): Ending {
  return { state: STATES[state], message }
}
