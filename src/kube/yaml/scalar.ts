/** What a scalar stands for, or why it stands for nothing that JSON can hold. */
export type ScalarResult =
  | { readonly value: null | boolean | number | string }
  | { readonly code: 'bad-number' | 'bad-tag'; readonly message: string; readonly hint: string }

/**
 * The value of a plain (unquoted) scalar as Kubernetes reads it. kubectl and the API server read YAML through
 * sigs.k8s.io/yaml, whose goyaml.v2 `resolve.go` follows YAML 1.1 rather than 1.2: `yes`, `on` and `y` are booleans, `0644` is
 * octal, `1_000` a number; dates, times and base-60 numbers stay text. Matching anything else would make
 * Git mean one thing here and another in kubectl.
 */
export function resolvePlainScalar(source: string): ScalarResult {
  const word = WORDS.get(source)
  if (word !== undefined) return { value: word }
  const first = source.charCodeAt(0)
  const isNumeric = (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d
  if (isNumeric) return resolveNumber(source)
  if (first === 0x2e) return resolveDotted(source)
  return { value: source }
}

/** The value of a scalar with an explicit tag (full form). A tag that YAML does not define leaves the text as it is. */
export function resolveTaggedScalar(tag: string, source: string): ScalarResult {
  const name = tag.startsWith(CORE_TAGS) ? tag.slice(CORE_TAGS.length) : ''
  if (name === 'binary')
    return {
      code: 'bad-tag',
      message: 'the tag !!binary is not supported',
      hint: 'write the base64 text itself, under "data" of a Secret or "binaryData" of a ConfigMap',
    }
  const expected = TAG_TYPES.get(name)
  if (expected === undefined) return { value: source }
  const result = resolvePlainScalar(source)
  if (!('value' in result)) return result
  if (result.value === null ? name === 'null' : expected(result.value)) return result
  return {
    code: 'bad-tag',
    message: `the value does not have the type that its tag !!${name} names`,
    hint: 'remove the tag, or write a value of that type',
  }
}

const CORE_TAGS = 'tag:yaml.org,2002:'

const TAG_TYPES: ReadonlyMap<string, (value: boolean | number | string) => boolean> = new Map([
  ['bool', (value: unknown) => typeof value === 'boolean'],
  ['int', (value: unknown) => Number.isInteger(value)],
  ['float', (value: unknown) => typeof value === 'number'],
  ['null', () => false],
])

const WORDS: ReadonlyMap<string, null | boolean> = new Map<string, null | boolean>([
  ...['', '~', 'null', 'Null', 'NULL'].map(word => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map(
    word => [word, true] as const,
  ),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map(
    word => [word, false] as const,
  ),
])

const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)$/
const BASED = /^([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))$/
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/

function resolveNumber(source: string): ScalarResult {
  if (/^[-+]\.(?:inf|Inf|INF)$/.test(source)) return notFinite(source)
  const plain = source.includes('_') ? source.replaceAll('_', '') : source
  if (DECIMAL.test(plain)) return exactly(source, Number(plain))
  const based = BASED.exec(plain)
  if (based !== null) {
    const [, sign, hex, binary, octal] = based
    const size = hex ? Number(`0x${hex}`) : binary ? Number(`0b${binary}`) : Number(`0o${octal}`)
    return exactly(source, sign === '-' ? 0 - size : size)
  }
  return resolveFloat(source, plain)
}

function resolveDotted(source: string): ScalarResult {
  if (/^\.(?:nan|NaN|NAN|inf|Inf|INF)$/.test(source)) return notFinite(source)
  return resolveFloat(source, source)
}

/** As upstream: a float beyond the range of a double is text. */
function resolveFloat(source: string, plain: string): ScalarResult {
  if (!FLOAT.test(plain)) return { value: source }
  const value = Number(plain)
  return { value: Number.isFinite(value) ? value + 0 : source }
}

function exactly(source: string, value: number): ScalarResult {
  if (Number.isSafeInteger(value)) return { value: value + 0 }
  return {
    code: 'bad-number',
    message: `the whole number ${source.slice(0, 40)} is too large to be kept exactly`,
    hint: 'put it in quotes if it is text; numbers go up to 9007199254740991',
  }
}

function notFinite(source: string): ScalarResult {
  return {
    code: 'bad-number',
    message: `${source} is not a number that JSON can hold`,
    hint: 'put it in quotes if it is text',
  }
}
