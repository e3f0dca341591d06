import { mkdir, open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, normalize } from 'node:path'
import { BowlineError, messageOf, withoutTrailing } from '../../base/index.ts'
import type { HostPathVolumeSource } from '../../kube/index.ts'

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
 * The real path of a hostPath volume: what its type asks for is checked (or made), links are followed, and what they lead to must
 * be allowed too. Throws `unauthorized` when it is not, `bad-config` when the path is not of the type.
 */
export async function openHostPath(
  { path, type = '' }: HostPathVolumeSource,
  allowHost: readonly string[],
): Promise<string> {
  if (path.length > MAX_PATH)
    throw new BowlineError('bad-config', `hostPath is longer than any path: ${path.length} characters`)
  // Before anything is made: a link on the way must not lead the agent to create folders elsewhere.
  await requireAllowed(await nearestRealPath(path), allowHost)
  try {
    if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 })
    if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close()
  } catch (error) {
    throw new BowlineError('bad-config', `hostPath type check failed: ${messageOf(error)}`, { cause: error })
  }
  const real = await realpath(path).catch(() => path)
  await requireAllowed(real, allowHost)
  await checkType(real, path, type)
  return real
}

async function requireAllowed(path: string, allowHost: readonly string[]): Promise<void> {
  // A flag may name a link itself, such as /var/run on hosts where it is /run.
  const resolved = await Promise.all(allowHost.map(word => realpath(word).catch(() => word)))
  if (isPathAllowed(path, allowHost) || isPathAllowed(path, resolved)) return
  throw new BowlineError('unauthorized', `hostPath leads to "${path}", which this host does not allow`)
}

/** Where `path` is, or would be made: the real path of its nearest existing ancestor, with the rest appended. */
async function nearestRealPath(path: string): Promise<string> {
  const parts = normalize(path).split('/').filter(Boolean)
  for (let kept = parts.length; kept >= 0; kept--) {
    const real = await realpath(`/${parts.slice(0, kept).join('/')}`).catch(() => undefined)
    if (real !== undefined) return [withoutSlash(real), ...parts.slice(kept)].join('/').replace(/^\/\//, '/')
  }
  return path
}

/** The texts are upstream's (`pkg/volume/hostpath`). */
async function checkType(real: string, path: string, type: string): Promise<void> {
  if (type === '') return
  const found = await stat(real).catch(() => undefined)
  const holds: Readonly<Record<string, boolean | undefined>> = {
    Directory: found?.isDirectory(),
    DirectoryOrCreate: found?.isDirectory(),
    File: found?.isFile(),
    FileOrCreate: found?.isFile(),
    Socket: found?.isSocket(),
    CharDevice: found?.isCharacterDevice(),
    BlockDevice: found?.isBlockDevice(),
  }
  if (!Object.hasOwn(holds, type)) throw new BowlineError('bad-config', `unknown hostPath type "${type}"`)
  if (!holds[type])
    throw new BowlineError('bad-config', `hostPath type check failed: ${path} is not a ${TYPE_NAMES[type]}`)
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
