import type { KubeObject } from '../../../kube/index.ts'
import type { AdmissionRequest } from '../contract.ts'
import type { VerbServices } from '../services.ts'

/** Asks every admission in turn; each sees what the one before made of the object. */
export function admit<T extends KubeObject | undefined>(
  { admissions }: VerbServices,
  request: AdmissionRequest & { readonly object: T },
): T {
  let asked = request
  for (const admission of admissions) {
    const answer = admission.admit(asked)
    if (asked.object !== undefined && answer !== undefined && answer !== asked.object)
      asked = { ...asked, object: answer as T }
  }
  return asked.object
}
