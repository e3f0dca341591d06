import type { Container, Pod, PodSpec, PodTemplateSpec } from '../../kube/generated/types.ts'
import { imageTag } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'

/** Defaults of a Pod beyond the schema's (kubernetes `pkg/apis/core/v1/defaults.go`, `SetDefaults_Pod`). */
export function setPodDefaults(draft: Draft<Pod>): void {
  const { spec } = draft
  if (spec === undefined) return
  spec.enableServiceLinks ??= true
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    requestLimits(container)
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
  }
  setPodSpecDefaults(spec)
}

/** Defaults of a pod template. It keeps less than a Pod: requests and host ports are filled in when a Pod is made of it. */
export function setTemplateDefaults(template: Draft<PodTemplateSpec> | undefined): void {
  if (template?.spec !== undefined) setPodSpecDefaults(template.spec)
}

function setPodSpecDefaults(spec: Draft<PodSpec>): void {
  const account = spec.serviceAccountName || spec.serviceAccount
  if (account) {
    spec.serviceAccountName = account
    // The old name of the field is kept equal for old readers.
    spec.serviceAccount = account
  }
  for (const volume of spec.volumes ?? []) {
    if (Object.keys(volume).every(key => key === 'name')) volume.emptyDir = {}
    if (volume.image !== undefined) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference)
  }
  for (const list of [spec.containers, spec.initContainers, spec.ephemeralContainers]) {
    for (const container of list ?? []) container.imagePullPolicy ||= pullPolicyOf(container.image)
  }
}

/** A tag that moves is pulled each time, a fixed one once. */
function pullPolicyOf(image: string | undefined): 'Always' | 'IfNotPresent' {
  return imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
}

/** Who says how much a container may use but not how much it needs is taken to need that. */
function requestLimits({ resources }: Draft<Container>): void {
  if (resources?.limits === undefined) return
  resources.requests = { ...resources.limits, ...resources.requests }
}
