import { type FileHandle, realpath } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { BowlineError, withoutTrailing } from '../../base/index.ts'
import type { HostPathVolumeSource } from '../../kube/index.ts'
import { type FoundPath, openInside, partsOf } from './open-path.ts'

/** Linux' `PATH_MAX`: each part of a longer one would be looked for in vain. */
const MAX_PATH = 4096

/** Whoever reaches an engine's socket is root on the host, so that a folder above it never grants it. */
const ENGINE_SOCKET = /(^|\/)(docker|dockerd|containerd|podman|crio|cri-dockerd|buildkitd)\.sock$/
/** Where engines listen by custom. */
const USUAL_SOCKETS: readonly string[] = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/cri-dockerd.sock',
  '/run/buildkit/buildkitd.sock',
]

/** What a host lets its pods have of its files. */
export interface HostGrants {
  /** The words of its `--allow-host` flags. */
  readonly allowHost: readonly string[]
  /** What only its own name grants, and no folder above it: the engine's socket, the folders of the agent. As `findGuarded` gives it. */
  readonly guarded: readonly string[]
}

/** The real paths of what is to be guarded, and of the sockets of engines that are there. */
export async function findGuarded(paths: readonly string[]): Promise<readonly string[]> {
  const usual = await Promise.all(USUAL_SOCKETS.map(path => realpath(path).catch(() => undefined)))
  const own = await Promise.all(
    paths.map(async path => {
      const { real, missing } = await nearestRealPath(path)
      return join(real, ...missing)
    }),
  )
  return [...new Set([...own, ...usual.filter(path => path !== undefined)])]
}

/** What flags would have to name. */
export interface MissingGrant {
  readonly paths: readonly string[]
  /** The path that was asked for is named already, or lies in what is. */
  readonly isBesides: boolean
}

/**
 * What is missing so that a path may be mounted; undefined: nothing. It is, or is below, a path that the host names, and so is whatever
 * is guarded in it or above it, by its own name. Pure.
 */
export function missingGrant(path: string, { allowHost, guarded }: HostGrants): MissingGrant | undefined {
  const wanted = withoutSlash(normalize(path))
  const words = allowHost.filter(word => isAbsolute(word)).map(word => withoutSlash(normalize(word)))
  const isSocket = ENGINE_SOCKET.test(wanted) && !words.includes(wanted)
  if (isSocket || !words.some(word => isWithin(wanted, word))) return { paths: [path], isBesides: false }
  const paths = guarded.filter(place => {
    if (isWithin(place, wanted)) return !words.includes(place)
    // Within a guarded folder, a word must be from there, too.
    return isWithin(wanted, place) && !words.some(word => isWithin(word, place) && isWithin(wanted, word))
  })
  return paths.length === 0 ? undefined : { paths, isBesides: true }
}

/** As they are given to an agent. */
export function asFlags({ paths }: MissingGrant): string {
  return paths.map(path => `--allow-host ${path}`).join(' ')
}

/** Whether a path is another one, or below it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

/**
 * What a hostPath volume is: what its type asks for is checked (or made), links are followed, and what they lead to must be allowed
 * too. Throws `unauthorized` when it is not, `bad-config` when the path is not of the type.
 */
export async function openHostPath(
  { path, type = '' }: HostPathVolumeSource,
  grants: HostGrants,
): Promise<FoundPath> {
  if (path.length > MAX_PATH)
    throw new BowlineError('bad-config', `hostPath is longer than any path: ${path.length} characters`)
  const { real, missing } = await nearestRealPath(path)
  const wanted = join(real, ...missing)
  await requireAllowed(wanted, grants)
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

async function requireAllowed(path: string, { allowHost, guarded }: HostGrants): Promise<void> {
  // A flag may name a link itself, such as /var/run on hosts where it is /run.
  const resolved = await Promise.all(allowHost.map(word => realpath(word).catch(() => word)))
  const missing = missingGrant(path, { allowHost: [...allowHost, ...resolved], guarded })
  if (missing === undefined) return
  const why = missing.isBesides
    ? `which is not without ${missing.paths.join(' and ')}: that needs ${asFlags(missing)}, too`
    : 'which this host does not allow'
  throw new BowlineError('unauthorized', `hostPath leads to "${path}", ${why}`)
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
