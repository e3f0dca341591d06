import { type Kind, StatusError } from '../../kube/index.ts'

/** `metav1.CauseType` of a field's problem. */
export type CauseType =
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueInvalid'
  | 'FieldValueNotFound'
  | 'FieldValueNotSupported'
  | 'FieldValueRequired'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'

/** One thing that is wrong with one field. */
export interface FieldProblem {
  /** `spec.template.spec.containers[0].image`; a key of a map in brackets: `metadata.labels[app]`. Empty for the object itself. */
  readonly path: string
  readonly reason: CauseType
  /** Upstream's words for the reason: `Required value`. */
  readonly type: string
  /** Upstream's message without the path: `Unsupported value: "x": supported values: "a", "b"`. */
  readonly message: string
}

const TYPE_TEXTS: Readonly<Record<CauseType, string>> = {
  FieldValueDuplicate: 'Duplicate value',
  FieldValueForbidden: 'Forbidden',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotFound: 'Not found',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueRequired: 'Required value',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTypeInvalid: 'Invalid value',
}

/** A problem's message shows at most this much of a value; upstream shows all of it, however large. */
const MAX_VALUE_TEXT = 1024
/** More problems than this help nobody, and an object of a megabyte can have a million. */
const MAX_PROBLEMS = 500

/** Collects problems with upstream's wording (apimachinery `field.Error`); the first 500 are kept. */
export class Problems {
  readonly list: FieldProblem[] = []

  /** The field must have a value. */
  required(path: string, detail?: string): void {
    this.#add(path, 'FieldValueRequired', undefined, detail)
  }

  /** The value breaks a rule. Never pass a secret as `value`: it is shown. */
  invalid(path: string, value: unknown, detail: string): void {
    this.#add(path, 'FieldValueInvalid', renderValue(value), detail)
  }

  /** The value breaks several rules, each a problem of its own. */
  invalidEach(path: string, value: unknown, details: readonly string[]): void {
    for (const detail of details) this.invalid(path, value, detail)
  }

  /** The value is none of the few that the field takes. */
  notSupported(path: string, value: unknown, supported: readonly string[]): void {
    const list = [...supported]
      .sort()
      .map(text => JSON.stringify(text))
      .join(', ')
    this.#add(path, 'FieldValueNotSupported', renderValue(value), `supported values: ${list}`)
  }

  /** The value names something that is not there. */
  notFound(path: string, value: unknown): void {
    this.#add(path, 'FieldValueNotFound', renderValue(value))
  }

  /** The field may not be set, or not be set so. */
  forbidden(path: string, detail: string): void {
    this.#add(path, 'FieldValueForbidden', undefined, detail)
  }

  /** The value occurs twice where it must be unique. */
  duplicate(path: string, value: unknown): void {
    this.#add(path, 'FieldValueDuplicate', renderValue(value))
  }

  tooLong(path: string, maxBytes: number): void {
    this.#add(path, 'FieldValueTooLong', undefined, `may not be more than ${maxBytes} bytes`)
  }

  tooMany(path: string, count: number, max: number): void {
    this.#add(path, 'FieldValueTooMany', String(count), `must have at most ${max} items`)
  }

  /** The value is not of the schema's type. */
  typeInvalid(path: string, value: unknown, detail: string): void {
    this.#add(path, 'FieldValueTypeInvalid', renderValue(value), detail)
  }

  /** One that was found apart from the others. */
  add(problem: FieldProblem): void {
    if (this.list.length < MAX_PROBLEMS) this.list.push(problem)
  }

  #add(path: string, reason: CauseType, value: string | undefined, detail?: string): void {
    if (this.list.length >= MAX_PROBLEMS) return
    const type = TYPE_TEXTS[reason]
    const message = [type, value, detail].filter(part => part !== undefined && part !== '').join(': ')
    this.list.push({ path, reason, type, message })
  }
}

/** The 422 answer: `Deployment.apps "web" is invalid: spec.selector: Required value`, one cause per problem. */
export function invalidError(kind: Kind, name: string, problems: readonly FieldProblem[]): StatusError {
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return new StatusError('Invalid', `${qualified} ${JSON.stringify(name)} is invalid: ${joined(problems)}`, {
    name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: problems.map(({ path, reason, message }) => ({ reason, message, field: path })),
  })
}

/** The 400 answer to a body whose fields have the wrong types, as for a body that cannot be decoded. */
export function undecodableError(kind: Kind, problems: readonly FieldProblem[]): StatusError {
  const what = `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}`
  return new StatusError('BadRequest', `${what}: ${joined(problems)}`)
}

/** One problem as a line: `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function formatProblem({ path, message }: FieldProblem): string {
  return path === '' ? message : `${path}: ${message}`
}

function joined(problems: readonly FieldProblem[]): string {
  const lines = [...new Set(problems.map(formatProblem))]
  return lines.length === 1 ? (lines[0] as string) : `[${lines.join(', ')}]`
}

/** Values are shown as JSON, as upstream does since v1.34 (before: Go syntax). */
function renderValue(value: unknown): string {
  const text = JSON.stringify(value ?? null)
  return text.length <= MAX_VALUE_TEXT ? text : `${text.slice(0, MAX_VALUE_TEXT)}…`
}
