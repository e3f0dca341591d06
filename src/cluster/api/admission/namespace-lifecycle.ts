import { type Kind, Kinds, type KubeObject, type Namespace, registryKey } from '../../../kube/index.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'
import { forbidden, notFound } from '../refusals.ts'

/** The namespaces that cannot be deleted (apiserver `plugin/namespace/lifecycle`). */
const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])

/** Nothing is made in a namespace that is not there or is ending; some namespaces stay for ever. */
export function namespaceLifecycle(world: World): Admission {
  return {
    admit({ verb, kind, subresource, namespace, name, object }) {
      if (verb === 'delete' && isNamespace(kind) && IMMORTAL.has(name))
        throw forbidden(kind, name, 'this namespace may not be deleted')
      if (verb === 'create' && subresource === '' && kind.namespaced)
        checkNamespace(world, kind, namespace, object)
      return object
    },
  }
}

function checkNamespace(world: World, kind: Kind, namespace: string, object: KubeObject | undefined): void {
  const entry = world.cacheOf(Kinds.Namespace).get(registryKey(Kinds.Namespace, undefined, namespace))
  if (entry === undefined) throw notFound(Kinds.Namespace, namespace)
  if ((entry.object as Namespace).status?.phase !== 'Terminating') return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  throw forbidden(kind, object?.metadata.name ?? '', why, {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  })
}

function isNamespace(kind: Kind): boolean {
  return kind.group === '' && kind.kind === Kinds.Namespace.kind
}
