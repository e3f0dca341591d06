import type { PodSpec } from '../../kube/generated/types.ts'
import { dnsLabelProblems, dnsSubdomainProblems, labelKeyProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateLabels } from '../validation/labels.ts'
import type { Problems } from '../validation/problems.ts'
import { validateContainers } from './validate-containers.ts'
import { validateDns, validateHostAliases } from './validate-network.ts'
import { validateAffinity, validateSpreading, validateTolerations } from './validate-scheduling.ts'
import { validateVolumes } from './validate-volumes.ts'

const MAX_INT32 = 2 ** 31 - 1

/**
 * kubernetes `ValidatePodSpec`: what Pods and pod templates have in common. Required fields and enums are the schema's part.
 * `claimed` are volumes that the pods will have beyond those of the spec.
 */
export function validatePodSpec(
  spec: Draft<PodSpec>,
  path: string,
  problems: Problems,
  claimed: readonly string[] = [],
): void {
  const volumes = new Set([...validateVolumes(spec.volumes ?? [], `${path}.volumes`, problems), ...claimed])
  validateContainers(spec, path, volumes, problems)
  validateDns(spec, path, problems)
  validateHostAliases(spec.hostAliases ?? [], `${path}.hostAliases`, problems)
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, problems)
  validateTolerations(spec.tolerations ?? [], `${path}.tolerations`, problems)
  validateAffinity(spec.affinity, `${path}.affinity`, problems)
  validateSpreading(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`, problems)
  validateNames(spec, path, problems)
  validateTimes(spec, path, problems)
  if (spec.shareProcessNamespace && spec.hostPID) {
    problems.invalid(
      `${path}.shareProcessNamespace`,
      spec.shareProcessNamespace,
      'ShareProcessNamespace and HostPID cannot both be enabled',
    )
  }
}

function validateNames(spec: Draft<PodSpec>, path: string, problems: Problems): void {
  const subdomains = ['nodeName', 'priorityClassName', 'runtimeClassName', 'serviceAccountName'] as const
  for (const field of subdomains) {
    const name = spec[field]
    if (name) problems.invalidEach(`${path}.${field}`, name, dnsSubdomainProblems(name))
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field]
    if (name) problems.invalidEach(`${path}.${field}`, name, dnsLabelProblems(name))
  }
  spec.imagePullSecrets?.forEach(({ name }, index) => {
    if (!name) problems.required(`${path}.imagePullSecrets[${index}].name`)
  })
  spec.readinessGates?.forEach(({ conditionType = '' }, index) => {
    problems.invalidEach(
      `${path}.readinessGates[${index}].conditionType`,
      conditionType,
      labelKeyProblems(conditionType),
    )
  })
  const gates = new Set<string>()
  spec.schedulingGates?.forEach(({ name = '' }, index) => {
    problems.invalidEach(`${path}.schedulingGates[${index}]`, name, labelKeyProblems(name))
    if (gates.has(name)) problems.duplicate(`${path}.schedulingGates[${index}]`, name)
    gates.add(name)
  })
}

function validateTimes(spec: Draft<PodSpec>, path: string, problems: Problems): void {
  const { activeDeadlineSeconds } = spec
  if (activeDeadlineSeconds === undefined) return
  if (activeDeadlineSeconds < 1 || activeDeadlineSeconds > MAX_INT32) {
    problems.invalid(
      `${path}.activeDeadlineSeconds`,
      activeDeadlineSeconds,
      `must be between 1 and ${MAX_INT32}, inclusive`,
    )
  }
}
