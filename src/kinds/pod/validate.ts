import { deepEqual } from '../../base/index.ts'
import type { Container, EphemeralContainer, Pod, PodSpec, Toleration } from '../../kube/generated/types.ts'
import { dnsLabelProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from '../validation/problems.ts'
import { validatePodSpec } from './validate-spec.ts'

const MUTABLE_FIELDS =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** kubernetes `ValidatePodCreate` and `ValidatePodUpdate`. */
export function validatePod(pod: Draft<Pod>, problems: Problems, old: Pod | undefined): void {
  const { spec } = pod
  if (spec === undefined) {
    problems.required('spec')
    return
  }
  // It was found good when it was stored.
  if (spec === old?.spec) return
  validatePodSpec(spec, 'spec', problems)
  if (old?.spec === undefined) {
    if (spec.ephemeralContainers !== undefined && spec.ephemeralContainers.length > 0)
      problems.forbidden('spec.ephemeralContainers', 'cannot be set on create')
  } else {
    validateUpdate(spec, old.spec, problems)
  }
}

function validateUpdate(spec: Draft<PodSpec>, old: PodSpec, problems: Problems): void {
  if (spec.containers?.length !== old.containers.length) {
    problems.forbidden('spec.containers', 'pod updates may not add or remove containers')
    return
  }
  if ((spec.initContainers?.length ?? 0) !== (old.initContainers?.length ?? 0)) {
    problems.forbidden('spec.initContainers', 'pod updates may not add or remove containers')
    return
  }
  validateEphemeral(spec, old.ephemeralContainers ?? [], problems)
  validateDeadline(spec, old, problems)
  validateTolerations(spec.tolerations ?? [], old.tolerations ?? [], problems)
  validateGates(spec, old, problems)
  const changed = changedFields(spec, old)
  if (changed.length > 0) problems.forbidden('spec', `${MUTABLE_FIELDS}\nchanged: ${changed.join(', ')}`)
}

/** Containers for a look around are added, through their subresource, and never changed or removed. */
function validateEphemeral(
  { containers = [], initContainers = [], ephemeralContainers = [] }: Draft<PodSpec>,
  before: readonly EphemeralContainer[],
  problems: Problems,
): void {
  const path = 'spec.ephemeralContainers'
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  ephemeralContainers.forEach(({ name = '', image = '', targetContainerName }, index) => {
    const at = `${path}[${index}]`
    if (name === '') problems.required(`${at}.name`)
    else problems.invalidEach(`${at}.name`, name, dnsLabelProblems(name))
    if (names.has(name)) problems.duplicate(`${at}.name`, name)
    names.add(name)
    if (image.trim() === '') problems.required(`${at}.image`)
    if (
      targetContainerName &&
      ![...containers, ...initContainers].some(one => one.name === targetContainerName)
    )
      problems.notFound(`${at}.targetContainerName`, targetContainerName)
  })
  for (const container of before) {
    const kept = ephemeralContainers.find(({ name }) => name === container.name)
    const what = `existing ephemeral containers ${JSON.stringify(container.name)} may not be`
    if (kept === undefined) problems.forbidden(path, `${what} removed\n`)
    else if (!deepEqual(kept, container)) problems.forbidden(path, `${what} changed\n`)
  }
}

function validateDeadline(spec: Draft<PodSpec>, old: PodSpec, problems: Problems): void {
  const path = 'spec.activeDeadlineSeconds'
  const { activeDeadlineSeconds: next } = spec
  const { activeDeadlineSeconds: before } = old
  if (before === undefined) return
  if (next === undefined) problems.invalid(path, next, 'must not update from a positive integer to nil value')
  else if (next > before) problems.invalid(path, next, 'must be less than or equal to previous value')
}

/** A toleration is known by everything but its seconds: those may change, and new ones may be added. */
function validateTolerations(
  next: readonly Draft<Toleration>[],
  before: readonly Toleration[],
  problems: Problems,
): void {
  const remain = before.every(toleration =>
    next.some(candidate =>
      deepEqual({ ...candidate, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }),
    ),
  )
  if (!remain) {
    problems.forbidden(
      'spec.tolerations',
      'existing toleration can not be modified except its tolerationSeconds',
    )
  }
}

function validateGates(spec: Draft<PodSpec>, old: PodSpec, problems: Problems): void {
  const before = old.schedulingGates?.map(({ name }) => name) ?? []
  const added = (spec.schedulingGates ?? []).filter(({ name = '' }) => !before.includes(name))
  if (added.length > 0)
    problems.forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gates`)
}

/** The fields of a pod that differ although they may not. */
function changedFields(spec: Draft<PodSpec>, old: PodSpec): readonly string[] {
  const before = withoutMutable(old)
  const after = withoutMutable(spec)
  // Upstream lets a grace period that was once negative be mended.
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1)
    after.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.filter(name => !deepEqual(before[name], after[name])).map(name => `spec.${name}`)
}

function withoutMutable(spec: Draft<PodSpec> | PodSpec): Record<string, unknown> {
  const {
    activeDeadlineSeconds: _,
    tolerations: __,
    schedulingGates: ___,
    ephemeralContainers: ____,
    ...rest
  } = spec
  const containers = withoutImages(spec.containers)
  const initContainers = withoutImages(spec.initContainers)
  return {
    ...rest,
    ...(containers === undefined ? {} : { containers }),
    ...(initContainers === undefined ? {} : { initContainers }),
  }
}

function withoutImages(containers: readonly (Container | Draft<Container>)[] | undefined): unknown {
  return containers?.map(({ image: _, ...container }) => container)
}
