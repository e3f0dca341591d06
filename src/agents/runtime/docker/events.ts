import type { Readable } from 'node:stream'
import { BowlineError, hasCode } from '../../../base/index.ts'
import type { RuntimeEvent } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'
import { engineError } from './engine/engine-error.ts'
import { readJsonLines } from './engine/json-stream.ts'
import { labelsOf } from './inspect.ts'
import { type LabelMap, Labels, labelFilter, type Owner } from './names.ts'

/**
 * The engine's events about this owner's containers since `sinceMs`; it keeps the last 256 for those who come late. `onOutOfMemory` is
 * told of containers in which the kernel killed something for want of memory: mostly before their end, and sometimes after it.
 */
export async function* followEvents(
  engine: Engine,
  owner: Owner,
  sinceMs: number,
  onOutOfMemory: (id: string) => void,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent, void, void> {
  const action = 'follow the events of the container engine'
  let source: Readable
  try {
    source = await engine.stream({
      method: 'GET',
      path: '/events',
      query: {
        since: (sinceMs / 1_000).toFixed(3),
        filters: {
          ...labelFilter(labelsOf(owner)),
          type: ['container'],
          event: ['start', 'oom', 'die', 'destroy'],
        },
      },
      action,
      signal,
    })
  } catch (error) {
    if (signal.aborted && hasCode(error, 'aborted')) return
    throw error
  }
  const onAbort = (): void => void source.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for await (const value of readJsonLines(source)) {
      const { Action, Actor } = value as EngineEvent
      if (Action === 'oom') onOutOfMemory(Actor.ID)
      const event = eventFrom(value as EngineEvent)
      if (event !== undefined) yield event
    }
  } catch (error) {
    if (!signal.aborted) throw engineError(action, error)
  } finally {
    signal.removeEventListener('abort', onAbort)
    source.destroy()
  }
  if (!signal.aborted)
    throw new BowlineError('unavailable', `Cannot ${action}: the engine ended them`, { retryable: true })
}

interface EngineEvent {
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: LabelMap }
}

/** Undefined for what the contract has no word for: a sandbox that starts, the network's own container. */
function eventFrom({ Action, Actor }: EngineEvent): RuntimeEvent | undefined {
  const labels = Actor.Attributes
  const subject = { id: Actor.ID, podUid: labels[Labels.podUid] ?? '' }
  if (labels[Labels.type] === 'sandbox')
    return Action === 'die' ? { type: 'sandbox-stopped', ...subject } : undefined
  if (labels[Labels.type] !== 'container') return undefined
  const type = CONTAINER_EVENTS[Action]
  return type && { type, ...subject }
}

const CONTAINER_EVENTS: Readonly<Record<string, RuntimeEvent['type'] | undefined>> = {
  start: 'container-started',
  // What is known of its end may be another thing now.
  oom: 'container-exited',
  die: 'container-exited',
  destroy: 'container-removed',
}
