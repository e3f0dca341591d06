import { Kinds, type KubeObject, MOVE_STATE } from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'
import { isUnlimited } from './identity.ts'

/**
 * How far the move of a claim's volume is, the server alone writes: whoever could say it would name the volume that is made next, and the
 * folders that are put aside. No claim is born with it, whoever makes it: controllers make claims of what users wrote into templates.
 */
export const claimMoveState: Admission = {
  admit({ kind, verb, name, user, object, old }) {
    if (kind.group !== '' || kind.kind !== Kinds.PersistentVolumeClaim.kind) return object
    const state = stateOf(object)
    if (state === undefined || state === stateOf(old)) return object
    if (verb === 'update' && isUnlimited(user)) return object
    throw forbidden(kind, name, `the annotation ${MOVE_STATE} is written by the server alone: leave it out`)
  },
}

function stateOf(claim: KubeObject | undefined): string | undefined {
  return claim?.metadata.annotations?.[MOVE_STATE]
}
