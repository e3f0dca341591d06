import { BowlineError, isObject, withoutTrailing } from '../base/index.ts'
import { parseYamlValue } from '../kube/index.ts'
import type { Credentials } from './transport.ts'

/** What a kubeconfig says of the server to talk to: the part of the client's options that it decides. */
export interface KubeconfigConnection {
  readonly server: string
  /** PEM; absent: the authorities of the system. */
  readonly ca?: string
  readonly credentials: Credentials
  /** The default namespace of the context. */
  readonly namespace: string
}

/** {@link readKubeconfig} of a file's text; `bad-input` for text that is no YAML. */
export function loadKubeconfig(text: string, contextName?: string): KubeconfigConnection {
  return readKubeconfig(parseYamlValue(text), contextName)
}

/**
 * Reads a parsed kubeconfig (`kind: Config`, YAML or JSON alike) by its current context, or by the one named.
 * Pure: certificates and keys must be embedded (`…-data`), which is how Bowline writes them; what would need a file or a
 * command is refused with `bad-config`. No message repeats a key or token.
 */
export function readKubeconfig(config: unknown, contextName?: string): KubeconfigConnection {
  if (!isObject(config)) throw problem('it holds no mapping')
  const wanted = contextName ?? config['current-context']
  if (typeof wanted !== 'string' || wanted === '') throw problem('it names no current-context')
  const context = entryOf(config, 'contexts', 'context', wanted)
  const cluster = entryOf(config, 'clusters', 'cluster', textOf(context, 'cluster') ?? '')
  const user = entryOf(config, 'users', 'user', textOf(context, 'user') ?? '')

  const server = textOf(cluster, 'server')
  if (server === undefined) throw problem('its cluster names no server')
  if (cluster['insecure-skip-tls-verify'] === true)
    throw problem('its cluster asks to skip the check of the server, which Bowline never does')
  const ca = embedded(cluster, 'certificate-authority')
  return {
    server: withoutTrailing(server, '/'),
    ...(ca === undefined ? {} : { ca }),
    credentials: credentialsOf(user),
    namespace: textOf(context, 'namespace') ?? 'default',
  }
}

function credentialsOf(user: Entry): Credentials {
  const certificate = embedded(user, 'client-certificate')
  const key = embedded(user, 'client-key')
  if (certificate !== undefined && key !== undefined) return { certificate, key }
  const token = textOf(user, 'token')
  if (token !== undefined) return { token }
  throw problem('its user has neither a client certificate with its key nor a token')
}

type Entry = { readonly [key: string]: unknown }

/** kubeconfig keeps its maps as lists of `{ name, <field>: … }`. */
function entryOf(config: Entry, list: string, field: string, name: string): Entry {
  const entries = Array.isArray(config[list]) ? config[list] : []
  const found: unknown = entries.find(entry => isObject(entry) && entry.name === name)
  const value = isObject(found) ? found[field] : undefined
  if (!isObject(value)) throw problem(`it has no ${field} named "${name}"`)
  return value
}

function textOf(entry: Entry, key: string): string | undefined {
  const value = entry[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The PEM text under `<key>-data`, which is base64. */
function embedded(entry: Entry, key: string): string | undefined {
  const data = textOf(entry, `${key}-data`)
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
  if (textOf(entry, key) !== undefined)
    throw problem(`it names a file for ${key}; embed it as ${key}-data (kubectl config view --flatten does)`)
  return undefined
}

function problem(state: string): BowlineError {
  return new BowlineError('bad-config', `Cannot use the kubeconfig: ${state}`)
}
