import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { getuid } from 'node:process'
import type { ProxyOptions } from './config.ts'

/** More threads than that help no host that also has something else to do. */
const MAX_THREADS = 4
/** With both buffers in use a connection takes some 35 KB: 140 MB when all are. */
const MAX_CONNECTIONS = 4000

/** The options of a proxy on this host at these ports: every address, and as little as it can be once it has bound them. */
export async function proxyDefaults(ports: {
  readonly httpPort: number
  readonly httpsPort: number
}): Promise<ProxyOptions> {
  const interfaces = await readFile('/proc/net/if_inet6', 'utf8').catch(() => '')
  return {
    ...ports,
    addresses: interfaces.trim() === '' ? ['0.0.0.0'] : ['0.0.0.0', '::'],
    user: getuid?.() === 0 ? await unprivilegedUser() : undefined,
    threads: Math.min(MAX_THREADS, availableParallelism()),
    maxConnections: MAX_CONNECTIONS,
  }
}

/** The program's own user where its package made one. */
async function unprivilegedUser(): Promise<ProxyOptions['user']> {
  const [users, groups] = await Promise.all([namesIn('/etc/passwd'), namesIn('/etc/group')])
  if (users.has('haproxy') && groups.has('haproxy')) return { name: 'haproxy', group: 'haproxy' }
  const group = ['nogroup', 'nobody'].find(name => groups.has(name))
  return users.has('nobody') && group !== undefined ? { name: 'nobody', group } : undefined
}

async function namesIn(file: string): Promise<ReadonlySet<string>> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return new Set(text.split('\n').map(line => line.split(':', 1)[0] ?? ''))
}
