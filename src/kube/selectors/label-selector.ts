import { StatusError } from '../status-error.ts'
import { labelKeyProblems, labelValueProblems } from './label-syntax.ts'

export type LabelOperator = 'Equals' | 'NotEquals' | 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'

/** One condition on one label. `values` are sorted and without repeats: one for Equals, NotEquals, Gt and Lt; none for (DoesNot)Exist(s). */
export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  readonly values: readonly string[]
}

/** Conditions that must all hold. `matchesNothing` is what an absent `spec.selector` means; no requirements match everything. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[]
  readonly matchesNothing: boolean
}

/** `metav1.LabelSelector`, as `spec.selector` of a workload. */
export interface LabelSelectorObject {
  readonly matchLabels?: { readonly [key: string]: string }
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

export type Labels = { readonly [key: string]: string } | undefined

/** Whether labels fulfil a selector. Absent labels are none; NotEquals and NotIn hold for a label that is not there. */
export function matchesLabels(selector: LabelSelector, labels: Labels): boolean {
  if (selector.matchesNothing) return false
  return selector.requirements.every(requirement => matchesRequirement(requirement, labels))
}

/**
 * The selector that an object's `spec.selector` stands for: nothing when it is absent, everything when it is empty.
 * A selector that cannot be is a `StatusError` of reason BadRequest.
 */
export function labelSelectorFromObject(object: LabelSelectorObject | null | undefined): LabelSelector {
  if (object === undefined || object === null) return { requirements: [], matchesNothing: true }
  const requirements = Object.entries(object.matchLabels ?? {}).map(([key, value]) =>
    newLabelRequirement(key, 'Equals', [value]),
  )
  for (const { key, operator, values = [] } of object.matchExpressions ?? []) {
    if (!isObjectOperator(operator))
      throw new StatusError('BadRequest', `"${operator}" is not a valid label selector operator`)
    requirements.push(newLabelRequirement(key, operator, values))
  }
  return { requirements: sortedByKey(requirements), matchesNothing: false }
}

/** The text form that `parseLabelSelector` reads, sorted by key: how `Scale` and messages show a selector. */
export function formatLabelSelector(selector: LabelSelector): string {
  return selector.requirements.map(formatRequirement).join(',')
}

/** A checked requirement; upstream's message as a BadRequest when the parts do not fit (apimachinery `NewRequirement`). */
export function newLabelRequirement(
  key: string,
  operator: LabelOperator,
  values: readonly string[],
): LabelRequirement {
  const problems: string[] = []
  const keyProblems = labelKeyProblems(key)
  if (keyProblems.length > 0)
    problems.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyProblems.join('; ')}`)
  const sorted = [...new Set(values)].sort()
  const problem = valuesProblem(operator, sorted)
  if (problem !== undefined) problems.push(problem)
  sorted.forEach((value, index) => {
    const texts = labelValueProblems(value)
    if (texts.length > 0)
      problems.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${texts.join('; ')}`)
  })
  if (problems.length > 0) throw new StatusError('BadRequest', joinProblems(problems))
  return { key, operator, values: sorted }
}

/** Sorted by key, so that equal selectors have equal texts. */
export function sortedByKey(requirements: readonly LabelRequirement[]): readonly LabelRequirement[] {
  return [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'Equals':
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotEquals':
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return isInteger(value) && BigInt(value) > BigInt(values[0] as string)
    case 'Lt':
      return isInteger(value) && BigInt(value) < BigInt(values[0] as string)
  }
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'Equals':
      return `${key}=${values[0]}`
    case 'NotEquals':
      return `${key}!=${values[0]}`
    case 'In':
      return `${key} in (${values.join(',')})`
    case 'NotIn':
      return `${key} notin (${values.join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${values[0]}`
    case 'Lt':
      return `${key}<${values[0]}`
  }
}

function valuesProblem(operator: LabelOperator, values: readonly string[]): string | undefined {
  const shown = `values: Invalid value: []string{${values.map(value => JSON.stringify(value)).join(', ')}}`
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0
        ? `${shown}: for 'in', 'notin' operators, values set can't be empty`
        : undefined
    case 'Equals':
    case 'NotEquals':
      return values.length === 1 ? undefined : `${shown}: exact-match compatibility requires one single value`
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? undefined
        : `${shown}: values set must be empty for exists and does not exist`
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) return `${shown}: for 'Gt', 'Lt' operators, exactly one value is required`
      return isInteger(values[0])
        ? undefined
        : `values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`
  }
}

function isObjectOperator(text: string): text is 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' {
  return text === 'In' || text === 'NotIn' || text === 'Exists' || text === 'DoesNotExist'
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^[+-]?[0-9]{1,19}$/.test(text)
}

/** As Go joins several errors: `[a, b]`. */
function joinProblems(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] as string) : `[${problems.join(', ')}]`
}
