import { formatTime, type NamespaceCondition } from '../../../kube/index.ts'

/** What is left of a namespace that is being deleted. */
export interface Remains {
  /** How many objects of each resource, such as `pods.` or `deployments.apps`. */
  readonly resources: ReadonlyMap<string, number>
  /** How many of them each finalizer keeps. */
  readonly finalizers: ReadonlyMap<string, number>
  /** What could not be listed or deleted, in words. */
  readonly failures: readonly string[]
}

/** The conditions that explain the state of the deletion, in upstream's words; times move only with a status. */
export function deletionConditions(
  before: readonly NamespaceCondition[],
  { resources, finalizers, failures }: Remains,
  now: number,
): readonly NamespaceCondition[] {
  return [
    condition('NamespaceDeletionDiscoveryFailure', false, {
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    }),
    condition('NamespaceDeletionGroupVersionParsingFailure', false, {
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    }),
    failures.length > 0
      ? condition('NamespaceDeletionContentFailure', true, {
          reason: 'ContentDeletionFailed',
          message: `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        })
      : condition('NamespaceDeletionContentFailure', false, {
          reason: 'ContentDeleted',
          message: 'All content successfully deleted, may be waiting on finalization',
        }),
    resources.size > 0
      ? condition('NamespaceContentRemaining', true, {
          reason: 'SomeResourcesRemain',
          message: `Some resources are remaining: ${list(resources, (name, count) => `${name} has ${count} resource instances`)}`,
        })
      : condition('NamespaceContentRemaining', false, {
          reason: 'ContentRemoved',
          message: 'All content successfully removed',
        }),
    finalizers.size > 0
      ? condition('NamespaceFinalizersRemaining', true, {
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${list(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
        })
      : condition('NamespaceFinalizersRemaining', false, {
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        }),
  ]

  function condition(
    type: string,
    holds: boolean,
    { reason, message }: { readonly reason: string; readonly message: string },
  ): NamespaceCondition {
    const status = holds ? 'True' : 'False'
    const known = before.find(one => one.type === type)
    const lastTransitionTime =
      known?.status === status && known.lastTransitionTime !== undefined
        ? known.lastTransitionTime
        : formatTime(now)
    return { type, status, reason, message, lastTransitionTime }
  }
}

function list(counts: ReadonlyMap<string, number>, say: (name: string, count: number) => string): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => say(name, count))
    .join(', ')
}
