import type { Client } from '../../client/index.ts'
import { isLeaving, isNotFound, Kinds, LEAVING_ANNOTATION } from '../../kube/index.ts'
import { EXIT } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'

/** Says whether a host takes new pods. */
export async function cordon(client: Client, name: string, unschedulable: boolean): Promise<void> {
  const body = { spec: { unschedulable: unschedulable ? true : null } }
  await client.patch(Kinds.Node, name, { type: 'merge', body })
}

/** Lets a host take pods again; those that were to leave it may stay. */
export async function uncordonHost(client: Client, terminal: Terminal, name: string): Promise<number> {
  await cordon(client, name, false)
  const { items } = await client.list(Kinds.Pod, { fieldSelector: `spec.nodeName=${name}` })
  for (const pod of items.filter(isLeaving)) {
    const { name: podName = '', namespace = '' } = pod.metadata
    const body = { metadata: { annotations: { [LEAVING_ANNOTATION]: null } } }
    await client.patch(Kinds.Pod, podName, { type: 'merge', body }, { namespace }).catch(error => {
      if (!isNotFound(error)) throw error
    })
  }
  terminal.print(`host ${name} takes pods again`)
  return EXIT.ok
}
