import { type FileHandle, realpath } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { BowlineError, withoutTrailing } from '../../base/index.ts'
import type { HostPathVolumeSource } from '../../kube/index.ts'
import { type FoundPath, openInside, partsOf } from './open-path.ts'

/** Linux' `PATH_MAX`: each part of a longer one would be looked for in vain. */
const MAX_PATH = 4096

/** Whoever reaches an engine's socket is root on the host, so that a folder which holds one never grants it. */
const ENGINE_SOCKET = /(^|\/)(docker|dockerd|containerd|podman|crio|cri-dockerd|buildkitd)\.sock$/

/** Whether a host path may be mounted: it is, or is below, a path that the host names; an engine's socket only by its own name. */
export function isPathAllowed(path: string, allowHost: readonly string[]): boolean {
  const wanted = withoutSlash(normalize(path))
  return allowHost
    .filter(word => isAbsolute(word))
    .map(word => withoutSlash(normalize(word)))
    .some(allowed => {
      if (wanted === allowed) return true
      return !ENGINE_SOCKET.test(wanted) && wanted.startsWith(allowed === '/' ? '/' : `${allowed}/`)
    })
}

/**
 * What a hostPath volume is: what its type asks for is checked (or made), links are followed, and what they lead to must be allowed
 * too. Throws `unauthorized` when it is not, `bad-config` when the path is not of the type.
 */
export async function openHostPath(
  { path, type = '' }: HostPathVolumeSource,
  allowHost: readonly string[],
): Promise<FoundPath> {
  if (path.length > MAX_PATH)
    throw new BowlineError('bad-config', `hostPath is longer than any path: ${path.length} characters`)
  const { real, missing } = await nearestRealPath(path)
  const wanted = join(real, ...missing)
  await requireAllowed(wanted, allowHost)
  const make = makes(type, missing)
  if (missing.length > 0 && make === undefined) throw wrongType(path, type)
  const handle = await openInside('/', partsOf(wanted), make)
  try {
    await checkType(handle, path, type)
    return { path: wanted, handle }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What has to be made of what is missing; undefined: nothing. */
function makes(type: string, missing: readonly string[]): 'folders' | 'file' | undefined {
  if (type === 'DirectoryOrCreate' && missing.length > 0) return 'folders'
  return type === 'FileOrCreate' && missing.length === 1 ? 'file' : undefined
}

async function requireAllowed(path: string, allowHost: readonly string[]): Promise<void> {
  // A flag may name a link itself, such as /var/run on hosts where it is /run.
  const resolved = await Promise.all(allowHost.map(word => realpath(word).catch(() => word)))
  if (isPathAllowed(path, allowHost) || isPathAllowed(path, resolved)) return
  throw new BowlineError('unauthorized', `hostPath leads to "${path}", which this host does not allow`)
}

/** The real path of the nearest ancestor that exists, and what of `path` is missing in it. */
async function nearestRealPath(
  path: string,
): Promise<{ readonly real: string; readonly missing: readonly string[] }> {
  const parts = partsOf(normalize(path))
  for (let kept = parts.length; kept > 0; kept--) {
    const real = await realpath(`/${parts.slice(0, kept).join('/')}`).catch(() => undefined)
    if (real !== undefined) return { real, missing: parts.slice(kept) }
  }
  return { real: '/', missing: parts }
}

/** The texts are upstream's (`pkg/volume/hostpath`). */
async function checkType(handle: FileHandle, path: string, type: string): Promise<void> {
  if (type === '') return
  const found = await handle.stat()
  const holds: Readonly<Record<string, boolean>> = {
    Directory: found.isDirectory(),
    DirectoryOrCreate: found.isDirectory(),
    File: found.isFile(),
    FileOrCreate: found.isFile(),
    Socket: found.isSocket(),
    CharDevice: found.isCharacterDevice(),
    BlockDevice: found.isBlockDevice(),
  }
  if (!Object.hasOwn(holds, type)) throw new BowlineError('bad-config', `unknown hostPath type "${type}"`)
  if (!holds[type]) throw wrongType(path, type)
}

function wrongType(path: string, type: string): BowlineError {
  const why = type === '' ? `${path} does not exist` : `${path} is not a ${TYPE_NAMES[type] ?? type}`
  return new BowlineError('bad-config', `hostPath type check failed: ${why}`)
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  Directory: 'directory',
  DirectoryOrCreate: 'directory',
  File: 'file',
  FileOrCreate: 'file',
  Socket: 'socket file',
  CharDevice: 'character device',
  BlockDevice: 'block device',
}

function withoutSlash(path: string): string {
  return path.length > 1 ? withoutTrailing(path, '/') : path
}
