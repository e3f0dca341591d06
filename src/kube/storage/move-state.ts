import type { PersistentVolume, PersistentVolumeClaim } from '../generated/types.ts'
import { MOVE_STATE } from './words.ts'

/** What a moved volume is made anew from. */
export interface MovingVolume {
  readonly labels?: { readonly [key: string]: string }
  readonly annotations?: { readonly [key: string]: string }
  readonly spec: NonNullable<PersistentVolume['spec']>
}

/** How far the move of a claim's volume is, as the claim's annotation keeps it. */
export interface MoveState {
  readonly id: string
  readonly from: string
  readonly to: string
  /**
   * `Stopping`: the pods end. `Copying`: the data goes over, and is compared. `Rebinding`: the copy becomes the volume. `Keeping`: pods
   * start at the new host, and the original is put where no pod finds it. `Kept`: done, but for the confirmation. `Refused`: nothing
   * was done.
   */
  readonly phase: 'Copying' | 'Keeping' | 'Kept' | 'Rebinding' | 'Refused' | 'Stopping'
  /** Why it waits, or was refused. */
  readonly message?: string
  /** Set from `Rebinding` on. */
  readonly volume?: MovingVolume
  readonly files?: number
  readonly bytes?: number
}

/** The move of a claim; undefined when there is none, or when the annotation was written by somebody who does not know what is in it. */
export function moveStateOf({ metadata }: PersistentVolumeClaim): MoveState | undefined {
  const text = metadata.annotations?.[MOVE_STATE]
  if (text === undefined) return undefined
  try {
    const { id, from, to, phase } = JSON.parse(text) as Partial<MoveState>
    const isWhole = [id, from, to, phase].every(part => typeof part === 'string')
    return isWhole ? (JSON.parse(text) as MoveState) : undefined
  } catch {
    return undefined
  }
}
