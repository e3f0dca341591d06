/** One step of a field path: a key of an object, an index of a list, or the list's item whose `key` has that value. */
export type FieldStep = string | number | { readonly key: string; readonly value: string }

/**
 * The steps of a path as validation and plans write it:
 * `spec.template.spec.containers[0].image`, `metadata.labels[app.kubernetes.io/name]`, `containers[name="web"].image`.
 * Never throws: what is not understood becomes a key that no object has.
 */
export function parseFieldPath(path: string): readonly FieldStep[] {
  const steps: FieldStep[] = []
  let at = 0
  while (at < path.length) {
    if (path[at] === '[') {
      const end = closingBracket(path, at)
      steps.push(bracketStep(path.slice(at + 1, end)))
      at = end + 1
    } else {
      const dot = path[at] === '.' ? at + 1 : at
      const end = /[.[]/.exec(path.slice(dot))
      const stop = end === null ? path.length : dot + end.index
      if (stop > dot) steps.push(path.slice(dot, stop))
      at = Math.max(stop, at + 1)
    }
  }
  return steps
}

/** The `]` that closes the `[` at `open`; one inside quotes does not count. */
function closingBracket(path: string, open: number): number {
  let quoted = false
  for (let at = open + 1; at < path.length; at += 1) {
    if (path[at] === '\\' && quoted) at += 1
    else if (path[at] === '"') quoted = !quoted
    else if (path[at] === ']' && !quoted) return at
  }
  return path.length
}

function bracketStep(inner: string): FieldStep {
  if (/^\d+$/.test(inner)) return Number(inner)
  const keyed = /^([\w.\-/]+)=(.+)$/s.exec(inner)
  if (keyed !== null) return { key: keyed[1] as string, value: unquote(keyed[2] as string) }
  return unquote(inner)
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}
