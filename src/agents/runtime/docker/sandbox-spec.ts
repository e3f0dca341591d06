import type { PortMapping, SandboxConfig } from '../runtime.ts'
import { PAUSE_IMAGE } from './images/pause-image.ts'
import { Labels, type Owner, ownerLabels, podLabels } from './names.ts'

/** How a sandbox gets its network: from the engine, or by the agent's own hand at this address. */
export type Wiring =
  | { readonly by: 'engine'; readonly networkId: string }
  | { readonly by: 'agent'; readonly address: string }

/** The body of the engine's create call for a pod's sandbox. */
export function sandboxBody(owner: Owner, config: SandboxConfig, wiring: Wiring): object {
  const labels = { ...ownerLabels(owner, 'sandbox'), ...podLabels(config.pod, config.attempt) }
  if (wiring.by === 'engine')
    return {
      Image: PAUSE_IMAGE,
      Hostname: config.hostname,
      Labels: labels,
      ...exposedPorts(config.ports),
      HostConfig: {
        ...pauseHostConfig(),
        NetworkMode: wiring.networkId,
        PortBindings: portBindings(config.ports),
      },
    }
  return {
    Image: PAUSE_IMAGE,
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
