import { type Client, ifFound } from '../../../client/index.ts'
import { Kinds } from '../../../kube/index.ts'

/** Sets the entries that have a text, and removes those that are null; makes the ConfigMap where there is none. */
export async function patchConfigMap(
  client: Client,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  data: Readonly<Record<string, string | null>>,
): Promise<void> {
  const patch = { type: 'merge', body: { data } } as const
  if ((await ifFound(client.patch(Kinds.ConfigMap, name, patch, { namespace }))) !== undefined) return
  const entries = Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null)
  await client.create(Kinds.ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: Object.fromEntries(entries),
  })
}
