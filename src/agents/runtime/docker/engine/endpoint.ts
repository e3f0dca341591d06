import { BowlineError } from '../../../../base/index.ts'

/** Where an engine listens, in the words of dockerode's options. */
export type Endpoint =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly protocol: 'http' }

/**
 * Reads a socket's path or what people put into DOCKER_HOST: `/run/docker.sock`, `unix:///run/docker.sock`,
 * `tcp://127.0.0.1:2375`. TLS and SSH endpoints are refused by name; an agent runs beside its engine.
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('/')) return { socketPath: text }
  if (text.startsWith('unix://') && text.length > 'unix://'.length)
    return { socketPath: text.slice('unix://'.length) }
  const tcp = /^(?:tcp|http):\/\/([^/:]+|\[[^\]]+\])(?::(\d+))?\/?$/.exec(text)
  if (tcp !== null) return { host: tcp[1] as string, port: Number(tcp[2] ?? 2375), protocol: 'http' }
  throw new BowlineError(
    'bad-config',
    `Cannot use the engine endpoint "${text}": it is neither the path of a socket nor unix:// nor tcp://`,
  )
}
