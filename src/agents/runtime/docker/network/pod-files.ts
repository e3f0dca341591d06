import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerMount, NameConfig, ResolverConfig } from '../../runtime.ts'

/**
 * The files about the network that an engine makes for containers whose network is its own: `/etc/hosts` and
 * `/etc/resolv.conf`. For sandboxes that the agent wires, it makes them here, one folder a sandbox.
 */
export class PodFiles {
  readonly #folder: string

  /** `stateDir` may hold other things; the files are in a folder of their own in it. */
  constructor(stateDir: string) {
    this.#folder = join(stateDir, 'pod-files')
  }

  /**
   * Makes the files unless they are there, and says how to mount them. Without `names` they say what every pod can use: so it is
   * for a sandbox of an earlier version, which made its files when the first container came.
   */
  async ensure(
    sandboxId: string,
    hostname: string,
    ip: string,
    names?: NameConfig,
  ): Promise<readonly ContainerMount[]> {
    const folder = join(this.#folder, sandboxId)
    await mkdir(folder, { recursive: true, mode: 0o755 })
    const hosts = join(folder, 'hosts')
    const resolv = join(folder, 'resolv.conf')
    const own: NameConfig = names ?? { hostname, domain: undefined, hostAliases: [], resolver: NO_RESOLVER }
    await writeOnce(hosts, () => Promise.resolve(hostsText(own, ip)))
    await writeOnce(resolv, () =>
      names === undefined ? hostResolvText() : Promise.resolve(resolvText(names.resolver)),
    )
    return [
      { hostPath: hosts, containerPath: '/etc/hosts', readOnly: false },
      { hostPath: resolv, containerPath: '/etc/resolv.conf', readOnly: false },
    ]
  }

  async remove(sandboxId: string): Promise<void> {
    if (!isSandboxId(sandboxId)) return
    await rm(join(this.#folder, sandboxId), { recursive: true, force: true })
  }

  /** The sandboxes that have files. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.#folder).catch(() => [])).filter(isSandboxId)
  }
}

function isSandboxId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

/** Containers may change their copy; it is the pod's from then on. */
async function writeOnce(path: string, makeText: () => Promise<string>): Promise<void> {
  if (existsSync(path)) return
  // Whole or not at all: an agent that is killed here must not leave an empty file behind.
  await writeFile(`${path}.new`, await makeText(), { mode: 0o644 })
  await rename(`${path}.new`, path)
}

const NO_RESOLVER: ResolverConfig = { servers: [], searches: [], options: [] }

/** As kubelet writes it. */
function hostsText({ hostname, domain, hostAliases }: NameConfig, ip: string): string {
  const own = domain === undefined ? hostname : `${hostname}.${domain}\t${hostname}`
  const aliases = hostAliases.map(alias => [alias.ip, ...alias.hostnames].join('\t'))
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    `${ip}\t${own}`,
    ...(aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : []),
    '',
  ].join('\n')
}

function resolvText({ servers, searches, options }: ResolverConfig): string {
  const lines = servers.map(server => `nameserver ${server}\n`)
  if (searches.length > 0) lines.unshift(`search ${searches.join(' ')}\n`)
  if (options.length > 0) lines.push(`options ${options.join(' ')}\n`)
  return lines.join('')
}

/** The host's resolver and the list behind systemd's stub, of which a container can use the latter only. */
const RESOLVERS = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']

/** The host's, without the servers on its loopback, which a pod cannot reach; Docker does the same, with the same last resort. */
async function hostResolvText(): Promise<string> {
  for (const path of RESOLVERS) {
    const text = await readFile(path, 'utf8').catch(() => '')
    const lines = text.split('\n').filter(line => !/^\s*nameserver\s+(127\.|::1)/.test(line))
    if (lines.some(line => /^\s*nameserver\s/.test(line))) return lines.join('\n')
  }
  return 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n'
}
