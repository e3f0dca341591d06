const SHORT: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

/** `RWO,ROX`: access modes as tables show them, each once and in upstream's order. */
export function shortAccessModes(modes: readonly string[] | undefined): string {
  const given = new Set(modes)
  return Object.entries(SHORT)
    .filter(([mode]) => given.has(mode))
    .map(([, short]) => short)
    .join(',')
}
