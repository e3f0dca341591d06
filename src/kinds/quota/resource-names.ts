/** What a quota may limit, by the names of its `hard` (kubernetes `pkg/apis/core/helper` and `pkg/quota/v1/evaluator/core`). */

/** Resources whose objects were limited by their bare name before there was `count/`. */
const COUNTED_BY_NAME: ReadonlySet<string> = new Set([
  'configmaps',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
])
const OF_SERVICES: ReadonlySet<string> = new Set(['services', 'services.loadbalancers', 'services.nodeports'])
const OF_CLAIMS: readonly string[] = ['persistentvolumeclaims', 'requests.storage']
/** Once one of these is limited, every container must say how much of it it takes. */
const CPU_AND_MEMORY: ReadonlySet<string> = new Set(
  ['cpu', 'memory'].flatMap(name => [name, `limits.${name}`, `requests.${name}`]),
)
const OF_PODS: ReadonlySet<string> = new Set([
  ...CPU_AND_MEMORY,
  'ephemeral-storage',
  'limits.ephemeral-storage',
  'pods',
  'requests.ephemeral-storage',
])

const COUNT = 'count/'
/** Between the name of a StorageClass and what of its claims is limited. */
const OF_CLASS = '.storageclass.storage.k8s.io/'

/**
 * The resource of the objects that count towards a name: `pods` for `limits.cpu`, `deployments.apps` for `count/deployments.apps`.
 * Undefined for a name that no object counts towards.
 */
export function resourceCountedBy(name: string): string | undefined {
  if (name.startsWith(COUNT)) return name.slice(COUNT.length)
  if (COUNTED_BY_NAME.has(name)) return name
  if (OF_SERVICES.has(name)) return 'services'
  if (OF_CLAIMS.includes(name) || OF_CLAIMS.some(part => name.endsWith(`${OF_CLASS}${part}`)))
    return 'persistentvolumeclaims'
  if (OF_PODS.has(name) || isHugePages(name)) return 'pods'
  return name.startsWith('requests.') && !isNative(name) ? 'pods' : undefined
}

/** The name that counts every object of a resource, whatever its state. */
export function countName(resource: string): string {
  return `${COUNT}${resource}`
}

/** The name of a part of what the claims of a StorageClass come to. */
export function ofStorageClass(className: string, name: string): string {
  return `${className}${OF_CLASS}${name}`
}

/** The names of cpu and memory, which a pod must speak of where they are limited. */
export function mustBeSpecified(name: string): boolean {
  return CPU_AND_MEMORY.has(name)
}

export function isCountedByName(resource: string): boolean {
  return COUNTED_BY_NAME.has(resource)
}

/** A name without a domain that a quota may have. */
export function isStandardQuotaName(name: string): boolean {
  return (
    OF_PODS.has(name) ||
    OF_SERVICES.has(name) ||
    OF_CLAIMS.includes(name) ||
    COUNTED_BY_NAME.has(name) ||
    isHugePages(name)
  )
}

/** Amounts of which there are no parts: objects, and what a vendor defines. */
export function isWholeNumberName(name: string): boolean {
  return (
    name === 'pods' ||
    name === 'persistentvolumeclaims' ||
    OF_SERVICES.has(name) ||
    COUNTED_BY_NAME.has(name) ||
    isExtended(name)
  )
}

/** Whether a quota for some pods only may limit the name. */
export function isLimitedByScope(scope: string, name: string): boolean {
  return name === 'pods' || (scope !== 'BestEffort' && CPU_AND_MEMORY.has(name))
}

/** A resource that a vendor defines, such as `example.com/gpu`; it is limited as `requests.example.com/gpu`. */
export function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.')
}

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}
