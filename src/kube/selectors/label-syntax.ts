import { dnsSubdomainProblems } from '../names.ts'

const NAME_PATTERN = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

const NAME = new RegExp(`^${NAME_PATTERN}$`)
const VALUE = new RegExp(`^(${NAME_PATTERN})?$`)

/** What is wrong with a label key (`app`, `example.com/app`), in upstream's words (apimachinery `IsQualifiedName`); empty when nothing is. */
export function labelKeyProblems(key: string): readonly string[] {
  const problems: string[] = []
  const parts = key.split('/')
  if (parts.length > 2) {
    return [
      `a qualified name ${NAME_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_PATTERN}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const prefix = parts.length === 2 ? parts[0] : undefined
  const name = parts.at(-1) as string
  if (prefix === '') problems.push('prefix part must be non-empty')
  else if (prefix !== undefined)
    problems.push(...dnsSubdomainProblems(prefix).map(problem => `prefix part ${problem}`))
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push('name part must be no more than 63 characters')
  if (!NAME.test(name)) {
    problems.push(
      `name part ${NAME_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_PATTERN}')`,
    )
  }
  return problems
}

/** What is wrong with a label value, in upstream's words (apimachinery `IsValidLabelValue`); empty when nothing is. */
export function labelValueProblems(value: string): readonly string[] {
  const problems: string[] = []
  if (value.length > 63) problems.push('must be no more than 63 characters')
  if (!VALUE.test(value)) {
    problems.push(
      `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${NAME_PATTERN})?')`,
    )
  }
  return problems
}
