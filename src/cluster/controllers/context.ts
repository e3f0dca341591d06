import type { Clock, Ids, Logger } from '../../base/index.ts'
import { type Client, createEventRecorder, type EventRecorder, type Informers } from '../../client/index.ts'

/** What every controller is given. The informers are shared, so that each kind is watched once. */
export interface ControllerContext {
  readonly client: Client
  readonly informers: Informers
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** The recorder of a controller's events, and the log of its own lines. */
export function voiceOf(
  { client, clock, log }: ControllerContext,
  name: string,
): { readonly events: EventRecorder; readonly log: Logger } {
  return {
    events: createEventRecorder({ client, component: name, clock, log }),
    log: log.with({ controller: name }),
  }
}
