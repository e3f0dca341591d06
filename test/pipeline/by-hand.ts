import type { Client } from '../../src/client/index.ts'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { node } from '../cluster/controllers/build.ts'

/** Nodes and pods that a test says are so, where an agent would take its time. */

export async function addNode(client: Client, name: string): Promise<void> {
  const { status, ...object } = node(name)
  const { resourceVersion: _version, uid: _uid, ...metadata } = object.metadata
  await client.create(Kinds.Node, { ...object, metadata })
  await client.patch(Kinds.Node, name, { type: 'merge', body: { status } }, { subresource: 'status' })
}

/** The pod of an image, once it has a node. */
export function scheduledPod(client: Client, image: string): Promise<Pod> {
  return eventually(`a pod of ${image} with a node`, async () => {
    const { items } = await client.list(Kinds.Pod)
    return items.find(({ spec }) => spec?.nodeName !== undefined && spec.containers[0]?.image === image)
  })
}

/** Says of a pod's container what an agent would. */
export async function setContainer(
  client: Client,
  { metadata, spec }: Pod,
  state: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { name = '', namespace = '' } = metadata
  const ready = state.ready === true ? 'True' : 'False'
  const conditions = ['ContainersReady', 'Ready'].map(type => ({ type, status: ready }))
  const image = spec?.containers[0]?.image ?? ''
  const container = { name: 'web', image, imageID: '', containerID: 'hollow://0', lastState: {}, ...state }
  const body = { status: { phase: 'Running', conditions, containerStatuses: [container] } }
  await client.patch(Kinds.Pod, name, { type: 'merge', body }, { namespace, subresource: 'status' })
}
