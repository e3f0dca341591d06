import type { Node } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn, wide } from '../table/columns.ts'
import { validateNode } from '../validation/node.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const ROLE_PREFIX = 'node-role.kubernetes.io/'

export const nodeKind: KindDefinition<Node> = defineKind(Kinds.Node, {
  definition: 'io.k8s.api.core.v1.Node',
  selectable: { 'spec.unschedulable': object => String(object.spec?.unschedulable ?? false) },
  columns: [
    nameColumn,
    textColumn('Status', 'Ready, NotReady or Unknown, and whether pods may be scheduled.'),
    textColumn('Roles', 'Roles of the node.'),
    ageColumn,
    textColumn('Version', 'Version of the agent.'),
    wide(textColumn('Internal-IP', 'Address inside the cluster.')),
    wide(textColumn('External-IP', 'Address outside the cluster.')),
    wide(textColumn('OS-Image', 'Operating system.')),
    wide(textColumn('Kernel-Version', 'Kernel.')),
    wide(textColumn('Container-Runtime', 'Container runtime and its version.')),
  ],
  row(object, nowMs) {
    const info = object.status?.nodeInfo
    return [
      nameOf(object),
      statusText(object),
      roles(object).join(',') || '<none>',
      ageOf(object, nowMs),
      info?.kubeletVersion ?? '',
      address(object, 'InternalIP'),
      address(object, 'ExternalIP'),
      info?.osImage || '<unknown>',
      info?.kernelVersion || '<unknown>',
      info?.containerRuntimeVersion || '<unknown>',
    ]
  },
  setDefaults(draft) {
    if (draft.status?.capacity !== undefined && draft.status.allocatable === undefined)
      draft.status.allocatable = { ...draft.status.capacity }
  },
  validate: validateNode,
  keepsStatusOnCreate: true,
})

function statusText(object: Node): string {
  const ready = object.status?.conditions?.find(({ type }) => type === 'Ready')
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady']
  if (object.spec?.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

function roles(object: Node): readonly string[] {
  const found = new Set<string>()
  for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      found.add(key.slice(ROLE_PREFIX.length))
    else if (key === 'kubernetes.io/role' && value !== '') found.add(value)
  }
  return [...found].sort()
}

function address(object: Node, type: string): string {
  return object.status?.addresses?.find(candidate => candidate.type === type)?.address ?? '<none>'
}
