import type { Container } from '../../kube/index.ts'
import { type AssignedPod, identityOf } from '../pods/assigned-pod.ts'
import { specHash } from '../pods/spec-hash.ts'
import type { ContainerConfig, ContainerMount } from '../runtime/index.ts'
import type { Variable } from './environment.ts'
import { expandVariables } from './expand.ts'
import { engineResources } from './resources.ts'

/** What was found out about a container before it can be described to the engine. */
export interface ContainerFindings {
  readonly attempt: number
  readonly environment: readonly Variable[]
  readonly mounts: readonly ContainerMount[]
  readonly nodeMemoryBytes: number
  readonly home: string
  /** The user that the image names, without its group; undefined: root. */
  readonly imageUser: string | undefined
}

/** How a container is described to the runtime. Pure; what the host forbids was refused before. */
export function containerConfig(
  pod: AssignedPod,
  container: Container,
  { attempt, environment, mounts, nodeMemoryBytes, home, imageUser }: ContainerFindings,
): ContainerConfig {
  const { name, command = [], args = [], workingDir, image = '', securityContext = {} } = container
  const values = new Map(environment.map(variable => [variable.name, variable.value]))
  const expand = (text: string) => expandVariables(text, variable => values.get(variable))
  const user = runAs(pod, container, imageUser)
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {}
  const groups = fsGroup === undefined ? supplementalGroups : [fsGroup, ...supplementalGroups]
  const { add = [], drop = [] } = securityContext.capabilities ?? {}
  return {
    pod: identityOf(pod),
    name,
    attempt,
    image,
    ...(command.length > 0 ? { command: command.map(expand) } : {}),
    ...(args.length > 0 ? { args: args.map(expand) } : {}),
    ...(workingDir ? { workingDir } : {}),
    env: environment,
    mounts,
    ...engineResources(pod, container, nodeMemoryBytes),
    ...(user === undefined ? {} : { runAsUser: user }),
    ...(groups.length === 0 ? {} : { supplementalGroups: groups }),
    ...(securityContext.allowPrivilegeEscalation === false ? { noNewPrivileges: true } : {}),
    readOnlyRootFilesystem: securityContext.readOnlyRootFilesystem ?? false,
    capabilities: { add, drop },
    privileged: securityContext.privileged ?? false,
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    specHash: specHash(container),
    home,
  }
}

/**
 * `uid` or `uid:gid`; a group alone goes with the image's user, whom an engine that is told of a group would forget. The container's
 * word counts before the pod's.
 */
function runAs(
  { spec }: AssignedPod,
  { securityContext = {} }: Container,
  imageUser: string | undefined,
): string | undefined {
  const user = securityContext.runAsUser ?? spec.securityContext?.runAsUser
  const group = securityContext.runAsGroup ?? spec.securityContext?.runAsGroup
  if (group === undefined) return user === undefined ? undefined : String(user)
  return `${user ?? imageUser ?? 0}:${group}`
}
