import type { Clock } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import { type App, Kinds, type Node } from '../kube/index.ts'
import { type CertificateSummary, readCertificates } from './certificates.ts'
import { EXIT } from './exit-code.ts'
import { summarizeHost } from './host/host-summary.ts'
import { diagnosticLines, shortId } from './plan-text.ts'
import { printable } from './printable.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { printWaiting, waitingPods } from './waiting-pods.ts'

const COLOURS = {
  Healthy: 'green',
  Progressing: 'cyan',
  Pending: 'gray',
  Failed: 'red',
  Held: 'yellow',
} as const

/** Prints every app's state and every host's, and what each pod without a host waits for. 0 when all are healthy, 1 when one failed, 3 when one is held. */
export async function showStatus(
  client: Client,
  terminal: Terminal,
  { clock, output }: { readonly clock: Clock; readonly output: 'text' | 'json' },
): Promise<number> {
  const now = clock.now()
  const [apps, nodes, waiting, certificates] = await Promise.all([
    client.list(Kinds.App),
    client.list(Kinds.Node),
    waitingPods(client),
    readCertificates(client, now),
  ])
  if (output === 'json') {
    const summary = apps.items.map(({ metadata, spec, status }) => ({ name: metadata.name, spec, status }))
    terminal.print(
      JSON.stringify(
        { apps: summary, nodes: nodes.items.map(node => nodeSummary(node, now)), waiting, certificates },
        null,
        2,
      ),
    )
  } else {
    printText(printable(apps.items), printable(nodes.items), terminal, now)
    printWaiting(printable(waiting), terminal)
    printCertificates(printable(certificates), terminal)
  }
  const phases = apps.items.map(app => app.status?.phase)
  if (phases.includes('Failed')) return EXIT.failed
  return phases.includes('Held') ? EXIT.held : EXIT.ok
}

function printText(apps: readonly App[], nodes: readonly Node[], terminal: Terminal, now: number): void {
  const { print, paint } = terminal
  if (apps.length === 0) print('No app yet: `bowline up DIR` follows a repository')
  else
    for (const line of table(
      ['APP', 'PHASE', 'REVISION', 'OBJECTS', 'MESSAGE'],
      apps.map(({ metadata, status }) => [
        metadata.name ?? '',
        paint(COLOURS[status?.phase ?? 'Pending'], status?.phase ?? 'Pending'),
        shortId(status?.observedRevision ?? ''),
        String(status?.objects ?? 0),
        (status?.message ?? '').split('\n', 1)[0] ?? '',
      ]),
    ))
      print(line)
  for (const { status } of apps)
    for (const diagnostic of status?.diagnostics ?? [])
      for (const line of diagnosticLines(diagnostic, status?.observedRevision ?? '', paint)) print(line)
  print('')
  for (const line of table(
    ['HOST', 'STATE', 'RUNTIME', 'ADDRESS', ''],
    nodes.map(node => {
      const { name, ready, schedulable, runtime, address, remark } = nodeSummary(node, now)
      const state = ready ? paint('green', 'Ready') : paint('red', 'NotReady')
      return [name, schedulable ? state : `${state}, cordoned`, runtime, address, remark]
    }),
  ))
    print(line)
}

/** Below so many days somebody should look: what renews itself has done so long before. */
const FEW_DAYS = 14

function printCertificates(certificates: readonly CertificateSummary[], { print, paint }: Terminal): void {
  if (certificates.length === 0) return
  print('')
  for (const line of table(
    ['CERTIFICATE', 'DAYS LEFT', 'EXPIRES', 'HOSTS'],
    certificates.map(({ secret, hosts, expires, daysLeft }) => [
      secret,
      daysLeft === undefined
        ? paint('red', 'missing')
        : paint(daysLeft < FEW_DAYS ? 'red' : 'green', String(daysLeft)),
      expires ?? '',
      hosts.join(', '),
    ]),
  ))
    print(line)
}

function nodeSummary(node: Node, now: number) {
  const { metadata, spec, status } = node
  return {
    name: metadata.name ?? '',
    ready: status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
    schedulable: spec?.unschedulable !== true,
    runtime: status?.nodeInfo?.containerRuntimeVersion ?? '',
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    remark: summarizeHost(node, [], now).remark,
  }
}
