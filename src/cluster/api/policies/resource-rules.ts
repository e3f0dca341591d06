import {
  type Kind,
  Kinds,
  labelSelectorFromObject,
  type MatchResources,
  matchesLabels,
  type NamedRuleWithOperations,
  registryPrefix,
} from '../../../kube/index.ts'
import type { PolicyRequest } from './policy-request.ts'

/** What matching asks of the cluster. */
export interface MatchWorld {
  /** Every served kind. */
  readonly kinds: readonly Kind[]
  /** The labels of a namespace; undefined when it is not there. */
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined
}

type Rule = NamedRuleWithOperations

/**
 * The kind as which a policy or a binding wants to see a request: its own, or one that shows the same objects where the rules name that one
 * and `matchPolicy` is Equivalent. Undefined: it does not want to see it (apiserver `plugin/policy/matching`).
 */
export function matchingKind(
  match: MatchResources | undefined,
  request: PolicyRequest,
  world: MatchWorld,
): Kind | undefined {
  if (match === undefined) return request.kind
  if (!matchesNamespace(match, request, world) || !matchesObject(match, request)) return undefined
  const { excludeResourceRules = [], resourceRules = [], matchPolicy = 'Equivalent' } = match
  const candidates = (): readonly Kind[] =>
    matchPolicy === 'Exact' ? [request.kind] : [request.kind, ...equivalents(request.kind, world.kinds)]
  if (
    excludeResourceRules.length > 0 &&
    firstMatch(excludeResourceRules, request, candidates()) !== undefined
  )
    return undefined
  return resourceRules.length === 0 ? request.kind : firstMatch(resourceRules, request, candidates())
}

/** Kinds that show the same stored objects, in the order in which they are served. */
function equivalents(kind: Kind, kinds: readonly Kind[]): readonly Kind[] {
  const prefix = registryPrefix(kind)
  return kinds.filter(
    other =>
      registryPrefix(other) === prefix && (other.group !== kind.group || other.version !== kind.version),
  )
}

function firstMatch(
  rules: readonly Rule[],
  request: PolicyRequest,
  candidates: readonly Kind[],
): Kind | undefined {
  return candidates.find(kind => rules.some(rule => matchesRule(rule, kind, request)))
}

function matchesRule(rule: Rule, kind: Kind, request: PolicyRequest): boolean {
  const { apiGroups = [], apiVersions = [], operations = [], resources = [], resourceNames = [] } = rule
  return (
    names(apiGroups, kind.group) &&
    names(apiVersions, kind.version) &&
    names(operations, request.operation) &&
    resources.some(resource => matchesResource(resource, kind.plural, request.subresource)) &&
    matchesScope(rule.scope ?? '*', kind) &&
    (resourceNames.length === 0 || resourceNames.includes(request.name))
  )
}

function names(words: readonly string[], word: string): boolean {
  return words.includes('*') || words.includes(word)
}

/** `pods`, `pods/status`, `pods/*`; a star alone is every resource and no subresource of it. */
function matchesResource(pattern: string, resource: string, subresource: string): boolean {
  const slash = pattern.indexOf('/')
  const wanted = slash < 0 ? pattern : pattern.slice(0, slash)
  const wantedSub = slash < 0 ? '' : pattern.slice(slash + 1)
  return (wanted === '*' || wanted === resource) && (wantedSub === '*' || wantedSub === subresource)
}

function matchesScope(scope: string, kind: Kind): boolean {
  return scope === '*' || (scope === 'Namespaced') === kind.namespaced
}

/** A request for a namespace itself is judged by the labels that the namespace has, or is about to have. */
function matchesNamespace(
  { namespaceSelector = {} }: MatchResources,
  request: PolicyRequest,
  world: MatchWorld,
): boolean {
  const isNamespace = request.kind.group === '' && request.kind.plural === Kinds.Namespace.plural
  if (!isNamespace && !request.kind.namespaced) return true
  const selector = labelSelectorFromObject(namespaceSelector)
  if (selector.requirements.length === 0) return true
  const written = isNamespace && request.subresource === '' ? request.object : undefined
  const labels =
    written === undefined
      ? world.namespaceLabels(isNamespace ? request.name : request.namespace)
      : (written.metadata.labels ?? {})
  return labels !== undefined && matchesLabels(selector, labels)
}

/** By what the object is or what it was, whichever fits. What has no labels is selected by an empty selector alone. */
function matchesObject({ objectSelector = {} }: MatchResources, { object, old }: PolicyRequest): boolean {
  const selector = labelSelectorFromObject(objectSelector)
  if (selector.requirements.length === 0) return true
  return [object, old].some(one => one !== undefined && matchesLabels(selector, one.metadata.labels ?? {}))
}
