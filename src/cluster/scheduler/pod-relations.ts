import {
  type LabelSelector,
  type LabelSelectorObject,
  labelSelectorFromObject,
  type Pod,
  type PodAffinityTerm,
} from '../../kube/index.ts'

/** Which pods a rule is about, and the label of nodes that says what it takes for one place. */
export interface PodTerm {
  readonly topologyKey: string
  readonly selector: LabelSelector
  readonly namespaces: ReadonlySet<string>
  /** Pods of namespaces with such labels are meant too. */
  readonly namespaceSelector: LabelSelector
}

/** How unevenly pods may be spread over places. */
export interface SpreadRule {
  readonly topologyKey: string
  readonly selector: LabelSelector
  readonly maxSkew: number
  /** With fewer places than that, one more is taken to be empty. */
  readonly minDomains: number
  /** Whether nodes that the pod may not choose, or does not tolerate, count as places. */
  readonly countsUnselected: boolean
  readonly countsTainted: boolean
}

/** What a pod requires of where other pods are. */
export interface PodRelations {
  readonly affinity: readonly PodTerm[]
  readonly antiAffinity: readonly PodTerm[]
  readonly spread: readonly SpreadRule[]
}

/** What is required of a pod's node by its affinity to pods and its spread constraints; undefined when nothing is, as of most pods. */
export function podRelations(pod: Pod): PodRelations | undefined {
  const { affinity, topologySpreadConstraints = [] } = pod.spec ?? {}
  const required = affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const refused = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const spread = topologySpreadConstraints.filter(rule => rule.whenUnsatisfiable === 'DoNotSchedule')
  if (required.length === 0 && refused.length === 0 && spread.length === 0) return undefined
  return {
    affinity: required.map(term => termOf(term, pod)),
    antiAffinity: refused.map(term => termOf(term, pod)),
    spread: spread.map(rule => ({
      topologyKey: rule.topologyKey,
      selector: selectorOf(rule.labelSelector, [['In', rule.matchLabelKeys]], pod),
      maxSkew: rule.maxSkew,
      minDomains: rule.minDomains ?? 1,
      countsUnselected: rule.nodeAffinityPolicy === 'Ignore',
      countsTainted: rule.nodeTaintsPolicy !== 'Honor',
    })),
  }
}

function termOf(term: PodAffinityTerm, pod: Pod): PodTerm {
  const { topologyKey, labelSelector, namespaces = [], namespaceSelector } = term
  const isOwn = namespaces.length === 0 && namespaceSelector === undefined
  return {
    topologyKey,
    selector: selectorOf(
      labelSelector,
      [
        ['In', term.matchLabelKeys],
        ['NotIn', term.mismatchLabelKeys],
      ],
      pod,
    ),
    namespaces: new Set(isOwn ? [pod.metadata.namespace ?? ''] : namespaces),
    namespaceSelector: labelSelectorFromObject(namespaceSelector),
  }
}

/** A selector that asks besides for the values that the pod itself has, or for others. Labels that it does not have ask for nothing. */
function selectorOf(
  selector: LabelSelectorObject | undefined,
  own: readonly (readonly ['In' | 'NotIn', readonly string[] | undefined])[],
  { metadata: { labels = {} } }: Pod,
): LabelSelector {
  if (selector === undefined) return labelSelectorFromObject(undefined)
  const added = own.flatMap(([operator, keys = []]) =>
    keys
      .filter(key => labels[key] !== undefined)
      .map(key => ({ key, operator, values: [labels[key] as string] })),
  )
  return labelSelectorFromObject({
    ...selector,
    matchExpressions: [...(selector.matchExpressions ?? []), ...added],
  })
}
