import { isObject } from '../../../base/index.ts'
import { formatTime, Kinds, type KubeObject, type Pod } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { MutationOptions, RequestContext } from '../contract.ts'
import { badRequest, conflict } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { managerOf } from '../write/manager.ts'
import { modifyObject } from '../write/modify.ts'

/** Gives a pod to a node: `spec.nodeName`, and the condition PodScheduled. Only a pod without a node takes one. */
export async function bindPod(
  services: VerbServices,
  context: RequestContext,
  request: { readonly namespace: string; readonly name: string; readonly body: unknown },
  options: MutationOptions,
): Promise<KubeObject> {
  const { namespace, name, body } = request
  const attributes = authorize(services, context, Kinds.Pod, {
    verb: 'create',
    namespace,
    name,
    subresource: 'binding',
  })
  const nodeName = targetOf(body)
  const now = formatTime(services.clock.now())
  await modifyObject(services, context, {
    kind: Kinds.Pod,
    attributes,
    manager: managerOf(options, context),
    dryRun: options.dryRun,
    isTrusted: true,
    written: () => ({
      body: { group: '', version: 'v1', kind: 'Binding' },
      operation: 'CREATE',
      object: bindingOf(namespace, name, nodeName),
      old: undefined,
    }),
    derive: current => boundTo(current as Pod, nodeName, uidIn(body), now),
  })
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as KubeObject
}

function bindingOf(namespace: string, name: string, nodeName: string): KubeObject {
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName }
  return { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target } as KubeObject
}

function boundTo(pod: Pod, nodeName: string, uid: string, now: string): Pod {
  const { name = '', deletionTimestamp } = pod.metadata
  const taken = pod.spec?.nodeName
  if (deletionTimestamp !== undefined)
    throw conflict(Kinds.Pod, name, `pod ${name} is being deleted, cannot be assigned to a host`, 'binding')
  if (taken) throw conflict(Kinds.Pod, name, `pod ${name} is already assigned to node "${taken}"`, 'binding')
  const conditions = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
  return {
    ...pod,
    metadata: { ...pod.metadata, ...(uid === '' ? {} : { uid }) },
    spec: { ...pod.spec!, nodeName },
    status: {
      ...pod.status,
      conditions: [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }],
    },
  }
}

function targetOf(body: unknown): string {
  const target = isObject(body) ? body.target : undefined
  if (!isObject(target)) throw badRequest('target: Required value')
  if (target.kind !== undefined && target.kind !== '' && target.kind !== 'Node')
    throw badRequest(
      `target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node"`,
    )
  if (typeof target.name !== 'string' || target.name === '') throw badRequest('target.name: Required value')
  return target.name
}

function uidIn(body: unknown): string {
  const metadata = isObject(body) ? body.metadata : undefined
  return isObject(metadata) && typeof metadata.uid === 'string' ? metadata.uid : ''
}
