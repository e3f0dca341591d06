import { BowlineError } from '../../base/index.ts'
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  ObjectFieldSelector,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceFieldSelector,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from '../../kube/index.ts'

/** Where volumes and their files come from: objects of the pod's namespace, volumes of the cluster, and the pod itself. */
export interface PayloadSources {
  configMap(name: string): Promise<ConfigMap | undefined>
  secret(name: string): Promise<Secret | undefined>
  claim(name: string): Promise<PersistentVolumeClaim | undefined>
  persistentVolume(name: string): Promise<PersistentVolume | undefined>
  /** A token of the pod's ServiceAccount, bound to the pod. */
  token(projection: ServiceAccountTokenProjection): Promise<string>
  field(selector: ObjectFieldSelector): string
  resource(selector: ResourceFieldSelector): string
}

interface PayloadFile {
  readonly bytes: Buffer
  readonly mode: number
}

/** The files of one volume, by relative path. */
export type Payload = ReadonlyMap<string, PayloadFile>

const DEFAULT_MODE = 0o644

/**
 * The files that a configMap, secret, downwardAPI or projected volume holds now; undefined for other volumes. Throws `bad-config`
 * in upstream's words for an object or key that is missing and not optional, and for a path that would leave the volume.
 */
export async function assemblePayload(volume: Volume, sources: PayloadSources): Promise<Payload | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume
  const files = new Map<string, PayloadFile>()
  if (configMap !== undefined) {
    const { name = '', items, optional, defaultMode = DEFAULT_MODE } = configMap
    await addConfigMap(files, { name, items, optional, mode: defaultMode }, sources)
  } else if (secret !== undefined) {
    const { secretName: name = '', items, optional, defaultMode = DEFAULT_MODE } = secret
    await addSecret(files, { name, items, optional, mode: defaultMode }, sources)
  } else if (downwardAPI !== undefined) {
    addFields(files, downwardAPI.items ?? [], downwardAPI.defaultMode ?? DEFAULT_MODE, sources)
  } else if (projected !== undefined) {
    const mode = projected.defaultMode ?? DEFAULT_MODE
    for (const part of projected.sources ?? []) {
      const { configMap: map, secret: hidden, downwardAPI: fields, serviceAccountToken: token } = part
      if (map !== undefined) await addConfigMap(files, { ...map, name: map.name ?? '', mode }, sources)
      if (hidden !== undefined) await addSecret(files, { ...hidden, name: hidden.name ?? '', mode }, sources)
      if (fields !== undefined) addFields(files, fields.items ?? [], mode, sources)
      if (token !== undefined)
        files.set(checkedPath(token.path), { bytes: Buffer.from(await sources.token(token)), mode })
    }
  } else return undefined
  return files
}

interface Selection {
  readonly name: string
  readonly items?: readonly KeyToPath[] | undefined
  readonly optional?: boolean | undefined
  readonly mode: number
}

async function addConfigMap(
  files: Map<string, PayloadFile>,
  selection: Selection,
  sources: PayloadSources,
): Promise<void> {
  const object = await sources.configMap(selection.name)
  if (object === undefined && !selection.optional)
    throw new BowlineError('bad-config', `configmap "${selection.name}" not found`)
  const data = new Map<string, Buffer>()
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text, 'utf8'))
  for (const [key, text] of Object.entries(object?.binaryData ?? {}))
    data.set(key, Buffer.from(text, 'base64'))
  addKeys(files, data, selection, 'configmap')
}

async function addSecret(
  files: Map<string, PayloadFile>,
  selection: Selection,
  sources: PayloadSources,
): Promise<void> {
  const object = await sources.secret(selection.name)
  if (object === undefined && !selection.optional)
    throw new BowlineError('bad-config', `secret "${selection.name}" not found`)
  const data = new Map<string, Buffer>()
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text, 'base64'))
  addKeys(files, data, selection, 'secret')
}

function addKeys(
  files: Map<string, PayloadFile>,
  data: ReadonlyMap<string, Buffer>,
  { items, optional, mode }: Selection,
  kind: 'configmap' | 'secret',
): void {
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of data) files.set(checkedPath(key), { bytes, mode })
    return
  }
  for (const item of items) {
    const bytes = data.get(item.key)
    if (bytes !== undefined) files.set(checkedPath(item.path), { bytes, mode: item.mode ?? mode })
    else if (!optional)
      throw new BowlineError(
        'bad-config',
        `${kind} references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${item.key}`,
      )
  }
}

function addFields(
  files: Map<string, PayloadFile>,
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  sources: PayloadSources,
): void {
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    const text =
      fieldRef !== undefined
        ? sources.field(fieldRef)
        : resourceFieldRef !== undefined
          ? sources.resource(resourceFieldRef)
          : ''
    files.set(checkedPath(path), { bytes: Buffer.from(text, 'utf8'), mode: own ?? mode })
  }
}

/** A path from a manifest, which the server has checked too: this is where it would do harm. */
function checkedPath(path: string): string {
  const parts = path.split('/')
  const safe = parts.every(part => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
  // Two dots at the start are the volume's own bookkeeping.
  if (safe && !path.startsWith('..')) return path
  throw new BowlineError('bad-config', `invalid path "${path}": must be relative and not contain ".."`)
}
