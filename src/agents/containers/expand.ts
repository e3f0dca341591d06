/**
 * Kubernetes' `$(NAME)` in commands, arguments and variables: a known name is replaced, an unknown one is left as it is,
 * and `$$` stands for a plain `$` (k8s.io/kubernetes `third_party/forked/golang/expansion`).
 */
export function expandVariables(text: string, lookUp: (name: string) => string | undefined): string {
  let expanded = ''
  let at = 0
  while (at < text.length) {
    const dollar = text.indexOf('$', at)
    if (dollar === -1 || dollar === text.length - 1) break
    expanded += text.slice(at, dollar)
    const next = text[dollar + 1]
    const close = next === '(' ? text.indexOf(')', dollar) : -1
    if (close !== -1) {
      const name = text.slice(dollar + 2, close)
      expanded += lookUp(name) ?? `$(${name})`
      at = close + 1
    } else {
      // `$$` is one dollar; an operator that never closes, or any other character, stays with its dollar.
      expanded += next === '$' ? '$' : `$${next}`
      at = dollar + 2
    }
  }
  return expanded + text.slice(at)
}
