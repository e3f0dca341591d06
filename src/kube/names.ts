/** What a name may look like: a DNS label, a DNS subdomain, or anything that fits one segment of a URL path. */
export type NameRule = 'label' | 'path-segment' | 'rfc1035-label' | 'subdomain'

const LABEL_PATTERN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN_PATTERN = `${LABEL_PATTERN}(\\.${LABEL_PATTERN})*`
const LABEL = new RegExp(`^${LABEL_PATTERN}$`)
const SUBDOMAIN = new RegExp(`^${SUBDOMAIN_PATTERN}$`)

const LABEL_PROBLEM = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL_PATTERN}')`
const SUBDOMAIN_PROBLEM = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN_PATTERN}')`

const WILDCARD_PATTERN = `\\*\\.${SUBDOMAIN_PATTERN}`
const WILDCARD = new RegExp(`^${WILDCARD_PATTERN}$`)
const WILDCARD_PROBLEM = `a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '${WILDCARD_PATTERN}')`

const RFC1035_LABEL_PATTERN = '[a-z]([-a-z0-9]*[a-z0-9])?'
const RFC1035_LABEL = new RegExp(`^${RFC1035_LABEL_PATTERN}$`)
const RFC1035_LABEL_PROBLEM = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${RFC1035_LABEL_PATTERN}')`

const CONFIG_KEY_PATTERN = '[-._a-zA-Z0-9]+'
const CONFIG_KEY = new RegExp(`^${CONFIG_KEY_PATTERN}$`)
const CONFIG_KEY_PROBLEM = `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${CONFIG_KEY_PATTERN}')`

/** What is wrong with `name` under `rule`, in upstream's words; empty when nothing is. */
export function nameProblems(rule: NameRule, name: string): readonly string[] {
  switch (rule) {
    case 'label':
      return dnsLabelProblems(name)
    case 'subdomain':
      return dnsSubdomainProblems(name)
    case 'path-segment':
      return pathSegmentProblems(name)
    case 'rfc1035-label':
      return rfc1035LabelProblems(name)
  }
}

/** apimachinery `IsDNS1035Label`: a service's name is a name in DNS. */
export function rfc1035LabelProblems(text: string): readonly string[] {
  const problems: string[] = []
  if (text.length > 63) problems.push('must be no more than 63 characters')
  if (!RFC1035_LABEL.test(text)) problems.push(RFC1035_LABEL_PROBLEM)
  return problems
}

/** apimachinery `IsDNS1123Label`. */
export function dnsLabelProblems(text: string): readonly string[] {
  return boundedProblems(text, 63, LABEL, LABEL_PROBLEM)
}

/** apimachinery `IsDNS1123Subdomain`. */
export function dnsSubdomainProblems(text: string): readonly string[] {
  return boundedProblems(text, 253, SUBDOMAIN, SUBDOMAIN_PROBLEM)
}

/** apimachinery `IsWildcardDNS1123Subdomain`. */
export function wildcardSubdomainProblems(text: string): readonly string[] {
  return boundedProblems(text, 253, WILDCARD, WILDCARD_PROBLEM)
}

/** apimachinery `IsConfigMapKey`: a key of a ConfigMap or Secret, which becomes a file name. */
export function configKeyProblems(key: string): readonly string[] {
  const problems = [...boundedProblems(key, 253, CONFIG_KEY, CONFIG_KEY_PROBLEM)]
  if (key === '.') problems.push("must not be '.'")
  else if (key === '..') problems.push("must not be '..'")
  else if (key.startsWith('..')) problems.push("must not start with '..'")
  return problems
}

/** apimachinery `IsRelaxedEnvVarName`, the rule since v1.32: printable ASCII without `=`. */
export function envNameProblems(name: string): readonly string[] {
  if (/^[ -<>-~]+$/.test(name)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** apimachinery `IsValidPortName`: an IANA service name. */
export function portNameProblems(name: string): readonly string[] {
  const problems: string[] = []
  if (name.length > 15) problems.push('must be no more than 15 characters')
  if (!/^[-a-z0-9]+$/.test(name))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)')
  if (name.includes('--')) problems.push('must not contain consecutive hyphens')
  if (name.startsWith('-') || name.endsWith('-')) problems.push('must not begin or end with a hyphen')
  return problems
}

/** apimachinery `IsValidPortNum`. */
export function portNumberProblems(port: number): readonly string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65_535
    ? []
    : ['must be between 1 and 65535, inclusive']
}

/** No path of a request has a longer part. */
const MAX_SEGMENT = 512

/** apimachinery `IsValidPathSegmentName`, and what else no path of a request can name: who could be made so could not be removed. */
export function pathSegmentProblems(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  if (name.length > MAX_SEGMENT) return [`must be no more than ${MAX_SEGMENT} characters`]
  const problems = ['/', '%', '\\']
    .filter(character => name.includes(character))
    .map(character => `may not contain '${character}'`)
  if (/[\p{Cc}\p{Surrogate}]/u.test(name))
    problems.push('may not contain control characters or halves of characters')
  return problems
}

/** The length is looked at first: a pattern never runs over long text. */
function boundedProblems(text: string, max: number, pattern: RegExp, problem: string): readonly string[] {
  if (text.length > max) return [`must be no more than ${max} characters`]
  return pattern.test(text) ? [] : [problem]
}
