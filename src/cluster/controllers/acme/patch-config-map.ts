import type { Client } from '../../../client/index.ts'
import { isNotFound, Kinds } from '../../../kube/index.ts'

/** Sets the entries that have a text, and removes those that are null; makes the ConfigMap where there is none. */
export async function patchConfigMap(
  client: Client,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  data: Readonly<Record<string, string | null>>,
): Promise<void> {
  try {
    await client.patch(Kinds.ConfigMap, name, { type: 'merge', body: { data } }, { namespace })
  } catch (error) {
    if (!isNotFound(error)) throw error
    const entries = Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null)
    await client.create(Kinds.ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data: Object.fromEntries(entries),
    })
  }
}
