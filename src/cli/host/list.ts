import type { Clock } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { Kinds } from '../../kube/index.ts'
import { EXIT } from '../exit-code.ts'
import { printable } from '../printable.ts'
import { table } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { type HostSummary, summarizeHost } from './host-summary.ts'

/** Prints every host: how it is, what it carries, and why it is not ready. */
export async function listHosts(
  client: Client,
  terminal: Terminal,
  { clock, output }: { readonly clock: Clock; readonly output: 'text' | 'json' },
): Promise<number> {
  const [nodes, pods] = await Promise.all([client.list(Kinds.Node), client.list(Kinds.Pod)])
  const hosts = nodes.items
    .map(node => summarizeHost(node, pods.items, clock.now()))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  if (output === 'json') terminal.print(JSON.stringify(hosts, null, 2))
  else for (const line of hostTable(printable(hosts), terminal)) terminal.print(line)
  return EXIT.ok
}

function hostTable(hosts: readonly HostSummary[], { paint }: Terminal): readonly string[] {
  return table(
    ['HOST', 'STATE', 'ADDRESS', 'PODS', 'CPU', 'MEMORY', 'VERSION', 'AGE', ''],
    hosts.map(host => {
      const state = paint(host.state === 'Ready' ? 'green' : 'red', host.state)
      return [
        host.name,
        host.cordoned ? `${state}, cordoned` : state,
        host.address,
        `${host.pods}/${host.maxPods}`,
        `${host.cpuPercent}%`,
        `${host.memoryPercent}%`,
        host.version,
        host.age,
        host.remark,
      ]
    }),
  )
}
