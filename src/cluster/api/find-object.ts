import { isNotFound, type Kind, type KubeObject } from '../../kube/index.ts'
import { systemIdentity } from './auth/identity.ts'
import type { Verbs } from './contract.ts'

/** The newest state of an object, read in the server's own name; undefined when it is not there. */
export async function findObject(
  verbs: Pick<Verbs, 'get'>,
  kind: Kind,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const { signal } = new AbortController()
  const context = { user: systemIdentity('reader'), warnings: [], signal, userAgent: 'bowline' }
  try {
    return (await verbs.get(context, kind, namespace, name, '')).object
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
