/** A failed validation whose binding has the action `Audit`. */
interface AuditedFailure {
  readonly message: string
  readonly policy: string
  readonly binding: string
  readonly expressionIndex?: number
  readonly validationActions: readonly string[]
}

const FAILURES = 'validation.policy.admission.k8s.io/validation_failure'

/** What policies add to the audit event of one write (apiserver `plugin/policy/validating/dispatcher.go`). */
export class PolicyAnnotations {
  readonly #failures: AuditedFailure[] = []
  readonly #values = new Map<string, Set<string>>()

  fail(failure: AuditedFailure): void {
    this.#failures.push(failure)
  }

  /** A policy in force by several bindings, or with several parameters, may say different things under one key. */
  add(policy: string, key: string, value: string): void {
    const name = `${policy}/${key}`
    const values = this.#values.get(name) ?? new Set()
    this.#values.set(name, values.add(value))
  }

  /** By key. */
  entries(): readonly (readonly [string, string])[] {
    const said = [...this.#values].map(([key, values]) => [key, [...values].join(', ')] as const)
    return this.#failures.length === 0 ? said : [...said, [FAILURES, JSON.stringify(this.#failures)]]
  }
}
