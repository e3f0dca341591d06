const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/

/** Orders names of versions as discovery does: v2, v1, v1beta2, v1beta1, v1alpha1, then all others by name. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [VERSION.exec(a), VERSION.exec(b)]
  if (left === null || right === null)
    return left === null && right === null ? (a < b ? -1 : a > b ? 1 : 0) : left === null ? 1 : -1
  return (
    stability(right) - stability(left) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  )
}

function stability([, , stage]: RegExpExecArray): number {
  return stage === undefined ? 2 : stage === 'beta' ? 1 : 0
}
