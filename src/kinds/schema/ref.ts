const REF_PREFIX = '#/components/schemas/'

/** The `$ref` of a definition: `#/components/schemas/io.k8s.api.core.v1.Pod`. */
export function refTo(name: string): string {
  return `${REF_PREFIX}${name}`
}

/** The definition's name in a `$ref`. */
export function nameInRef(ref: string): string {
  return ref.slice(REF_PREFIX.length)
}
