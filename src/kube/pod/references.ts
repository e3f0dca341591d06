import type { Container, Pod } from '../generated/types.ts'
import { claimNamesOf } from '../storage/claims.ts'

/** The kinds of which a node reads what its pods refer to. */
export type NodeResource = 'configmaps' | 'persistentvolumeclaims' | 'secrets'

/** What a pod's node needs to read to run it: `configmaps/<name>`, `secrets/<name>` and `persistentvolumeclaims/<name>`, all in the pod's namespace. */
export function podReferences(pod: Pod): ReadonlySet<string> {
  const { spec } = pod
  const found = new Set<string>()
  for (const name of claimNamesOf(pod)) add(found, 'persistentvolumeclaims', name)
  for (const { name } of spec?.imagePullSecrets ?? []) add(found, 'secrets', name)
  for (const volume of spec?.volumes ?? []) {
    add(found, 'configmaps', volume.configMap?.name)
    add(found, 'secrets', volume.secret?.secretName)
    for (const source of volume.projected?.sources ?? []) {
      add(found, 'configmaps', source.configMap?.name)
      add(found, 'secrets', source.secret?.name)
    }
  }
  for (const container of containersOf(spec)) {
    for (const source of container.envFrom ?? []) {
      add(found, 'configmaps', source.configMapRef?.name)
      add(found, 'secrets', source.secretRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      add(found, 'configmaps', valueFrom?.configMapKeyRef?.name)
      add(found, 'secrets', valueFrom?.secretKeyRef?.name)
    }
  }
  return found
}

function containersOf(spec: Pod['spec']): readonly Pick<Container, 'env' | 'envFrom'>[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]
}

function add(found: Set<string>, resource: NodeResource, name: string | undefined): void {
  if (name) found.add(`${resource}/${name}`)
}
