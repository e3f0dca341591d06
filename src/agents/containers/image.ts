import { isObject } from '../../base/index.ts'
import type { Container, Secret } from '../../kube/index.ts'
import type { RegistryAuth } from '../runtime/index.ts'

/** `Always` for `:latest` or no tag, else `IfNotPresent` (core/v1 `types.go`). */
export function pullPolicy({ imagePullPolicy, image = '' }: Container): 'Always' | 'IfNotPresent' | 'Never' {
  if (imagePullPolicy !== undefined) return imagePullPolicy
  if (image.includes('@')) return 'IfNotPresent'
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/**
 * The registry that an image reference names; Docker Hub when it names none. As the engine tells (distribution `reference`): it sends there
 * what it is given, so that another answer would give one registry's password to another.
 */
export function registryOf(image: string): string {
  const first = image.split('/', 1)[0] ?? ''
  const isHost = image.includes('/') && (/[.:A-Z]/.test(first) || first === 'localhost')
  return isHost ? first : 'docker.io'
}

/** The credentials for an image in pull secrets of the two Docker types; undefined when none fits. A malformed secret fits nothing. */
export function registryAuth(image: string, secrets: readonly Secret[]): RegistryAuth | undefined {
  const wanted = registryOf(image)
  for (const { data = {} } of secrets) {
    const modern = parse(data['.dockerconfigjson'])
    const auths = isObject(modern) ? modern.auths : parse(data['.dockercfg'])
    if (!isObject(auths)) continue
    for (const [server, entry] of Object.entries(auths)) {
      if (hostOf(server) !== wanted || !isObject(entry)) continue
      const auth = readEntry(server, entry)
      if (auth !== undefined) return auth
    }
  }
  return undefined
}

function readEntry(server: string, entry: { readonly [key: string]: unknown }): RegistryAuth | undefined {
  const { username, password, auth } = entry
  if (typeof username === 'string' && typeof password === 'string') return { username, password, server }
  if (typeof auth !== 'string') return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1), server }
}

/** `https://index.docker.io/v1/` is how Docker's own tools write Docker Hub. */
function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/', 1)[0] ?? ''
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}

function parse(base64: string | undefined): unknown {
  if (base64 === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}
