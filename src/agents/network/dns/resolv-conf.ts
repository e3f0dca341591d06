import type { ResolverConfig } from '../../runtime/index.ts'

/** resolv.conf as kubelet reads it: servers add up, of search lists and options the last one counts. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = []
  let searches: readonly string[] = []
  let options: readonly string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    else if (keyword === 'search') searches = values.map(domain => domain.replace(/\.$/, '')).filter(Boolean)
    else if (keyword === 'options') options = values
  }
  return { servers, searches, options }
}
