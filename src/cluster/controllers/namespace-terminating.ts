import { StatusError } from '../../kube/index.ts'

/** A create was refused because its namespace is being deleted: what wanted it is about to go, too. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.details.causes ?? []).some(cause => cause.reason === 'NamespaceTerminating')
  )
}
