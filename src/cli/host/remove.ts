import { BowlineError } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { isConflict, isNotFound, Kinds, type Node } from '../../kube/index.ts'
import { EXIT } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'
import { isOver } from './host-summary.ts'

const LEASES = 'kube-node-lease'

/**
 * Takes a host out of the cluster: its certificate proves nothing any more, its pods are replaced, and another host may join under its
 * name. A host that is ready and has pods is refused unless forced.
 */
export async function removeHost(
  client: Client,
  terminal: Terminal,
  { name, force }: { readonly name: string; readonly force: boolean },
): Promise<number> {
  const node = await client.get(Kinds.Node, name)
  const { items } = await client.list(Kinds.Pod, { fieldSelector: `spec.nodeName=${name}` })
  const living = items.filter(pod => !isOver(pod))
  if (!force && isReady(node) && living.length > 0)
    throw new BowlineError(
      'conflict',
      `Cannot remove host ${name}: it is ready and has ${living.length} pods`,
      {
        data: { next: `empty it first with \`bowline host drain ${name}\`, or add --force and its pods end` },
      },
    )
  // First of all its word must count no more: what it says of its pods is not waited for.
  await ignoreGone(client.delete(Kinds.Node, name, { preconditions: { uid: node.metadata.uid ?? '' } }))
  await ignoreGone(client.delete(Kinds.Lease, name, { namespace: LEASES }))
  for (const { metadata } of items)
    await ignoreGone(
      client.delete(Kinds.Pod, metadata.name ?? '', {
        namespace: metadata.namespace ?? '',
        gracePeriodSeconds: 0,
        preconditions: { uid: metadata.uid ?? '' },
      }),
    )
  terminal.print(`host ${name} is removed, with ${living.length} pods`)
  terminal.print('another host may join under this name with a new token: `bowline token create`')
  return EXIT.ok
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

async function ignoreGone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}
