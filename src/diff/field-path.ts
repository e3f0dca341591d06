/** The path of a member, as validation writes it: `spec.replicas`; keys that are no plain words in brackets: `labels[app.kubernetes.io/name]`. */
export function memberPath(path: string, key: string): string {
  if (/^[A-Za-z_$][\w$-]*$/.test(key)) return path === '' ? key : `${path}.${key}`
  // Quoted where the bare text could be read as an index, a keyed item or the end of the brackets.
  return `${path}[${/^\d*$|[\]="]/.test(key) ? JSON.stringify(key) : key}]`
}

/** The path of a list's item by its index: `args[0]`. */
export function indexPath(path: string, index: number): string {
  return `${path}[${index}]`
}

/** The path of a list's item by its keys: `containers[name="web"]`, `ports[containerPort=80,protocol="TCP"]`. */
export function keyedPath(path: string, keys: readonly (readonly [key: string, value: unknown])[]): string {
  return `${path}[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
