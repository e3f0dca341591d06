import { withoutTrailing } from '../../base/index.ts'
import type { PolicyRule } from '../generated/types.ts'

/** What is asked of the rules of a role: an action on a resource, or on a path that is none. */
export type Action =
  | {
      readonly verb: string
      readonly group: string
      readonly resource: string
      readonly subresource: string
      /** `` for a collection. */
      readonly name: string
    }
  | { readonly verb: string; readonly path: string }

/** Whether one rule allows the action (kubernetes `RuleAllows`). Rules only ever allow: what none allows is refused. */
export function ruleAllows(rule: PolicyRule, action: Action): boolean {
  if (!takes(rule.verbs, action.verb)) return false
  if ('path' in action) return (rule.nonResourceURLs ?? []).some(url => urlCovers(url, action.path))
  const { group, resource, subresource, name } = action
  return (
    takes(rule.apiGroups, group) &&
    (rule.resources ?? []).some(pattern => resourceMatches(pattern, resource, subresource)) &&
    ((rule.resourceNames ?? []).length === 0 || (rule.resourceNames ?? []).includes(name))
  )
}

/** `*` takes every value. */
export function takes(values: readonly string[] | undefined, value: string): boolean {
  return values !== undefined && (values.includes('*') || values.includes(value))
}

/** Whether a path of a rule, which may end in `*`, covers a path, which may itself end in one. */
export function urlCovers(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true
  return pattern.endsWith('*') && path.startsWith(withoutTrailing(pattern, '*'))
}

/** `pods`, `pods/log`, `*` for everything, a star before the slash for one subresource of everything. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === '*') return true
  if (subresource === '') return pattern === resource
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`
}
