import type { PolicyRule } from '../generated/types.ts'
import { takes, urlCovers } from './rule-allows.ts'

/**
 * What of `wanted` nobody holds who holds `held`, in as few rules as say it: empty when all is covered (kubernetes `Covers`).
 * It is this that keeps people from giving others, or themselves, more than they have.
 */
export function missingRules(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  const missing = uncoveredRules(held, wanted)
    .flatMap(parts)
    .filter(part => !isCovered(held, part))
  return joined(missing)
}

/** Those of `wanted` that no single rule of `held` covers: the ones whose combinations must be compared one by one. */
export function uncoveredRules(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.filter(rule => !isCovered(held, rule))
}

/** How many combinations of verb, group, resource and name (or of verb and path) the rules name: a short text can name millions. */
export function combinationsIn(rules: readonly PolicyRule[]): number {
  return rules.reduce((sum, rule) => {
    const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
    const things = apiGroups.length * resources.length * Math.max(1, resourceNames.length)
    return sum + (things + nonResourceURLs.length) * verbs.length
  }, 0)
}

function isCovered(held: readonly PolicyRule[], wanted: PolicyRule): boolean {
  return held.some(rule => covers(rule, wanted))
}

/** A rule with one verb, on one resource of one group with one name at most, or on one path. */
type Part = PolicyRule

/** Everything that a rule allows, each thing by itself. */
function parts(rule: PolicyRule): readonly Part[] {
  // Admission judges before validation finds a rule without verbs.
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const names = resourceNames.length === 0 ? [undefined] : resourceNames
  const found: Part[] = []
  for (const group of apiGroups)
    for (const resource of resources)
      for (const name of names)
        for (const verb of verbs)
          found.push({
            apiGroups: [group],
            resources: [resource],
            ...(name === undefined ? {} : { resourceNames: [name] }),
            verbs: [verb],
          })
  for (const url of nonResourceURLs)
    for (const verb of verbs) found.push({ nonResourceURLs: [url], verbs: [verb] })
  return found
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const all = (values: readonly string[] | undefined, taken: (value: string) => boolean): boolean =>
    (values ?? []).every(taken)
  const names = rule.resourceNames ?? []
  return (
    all(part.verbs, verb => takes(rule.verbs, verb)) &&
    all(part.apiGroups, group => takes(rule.apiGroups, group)) &&
    all(part.resources, resource => resourceCovers(rule.resources ?? [], resource)) &&
    all(part.nonResourceURLs, path => (rule.nonResourceURLs ?? []).some(url => urlCovers(url, path))) &&
    (names.length === 0 ||
      (part.resourceNames !== undefined && all(part.resourceNames, name => names.includes(name))))
  )
}

/** Here, unlike for a request, `*` stands for resources and for their subresources. */
function resourceCovers(patterns: readonly string[], resource: string): boolean {
  if (takes(patterns, resource)) return true
  const slash = resource.indexOf('/')
  return slash !== -1 && patterns.includes(`*${resource.slice(slash)}`)
}

/** The verbs of the same thing together, in the order of what comes first. */
function joined(missing: readonly Part[]): readonly PolicyRule[] {
  const byThing = new Map<string, { readonly rule: Part; readonly verbs: Set<string> }>()
  for (const rule of missing) {
    const { verbs, ...thing } = rule
    const key = JSON.stringify(thing)
    const known = byThing.get(key)
    if (known === undefined) byThing.set(key, { rule, verbs: new Set(verbs) })
    else for (const verb of verbs) known.verbs.add(verb)
  }
  return [...byThing.values()].map(({ rule, verbs }) => ({ ...rule, verbs: [...verbs] }))
}
