import type { NameConfig, PortMapping, SandboxConfig } from '../runtime.ts'
import { type CreateBody, Labels, type Owner, ownerLabels, podLabels } from './names.ts'

/** How a sandbox gets its network: from the engine, or by the agent's own hand at this address. */
export type Wiring =
  | { readonly by: 'engine'; readonly networkId: string }
  | { readonly by: 'agent'; readonly address: string }

/** The body of the engine's create call for a pod's sandbox; `image` is the id of its image. */
export function sandboxBody(
  owner: Owner,
  config: SandboxConfig,
  { image, wiring }: { readonly image: string; readonly wiring: Wiring },
): CreateBody {
  const labels = { ...ownerLabels(owner, 'sandbox'), ...podLabels(config.pod, config.attempt) }
  if (wiring.by === 'engine')
    return {
      Image: image,
      Hostname: config.hostname,
      ...domainName(config),
      Labels: labels,
      ...exposedPorts(config.ports),
      HostConfig: {
        ...pauseHostConfig(),
        NetworkMode: wiring.networkId,
        PortBindings: portBindings(config.ports),
        ...(config.names && nameOptions(config.names)),
      },
    }
  return {
    Image: image,
    Hostname: config.hostname,
    Labels: { ...labels, [Labels.address]: wiring.address },
    // The engine's own network sandbox costs more than the container. Without one the container still gets a fresh
    // network namespace, and others can join it.
    NetworkDisabled: true,
    HostConfig: { ...pauseHostConfig(), NetworkMode: 'none' },
  }
}

/** What every container that only waits has: nothing that it could do or lose. With a page of memory it is no victim either. */
export function pauseHostConfig(): Record<string, unknown> {
  return {
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    // The pod's containers join it.
    IpcMode: 'shareable',
    CpuShares: 2,
    LogConfig: { Type: 'none' },
    RestartPolicy: { Name: 'no' },
  }
}

/** The engine writes a line with the full name then; a hostname that is one has that anyway. */
function domainName({ hostname, names }: SandboxConfig): { Domainname?: string } {
  return names?.domain === undefined || names.hostname !== hostname ? {} : { Domainname: names.domain }
}

/** The engine's words for a pod's resolver and hosts files, which it writes itself for a sandbox that it wires. */
function nameOptions({ resolver, hostAliases }: NameConfig): Record<string, readonly string[]> {
  return {
    Dns: resolver.servers,
    // Without a domain the engine would take the host's; a lone dot means none.
    DnsSearch: resolver.searches.length > 0 ? resolver.searches : ['.'],
    DnsOptions: resolver.options,
    ExtraHosts: hostAliases.flatMap(({ ip, hostnames }) => hostnames.map(name => `${name}:${ip}`)),
  }
}

function exposedPorts(ports: readonly PortMapping[]): { ExposedPorts?: object } {
  if (ports.length === 0) return {}
  return { ExposedPorts: Object.fromEntries(ports.map(port => [portKey(port), {}])) }
}

function portBindings(ports: readonly PortMapping[]): Record<string, object[]> {
  const bindings: Record<string, object[]> = {}
  for (const port of ports) {
    const list = bindings[portKey(port)] ?? []
    list.push({ HostIp: port.hostIp ?? '', HostPort: String(port.hostPort) })
    bindings[portKey(port)] = list
  }
  return bindings
}

function portKey({ containerPort, protocol }: PortMapping): string {
  return `${containerPort}/${protocol.toLowerCase()}`
}
