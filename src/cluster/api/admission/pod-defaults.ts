import { type Kind, Kinds, type Pod, type PodSpec, type Toleration } from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/** How long a pod stays on a node that is lost (upstream's DefaultTolerationSeconds). */
const LOST_NODE_SECONDS = 300
const LOST_NODE_TAINTS: readonly string[] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/** The priority classes that every cluster has (scheduling `v1`). */
const PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

/** What upstream's ServiceAccount, Priority and DefaultTolerationSeconds admissions write into a new pod. */
export const podDefaults: Admission = {
  admit({ verb, kind, subresource, name, object }) {
    if (verb !== 'create' || subresource !== '' || !isPod(kind) || object === undefined) return object
    const pod = object as Pod
    if (pod.spec === undefined) return object
    const account = pod.spec.serviceAccountName || 'default'
    const spec: PodSpec = {
      ...pod.spec,
      serviceAccountName: account,
      serviceAccount: account,
      ...priorityOf(kind, name, pod.spec),
      preemptionPolicy: pod.spec.preemptionPolicy ?? 'PreemptLowerPriority',
      tolerations: tolerationsOf(pod.spec.tolerations ?? []),
    }
    return { ...pod, spec }
  },
}

function priorityOf(
  kind: Kind,
  name: string,
  { priority, priorityClassName }: PodSpec,
): { priority: number } {
  const computed = priorityClassName ? PRIORITIES[priorityClassName] : 0
  if (computed === undefined)
    throw forbidden(kind, name, `no PriorityClass with name ${priorityClassName} was found`)
  if (priority !== undefined && priority !== computed)
    throw forbidden(
      kind,
      name,
      `the integer value of priority (${priority}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`,
    )
  return { priority: computed }
}

function tolerationsOf(tolerations: readonly Toleration[]): readonly Toleration[] {
  const added = LOST_NODE_TAINTS.filter(
    key => !tolerations.some(toleration => coversEviction(toleration, key)),
  )
  return [
    ...tolerations,
    ...added.map(
      (key): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: LOST_NODE_SECONDS,
      }),
    ),
  ]
}

function coversEviction({ key, effect }: Toleration, taint: string): boolean {
  return (!key || key === taint) && (!effect || effect === 'NoExecute')
}

function isPod(kind: Kind): boolean {
  return kind.group === '' && kind.kind === Kinds.Pod.kind
}
