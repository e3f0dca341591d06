import type {
  Container,
  KeyToPath,
  ServiceAccountTokenProjection,
  Volume,
} from '../../kube/generated/types.ts'
import { configKeyProblems, dnsLabelProblems, parseQuantity, quantityProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from '../validation/problems.ts'
import { validateFieldPath, validateResourceField } from './validate-environment.ts'

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]
const DOWNWARD_FIELD_PATHS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]
const MIN_TOKEN_SECONDS = 600
const MAX_TOKEN_SECONDS = 2 ** 32
const BAD_MODE = 'must be a number between 0 and 0777 (octal), both inclusive'

/** The volumes of a pod; the answer is their names, which mounts refer to. */
export function validateVolumes(
  volumes: readonly Draft<Volume>[],
  path: string,
  problems: Problems,
): ReadonlySet<string> {
  const names = new Set<string>()
  volumes.forEach((volume, index) => {
    const at = `${path}[${index}]`
    const { name } = volume
    if (name === '') problems.required(`${at}.name`)
    else if (name !== undefined) {
      problems.invalidEach(`${at}.name`, name, dnsLabelProblems(name))
      if (names.has(name)) problems.duplicate(`${at}.name`, name)
      names.add(name)
    }
    validateSource(volume, at, problems)
  })
  return names
}

/** The mounts of a container: each of a volume of the pod, each at a path of its own. */
export function validateMounts(
  container: Draft<Container>,
  path: string,
  volumes: ReadonlySet<string>,
  problems: Problems,
): void {
  const paths = new Set<string>()
  container.volumeMounts?.forEach(({ name, mountPath, subPath, subPathExpr }, index) => {
    const at = `${path}.volumeMounts[${index}]`
    if (name === '') problems.required(`${at}.name`)
    else if (name !== undefined && !volumes.has(name)) problems.notFound(`${at}.name`, name)
    if (mountPath === '') problems.required(`${at}.mountPath`)
    else if (mountPath !== undefined) {
      if (paths.has(mountPath)) problems.invalid(`${at}.mountPath`, mountPath, 'must be unique')
      paths.add(mountPath)
    }
    if (subPath) validateInside(subPath, `${at}.subPath`, problems)
    if (subPathExpr) validateInside(subPathExpr, `${at}.subPathExpr`, problems)
    if (subPath && subPathExpr)
      problems.invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')
  })
}

function validateSource(volume: Draft<Volume>, path: string, problems: Problems): void {
  const sources = Object.keys(volume).filter(key => key !== 'name')
  if (sources.length === 0) problems.required(path, 'must specify a volume type')
  for (const source of sources.slice(1))
    problems.forbidden(`${path}.${source}`, 'may not specify more than 1 volume type')
  validateHostPath(volume, path, problems)
  validateEmptyDir(volume, path, problems)
  validateFiles(volume, path, problems)
  if (volume.persistentVolumeClaim !== undefined && !volume.persistentVolumeClaim.claimName)
    problems.required(`${path}.persistentVolumeClaim.claimName`)
  if (volume.ephemeral !== undefined && volume.ephemeral.volumeClaimTemplate === undefined)
    problems.required(`${path}.ephemeral.volumeClaimTemplate`)
}

function validateHostPath({ hostPath }: Draft<Volume>, path: string, problems: Problems): void {
  if (hostPath === undefined) return
  if (hostPath.path === '') problems.required(`${path}.hostPath.path`)
  else if (hostPath.path?.split('/').includes('..'))
    problems.invalid(`${path}.hostPath.path`, hostPath.path, "must not contain '..'")
  if (hostPath.type !== undefined && !HOST_PATH_TYPES.includes(hostPath.type))
    problems.notSupported(`${path}.hostPath.type`, hostPath.type, HOST_PATH_TYPES)
}

function validateEmptyDir({ emptyDir }: Draft<Volume>, path: string, problems: Problems): void {
  const size = emptyDir?.sizeLimit
  if (size === undefined || quantityProblem(size) !== undefined) return
  if (parseQuantity(size).nano < 0n)
    problems.forbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity')
}

/** ConfigMaps, Secrets, the pod's own fields, and all of them projected into one folder. */
function validateFiles(volume: Draft<Volume>, path: string, problems: Problems): void {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap !== undefined) {
    if (!configMap.name) problems.required(`${path}.configMap.name`)
    validateMode(configMap.defaultMode, `${path}.configMap.defaultMode`, problems)
    validateItems(configMap.items ?? [], `${path}.configMap.items`, problems)
  }
  if (secret !== undefined) {
    if (!secret.secretName) problems.required(`${path}.secret.secretName`)
    validateMode(secret.defaultMode, `${path}.secret.defaultMode`, problems)
    validateItems(secret.items ?? [], `${path}.secret.items`, problems)
  }
  if (downwardAPI !== undefined) {
    validateMode(downwardAPI.defaultMode, `${path}.downwardAPI.defaultMode`, problems)
    validateDownward(downwardAPI.items ?? [], `${path}.downwardAPI.items`, problems)
  }
  if (projected === undefined) return
  validateMode(projected.defaultMode, `${path}.projected.defaultMode`, problems)
  projected.sources?.forEach((source, index) => {
    const at = `${path}.projected.sources[${index}]`
    const kinds = Object.keys(source)
    if (kinds.length > 1) problems.forbidden(`${at}.${kinds[1]}`, 'may not specify more than 1 volume type')
    if (source.configMap !== undefined && !source.configMap.name) problems.required(`${at}.configMap.name`)
    if (source.secret !== undefined && !source.secret.name) problems.required(`${at}.secret.name`)
    validateItems(source.configMap?.items ?? [], `${at}.configMap.items`, problems)
    validateItems(source.secret?.items ?? [], `${at}.secret.items`, problems)
    validateDownward(source.downwardAPI?.items ?? [], `${at}.downwardAPI`, problems)
    validateToken(source.serviceAccountToken, `${at}.serviceAccountToken`, problems)
  })
}

function validateToken(
  token: Draft<ServiceAccountTokenProjection> | undefined,
  path: string,
  problems: Problems,
): void {
  if (token === undefined) return
  const { path: file, expirationSeconds: seconds = MIN_TOKEN_SECONDS } = token
  const at = `${path}.expirationSeconds`
  if (seconds < MIN_TOKEN_SECONDS)
    problems.invalid(at, seconds, 'may not specify a duration less than 10 minutes')
  if (seconds > MAX_TOKEN_SECONDS)
    problems.invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds')
  if (!file) problems.required(`${path}.path`)
  else validateInside(file, `${path}.path`, problems)
}

function validateItems(items: readonly Draft<KeyToPath>[], path: string, problems: Problems): void {
  items.forEach(({ key, path: file, mode }, index) => {
    const at = `${path}[${index}]`
    if (key === '') problems.required(`${at}.key`)
    else if (key !== undefined) problems.invalidEach(`${at}.key`, key, configKeyProblems(key))
    if (file === '') problems.required(`${at}.path`)
    else if (file !== undefined) validateInside(file, `${at}.path`, problems)
    validateMode(mode, `${at}.mode`, problems)
  })
}

type DownwardItems = NonNullable<Draft<NonNullable<Volume['downwardAPI']>>['items']>

function validateDownward(items: DownwardItems, path: string, problems: Problems): void {
  items.forEach(({ path: file, mode, fieldRef, resourceFieldRef }, index) => {
    const at = `${path}[${index}]`
    if (file === '') problems.required(`${at}.path`)
    else if (file !== undefined) validateInside(file, `${at}.path`, problems)
    validateMode(mode, `${at}.mode`, problems)
    if (fieldRef !== undefined && resourceFieldRef !== undefined)
      problems.invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')
    else if (fieldRef === undefined && resourceFieldRef === undefined)
      problems.required(at, 'one of fieldRef and resourceFieldRef is required')
    if (fieldRef?.fieldPath !== undefined)
      validateFieldPath(fieldRef.fieldPath, `${at}.fieldRef.fieldPath`, DOWNWARD_FIELD_PATHS, problems)
    if (resourceFieldRef?.resource !== undefined)
      validateResourceField(resourceFieldRef.resource, `${at}.resourceFieldRef.resource`, problems)
  })
}

function validateMode(mode: number | undefined, path: string, problems: Problems): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) problems.invalid(path, mode, BAD_MODE)
}

/** A path that cannot leave the volume. */
function validateInside(file: string, path: string, problems: Problems): void {
  if (file.startsWith('/')) problems.invalid(path, file, 'must be a relative path')
  if (file.split('/').includes('..')) problems.invalid(path, file, "must not contain '..'")
  else if (file.startsWith('..')) problems.invalid(path, file, "must not start with '..'")
}
