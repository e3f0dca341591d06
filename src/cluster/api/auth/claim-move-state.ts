import {
  HELD,
  Kinds,
  type KubeObject,
  MOVE_STATE,
  MOVE_TO,
  type MoveState,
  moveStateOf,
  type PersistentVolumeClaim,
} from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'
import { isUnlimited } from './identity.ts'

/** While a move is in one of these, the claim's volume is in two places, or in none. */
const UNDER_WAY: readonly MoveState['phase'][] = ['Stopping', 'Copying', 'Rebinding']

/**
 * How far the move of a claim's volume is, the server alone writes: whoever could say it would name the volume that is made next, and the
 * folders that are put aside. No claim is born with it, whoever makes it: controllers make claims of what users wrote into templates. Nor
 * does anybody take it away, or let pods start, while the move is under way: the volume is made anew from what it says.
 */
export const claimMoveState: Admission = {
  admit({ kind, verb, name, user, object, old }) {
    if (kind.group !== '' || kind.kind !== Kinds.PersistentVolumeClaim.kind) return object
    if (object === undefined || (verb === 'update' && isUnlimited(user))) return object
    const state = annotationOf(object, MOVE_STATE)
    if (state !== undefined && state !== annotationOf(old, MOVE_STATE))
      throw forbidden(kind, name, `the annotation ${MOVE_STATE} is written by the server alone: leave it out`)
    const move = old && moveUnderWay(old as PersistentVolumeClaim)
    const lost = [MOVE_STATE, HELD].find(key => annotationOf(object, key) !== annotationOf(old, key))
    if (move !== undefined && lost !== undefined)
      throw forbidden(
        kind,
        name,
        `its volume moves to host ${move.to}: leave the annotation ${lost} as it is until that is done, or take ${MOVE_TO} away to cancel`,
      )
    return object
  },
}

/** What an unbound claim says of itself is nobody's move. */
function moveUnderWay(claim: PersistentVolumeClaim): MoveState | undefined {
  const move = claim.status?.phase === 'Bound' ? moveStateOf(claim) : undefined
  return move !== undefined && UNDER_WAY.includes(move.phase) ? move : undefined
}

function annotationOf(claim: KubeObject | undefined, key: string): string | undefined {
  return claim?.metadata.annotations?.[key]
}
