import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Clock } from '../../../base/index.ts'
import type { ResolverConfig } from '../../runtime/index.ts'
import { parseResolvConf } from './resolv-conf.ts'

/** The host's resolver, and the list behind systemd's stub, which others than the host can use. */
const HOST_FILE = '/etc/resolv.conf'
const SYSTEMD_FILE = '/run/systemd/resolve/resolv.conf'

/** How often it is looked whether the host's files have changed, and only when somebody wants to know. */
const LOOK_EVERY_MS = 5000

export interface HostResolversOptions {
  readonly clock: Clock
  /** Default: the host's own files, the first one that names a server counting. */
  readonly files?: readonly string[]
}

/** What the host says about names, followed as it changes: DHCP, a VPN and systemd-resolved all write these files anew. */
export class HostResolvers {
  readonly #clock: Clock
  readonly #files: readonly string[]
  #configs: readonly ResolverConfig[] = []
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor({ clock, files = [HOST_FILE, SYSTEMD_FILE] }: HostResolversOptions) {
    this.#clock = clock
    this.#files = files
  }

  /** As a process of the host sees it: a cache on the host's loopback is a good resolver for it. */
  async forHost(): Promise<ResolverConfig> {
    await this.#look()
    return this.#first(() => true)
  }

  /** As a pod can use it: without the servers on the host's loopback. */
  async forPods(): Promise<ResolverConfig> {
    await this.#look()
    return this.#first(address => !isLoopback(address))
  }

  #first(isUsable: (address: string) => boolean): ResolverConfig {
    for (const config of this.#configs) {
      const servers = config.servers.filter(isUsable)
      if (servers.length > 0) return { ...config, servers }
    }
    const [config] = this.#configs
    return { servers: [], searches: config?.searches ?? [], options: config?.options ?? [] }
  }

  async #look(): Promise<void> {
    if (this.#clock.now() - this.#readAt < LOOK_EVERY_MS) return
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  async #read(): Promise<void> {
    const texts = await Promise.all(this.#files.map(file => readFile(file, 'utf8').catch(() => '')))
    this.#readAt = this.#clock.now()
    const configs = texts.map(parseResolvConf).map(config => ({
      ...config,
      servers: config.servers.filter(address => isIP(withoutScope(address)) !== 0),
    }))
    // A file without servers is one that is being written: what was there counts until it is.
    const isEmpty = configs.every(({ servers }) => servers.length === 0)
    if (!isEmpty || this.#configs.length === 0) this.#configs = configs
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

function withoutScope(address: string): string {
  return address.split('%', 1)[0] ?? ''
}
