import type { Container, PodSpec } from '../../kube/index.ts'
import type { AssignedPod } from '../pods/assigned-pod.ts'
import type { PodFailure } from '../pods/view.ts'
import { asFlags, type HostGrants, missingGrant, unsupportedVolume } from '../volumes/index.ts'

/**
 * What Docker gives every container, which is what Pod Security's baseline allows, and NET_RAW. Anything beyond is a way to the
 * host and needs the host's word.
 */
const DEFAULT_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

/**
 * Why this host does not run a pod; undefined when it does. The words of the host's `--allow-host` flags are a folder or file for
 * hostPath, `privileged`, `capability:NAME`. Nothing in a manifest can grant any of them. Pure.
 */
export function refusalOf({ spec }: AssignedPod, grants: HostGrants): PodFailure | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const message = deniedAccess(spec, containers, grants)
  if (message !== undefined) return { reason: 'HostAccessDenied', message }
  for (const volume of spec.volumes ?? []) {
    const problem = unsupportedVolume(volume)
    if (problem !== undefined) return { reason: 'UnsupportedVolume', message: problem }
  }
  const unsupported = unsupportedFeature(spec, containers)
  if (unsupported === undefined) return undefined
  return { reason: 'UnsupportedPodSpec', message: `This node does not support ${unsupported}` }
}

function deniedAccess(
  spec: PodSpec,
  containers: readonly Container[],
  grants: HostGrants,
): string | undefined {
  const { allowHost } = grants
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const)
    if (spec[field])
      return `No host allows ${field} in this version: pods cannot share a namespace with the host`
  for (const { name, securityContext = {} } of containers) {
    if (securityContext.privileged && !allowHost.includes('privileged'))
      return denied(`privileged container "${name}"`, 'privileged')
    for (const capability of securityContext.capabilities?.add ?? []) {
      const word = capability.toUpperCase().replace(/^CAP_/, '')
      const flag = word === 'ALL' ? 'privileged' : `capability:${word}`
      if (!DEFAULT_CAPABILITIES.has(word) && !allowHost.includes(flag) && !allowHost.includes('privileged'))
        return denied(`capability ${word} of container "${name}"`, flag)
    }
  }
  for (const { name, hostPath } of spec.volumes ?? []) {
    const missing = hostPath && missingGrant(hostPath.path, grants)
    if (missing === undefined) continue
    const what = `hostPath "${hostPath?.path}" of volume "${name}"`
    const besides = missing.isBesides ? `, too: it is not without ${missing.paths.join(' and ')}` : ''
    return `This host does not allow ${what}; its agent must be started with ${asFlags(missing)}${besides}`
  }
  return undefined
}

function denied(what: string, word: string): string {
  return `This host does not allow ${what}; its agent must be started with --allow-host ${word}`
}

/** Fields whose meaning would be lost if they were ignored: isolation, identity, or a source of data. */
function unsupportedFeature(spec: PodSpec, containers: readonly Container[]): string | undefined {
  const { securityContext = {} } = spec
  const pod: readonly (readonly [string, unknown])[] = [
    ['hostUsers: false', spec.hostUsers === false],
    ['shareProcessNamespace', spec.shareProcessNamespace],
    ['runtimeClassName', spec.runtimeClassName],
    ['resourceClaims', spec.resourceClaims?.length],
    ['securityContext.sysctls', securityContext.sysctls?.length],
    ['securityContext.seccompProfile of type Localhost', isLocal(securityContext.seccompProfile)],
    ['securityContext.appArmorProfile of type Localhost', isLocal(securityContext.appArmorProfile)],
  ]
  const found = pod.find(([, used]) => used)
  if (found !== undefined) return found[0]
  for (const { name, securityContext: own = {}, volumeDevices, ...container } of containers) {
    const probes = [container.livenessProbe, container.readinessProbe, container.startupProbe]
    const fields: readonly (readonly [string, unknown])[] = [
      ['volumeDevices', volumeDevices?.length],
      ['an SCTP hostPort', container.ports?.some(port => port.hostPort && port.protocol === 'SCTP')],
      ['a grpc probe', probes.some(probe => probe?.grpc !== undefined)],
      ['securityContext.procMount: Unmasked', own.procMount === 'Unmasked'],
      ['securityContext.seccompProfile of type Localhost', isLocal(own.seccompProfile)],
      ['securityContext.appArmorProfile of type Localhost', isLocal(own.appArmorProfile)],
    ]
    const used = fields.find(([, value]) => value)
    if (used !== undefined) return `${used[0]} (container "${name}")`
  }
  return undefined
}

function isLocal(profile: { readonly type?: string } | undefined): boolean {
  return profile?.type === 'Localhost'
}
