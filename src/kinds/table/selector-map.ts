/** `app=web,tier=front`: a map of labels as tables show it, in the order of its keys. Empty for none. */
export function formatSelectorMap(labels: { readonly [key: string]: string } | undefined): string {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}
