import type { Kind, Verb } from '../../kube/index.ts'
import type { GroupVersionKind } from '../schema/schema.ts'

/** What discovery and OpenAPI say of one subresource. */
export interface Subresource {
  readonly name: string
  /** What its bodies are. */
  readonly kind: GroupVersionKind
  readonly verbs: readonly Verb[]
}

const READ_WRITE: readonly Verb[] = ['get', 'patch', 'update']

/** The subresources of a kind, by name. */
export function subresourcesOf(kind: Kind): readonly Subresource[] {
  return [...kind.subresources].sort().map(name => describe(kind, name))
}

/** Group, version and kind of a kind's own objects. */
export function groupVersionKindOf({ group, version, kind }: Kind): GroupVersionKind {
  return { group, version, kind }
}

function describe(kind: Kind, name: string): Subresource {
  const own = groupVersionKindOf(kind)
  switch (name) {
    case 'binding':
      return { name, kind: { group: '', version: 'v1', kind: 'Binding' }, verbs: ['create'] }
    case 'eviction':
      return { name, kind: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] }
    case 'finalize':
      return { name, kind: own, verbs: ['update'] }
    case 'log':
      return { name, kind: own, verbs: ['get'] }
    case 'scale':
      return { name, kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: READ_WRITE }
    case 'token':
      return {
        name,
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
        verbs: ['create'],
      }
    default:
      return { name, kind: own, verbs: READ_WRITE }
  }
}
