import { StatusError } from '../status-error.ts'

/** One condition on one field. */
export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/**
 * Reads `metadata.name=web,spec.nodeName!=`. `==` means `=`; a backslash escapes `,`, `=` and itself in a value.
 * What cannot be read is a `StatusError` of reason BadRequest with upstream's message (apimachinery `fields.ParseSelector`).
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  const requirements: FieldRequirement[] = []
  for (const term of splitTerms(text)) {
    if (term === '') continue
    const match = /^((?:\\.|[^\\])*?)(!=|==|=)([\s\S]*)$/.exec(term)
    if (match === null) throw bad(`invalid selector: '${text}'; can't understand '${term}'`)
    const [, field = '', operator, value = ''] = match
    requirements.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) })
  }
  return requirements
}

/** Whether an object fulfils all requirements; a field without a value is the empty one, as upstream's field sets. */
export function matchesFields(
  requirements: readonly FieldRequirement[],
  getValue: (field: string) => string | undefined,
): boolean {
  return requirements.every(({ field, operator, value }) => {
    const actual = getValue(field) ?? ''
    return operator === '=' ? actual === value : actual !== value
  })
}

/** Cuts at commas that no backslash escapes. */
function splitTerms(text: string): readonly string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

function unescapeValue(value: string): string {
  let text = ''
  for (let at = 0; at < value.length; at += 1) {
    const character = value[at] as string
    if (character === '\\') {
      at += 1
      const escaped = value[at]
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=')
        throw bad(`invalid field selector: invalid escape sequence: \\${escaped ?? ''}`)
      text += escaped
    } else if (character === '=' || character === ',') {
      throw bad(`invalid field selector: unescaped character in value: ${character}`)
    } else text += character
  }
  return text
}

function bad(message: string): StatusError {
  return new StatusError('BadRequest', message)
}
