import type { Container, ContainerPort, PodSpec } from '../../kube/generated/types.ts'
import { dnsLabelProblems, portNameProblems, portNumberProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { addressProblems } from '../validation/addresses.ts'
import type { Problems } from '../validation/problems.ts'
import { validateEnvironment } from './validate-environment.ts'
import { validateLifecycle, validateProbes } from './validate-probes.ts'
import { validateResources } from './validate-resources.ts'
import { validateMounts } from './validate-volumes.ts'

/** Containers and init containers: unique names, an image, and the parts each in its own file. */
export function validateContainers(
  spec: Draft<PodSpec>,
  path: string,
  volumes: ReadonlySet<string>,
  problems: Problems,
): void {
  const { containers, initContainers = [] } = spec
  // A list that is absent is the schema's finding.
  if (containers !== undefined && containers.length === 0) problems.required(`${path}.containers`)
  const names = new Set<string>()
  containers?.forEach((container, index) => {
    const at = `${path}.containers[${index}]`
    validateContainer(container, at, names, volumes, problems)
    validateLifecycle(container, at, problems)
    validateProbes(container, at, problems)
    if (container.restartPolicy !== undefined)
      problems.forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers')
  })
  initContainers.forEach((container, index) => {
    const at = `${path}.initContainers[${index}]`
    validateContainer(container, at, names, volumes, problems)
    validateInitContainer(container, at, problems)
  })
  validateHostPorts(spec, path, problems)
}

function validateContainer(
  container: Draft<Container>,
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  problems: Problems,
): void {
  const { name, image = '', securityContext } = container
  if (name === '') problems.required(`${path}.name`)
  else if (name !== undefined) {
    problems.invalidEach(`${path}.name`, name, dnsLabelProblems(name))
    if (names.has(name)) problems.duplicate(`${path}.name`, name)
    names.add(name)
  }
  if (image === '') problems.required(`${path}.image`)
  else if (image !== image.trim())
    problems.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace')
  validatePorts(container.ports ?? [], `${path}.ports`, problems)
  validateEnvironment(container, path, problems)
  validateMounts(container, path, volumes, problems)
  validateResources(container.resources, `${path}.resources`, problems)
  if (securityContext?.privileged && securityContext.allowPrivilegeEscalation === false) {
    problems.invalid(
      `${path}.securityContext`,
      { privileged: true, allowPrivilegeEscalation: false },
      'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    )
  }
}

/** An init container that restarts is a sidecar and may have what containers have. */
function validateInitContainer(container: Draft<Container>, path: string, problems: Problems): void {
  const { restartPolicy } = container
  if (restartPolicy === 'Always') {
    validateLifecycle(container, path, problems)
    validateProbes(container, path, problems)
    return
  }
  if (restartPolicy !== undefined) problems.notSupported(`${path}.restartPolicy`, restartPolicy, ['Always'])
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[field] !== undefined)
      problems.forbidden(
        `${path}.${field}`,
        'may not be set for init containers without restartPolicy=Always',
      )
  }
}

function validatePorts(ports: readonly Draft<ContainerPort>[], path: string, problems: Problems): void {
  const names = new Set<string>()
  ports.forEach(({ name, containerPort, hostPort, hostIP }, index) => {
    const at = `${path}[${index}]`
    if (name) {
      problems.invalidEach(`${at}.name`, name, portNameProblems(name))
      if (names.has(name)) problems.duplicate(`${at}.name`, name)
      names.add(name)
    }
    if (containerPort === 0) problems.required(`${at}.containerPort`)
    else if (containerPort !== undefined)
      problems.invalidEach(`${at}.containerPort`, containerPort, portNumberProblems(containerPort))
    if (hostPort) problems.invalidEach(`${at}.hostPort`, hostPort, portNumberProblems(hostPort))
    if (hostIP) problems.invalidEach(`${at}.hostIP`, hostIP, addressProblems(hostIP))
  })
}

function validateHostPorts(spec: Draft<PodSpec>, path: string, problems: Problems): void {
  const taken = new Set<string>()
  for (const field of ['initContainers', 'containers'] as const) {
    spec[field]?.forEach((container, number) => {
      container.ports?.forEach(({ containerPort, hostPort, hostIP = '', protocol = 'TCP' }, index) => {
        if (!hostPort) return
        const at = `${path}.${field}[${number}].ports[${index}]`
        const identity = `${protocol}/${hostIP}/${hostPort}`
        if (taken.has(identity)) problems.duplicate(`${at}.hostPort`, identity)
        taken.add(identity)
        if (spec.hostNetwork && hostPort !== containerPort)
          problems.invalid(
            `${at}.containerPort`,
            containerPort,
            'must match `hostPort` when `hostNetwork` is true',
          )
      })
    })
  }
}
