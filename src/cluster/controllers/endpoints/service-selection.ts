import type { IndexFunction, Lister } from '../../../client/index.ts'
import type { Labels, Pod, Service } from '../../../kube/index.ts'

/** The index of pods by each of their labels, and that of services by one label that their pods must have. */
export const LABEL_INDEX = 'labels'
export const SELECTOR_INDEX = 'selector'

export const byLabel: IndexFunction<Pod> = ({ metadata }) =>
  Object.entries(metadata.labels ?? {}).map(([key, value]) => labelKey(metadata.namespace, key, value))

export const bySelector: IndexFunction<Service> = ({ metadata, spec }) => {
  const [first] = Object.entries(spec?.selector ?? {})
  return first === undefined ? [] : [labelKey(metadata.namespace, ...first)]
}

/** Whether the endpoints of a service are pods: without a selector they are what somebody else writes. */
export function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec?.selector ?? {}).length > 0
}

/** The pods that a service selects; none when it selects by nothing, as one whose endpoints others write. */
export function podsOfService(pods: Lister<Pod>, { metadata, spec }: Service): readonly Pod[] {
  const selector = Object.entries(spec?.selector ?? {})
  const candidates = selector.map(([key, value]) =>
    pods.byIndex(LABEL_INDEX, labelKey(metadata.namespace, key, value)),
  )
  const fewest = candidates.reduce<readonly Pod[] | undefined>(
    (best, some) => (best === undefined || some.length < best.length ? some : best),
    undefined,
  )
  return (fewest ?? []).filter(pod => selects(selector, pod.metadata.labels))
}

/** The services that select pods of these labels, in a namespace. */
export function servicesOfLabels(
  services: Lister<Service>,
  namespace: string | undefined,
  labels: Labels,
): readonly Service[] {
  return Object.entries(labels ?? {})
    .flatMap(([key, value]) => services.byIndex(SELECTOR_INDEX, labelKey(namespace, key, value)))
    .filter(service => selects(Object.entries(service.spec?.selector ?? {}), labels))
}

function selects(selector: readonly (readonly [string, string])[], labels: Labels): boolean {
  return selector.every(([key, value]) => labels?.[key] === value)
}

function labelKey(namespace: string | undefined, key: string, value: string): string {
  return `${namespace ?? ''}/${key}=${value}`
}
