import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelKeyProblems,
  labelValueProblems,
  rfc1035LabelProblems,
} from '../../../kube/index.ts'
import { hasFormat } from '../../custom/formats.ts'
import { type Comparable, type Definitions, defineNamespace, defineOpaque } from './library.ts'
import { optionalOf } from './optionals.ts'
import { urlProblem } from './urls.ts'

type Check = (text: string) => readonly string[]

/** A rule that a text may follow, by its name. */
class NamedFormat implements Comparable {
  readonly check: Check

  constructor(check: Check) {
    this.check = check
  }

  equals(other: unknown): boolean {
    return other instanceof NamedFormat && other.check === this.check
  }
}

const FORMATS: { readonly [name: string]: Check } = {
  dns1123Label: dnsLabelProblems,
  dns1123Subdomain: dnsSubdomainProblems,
  dns1035Label: rfc1035LabelProblems,
  qualifiedName: labelKeyProblems,
  dns1123LabelPrefix: asPrefix(dnsLabelProblems),
  dns1123SubdomainPrefix: asPrefix(dnsSubdomainProblems),
  dns1035LabelPrefix: asPrefix(rfc1035LabelProblems),
  labelValue: labelValueProblems,
  uri: text => [urlProblem(text) ?? []].flat(),
  uuid: schemaFormat('uuid', 'does not match the UUID format'),
  byte: schemaFormat('byte', 'invalid base64'),
  date: schemaFormat('date', 'invalid date'),
  datetime: schemaFormat('datetime', 'invalid datetime'),
}

const FORMAT = 'kubernetes.NamedFormat'

/** Named formats of texts (apiserver `pkg/cel/library/format.go`); `validate()` answers with what is wrong, and with nothing when all is well. */
export function defineFormats(definitions: Definitions): void {
  const { define } = definitions
  defineOpaque(definitions, FORMAT, NamedFormat)
  const format = defineNamespace(definitions, 'format')
  const named = new Map(Object.entries(FORMATS).map(([name, check]) => [name, new NamedFormat(check)]))
  for (const [name, value] of named) define(`${format}.${name}(): ${FORMAT}`, () => value)
  define(`${format}.named(string): optional<${FORMAT}>`, (_: unknown, name: string) =>
    optionalOf(named.get(name)),
  )
  define(`${FORMAT}.validate(string): optional<list<string>>`, ({ check }: NamedFormat, text: string) => {
    const problems = check(text)
    return optionalOf(problems.length === 0 ? undefined : problems)
  })
}

/** What a generated name begins with may end in a dash: apimachinery `maskTrailingDash`. */
function asPrefix(check: Check): Check {
  return text => check(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text)
}

function schemaFormat(name: string, problem: string): Check {
  return text => (hasFormat(name, text) ? [] : [problem])
}
