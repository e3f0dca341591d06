import {
  type Kind,
  Kinds,
  type Pod,
  type PodSpec,
  type PriorityClass,
  registryKey,
  type Toleration,
} from '../../../kube/index.ts'
import { selectionOf } from '../cache/selection.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/** How long a pod stays on a node that is lost (upstream's DefaultTolerationSeconds). */
const LOST_NODE_SECONDS = 300
const LOST_NODE_TAINTS: readonly string[] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

const ALL_PRIORITIES = selectionOf(Kinds.PriorityClass, {
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
})

/** What upstream's ServiceAccount, Priority and DefaultTolerationSeconds admissions write into a new pod. */
export function podDefaults(world: World): Admission {
  return {
    admit({ verb, kind, subresource, name, object }) {
      if (verb !== 'create' || subresource !== '' || !isPod(kind) || object === undefined) return object
      const pod = object as Pod
      if (pod.spec === undefined) return object
      const account = pod.spec.serviceAccountName || 'default'
      const spec: PodSpec = {
        ...pod.spec,
        serviceAccountName: account,
        serviceAccount: account,
        ...priorityOf(world, kind, name, pod.spec),
        tolerations: tolerationsOf(pod.spec.tolerations ?? []),
      }
      return { ...pod, spec }
    },
  }
}

/** The pod's class, or the one of pods that name none, says how it stands to others; without any it is an ordinary pod. */
function priorityOf(
  world: World,
  kind: Kind,
  name: string,
  { priority, priorityClassName, preemptionPolicy }: PodSpec,
): Pick<PodSpec, 'preemptionPolicy' | 'priority' | 'priorityClassName'> {
  const found = priorityClassName ? classOf(world, priorityClassName) : defaultClass(world)
  if (priorityClassName && found === undefined)
    throw forbidden(kind, name, `no PriorityClass with name ${priorityClassName} was found`)
  const { value = 0, preemptionPolicy: policy = 'PreemptLowerPriority', metadata } = found ?? {}
  if (priority !== undefined && priority !== value)
    throw forbidden(
      kind,
      name,
      `the integer value of priority (${priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  if (preemptionPolicy !== undefined && preemptionPolicy !== policy)
    throw forbidden(
      kind,
      name,
      `the string value of PreemptionPolicy (${preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    )
  return {
    priority: value,
    preemptionPolicy: policy,
    ...(metadata?.name === undefined ? {} : { priorityClassName: metadata.name }),
  }
}

function classOf(world: World, name: string): PriorityClass | undefined {
  const key = registryKey(Kinds.PriorityClass, undefined, name)
  return world.cacheOf(Kinds.PriorityClass).get(key)?.object as PriorityClass | undefined
}

/** Of several classes that say that they are the default, the one with the lowest value is. */
function defaultClass(world: World): PriorityClass | undefined {
  return world
    .cacheOf(Kinds.PriorityClass)
    .select(ALL_PRIORITIES)
    .map(({ object }) => object as PriorityClass)
    .filter(({ globalDefault }) => globalDefault)
    .sort((a, b) => a.value - b.value)[0]
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
