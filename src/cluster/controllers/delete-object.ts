import { type Client, type DeleteOptions, ifFound } from '../../client/index.ts'
import type { Kind, KubeObject } from '../../kube/index.ts'

/** Deletes an object, and none that has come under its name since; that it is gone already is fine. */
export async function deleteObject(
  client: Client,
  kind: Kind,
  { metadata }: KubeObject,
  options: Pick<DeleteOptions, 'propagationPolicy'> = {},
): Promise<void> {
  const { name = '', namespace, uid = '' } = metadata
  const place = namespace === undefined ? {} : { namespace }
  await ifFound(client.delete(kind, name, { ...place, ...options, preconditions: { uid } }))
}
