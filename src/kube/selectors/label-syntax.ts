const NAME_PATTERN = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const SUBDOMAIN_PATTERN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"

const NAME = new RegExp(`^${NAME_PATTERN}$`)
const VALUE = new RegExp(`^(${NAME_PATTERN})?$`)
const SUBDOMAIN = new RegExp(`^${SUBDOMAIN_PATTERN}$`)

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
    problems.push(...subdomainProblems(prefix).map(problem => `prefix part ${problem}`))
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

function subdomainProblems(text: string): readonly string[] {
  const problems: string[] = []
  if (text.length > 253) problems.push('must be no more than 253 characters')
  // The length comes first so that the pattern only ever runs over short text.
  else if (!SUBDOMAIN.test(text)) {
    problems.push(
      `${SUBDOMAIN_RULE} (e.g. 'example.com', regex used for validation is '${SUBDOMAIN_PATTERN}')`,
    )
  }
  return problems
}
