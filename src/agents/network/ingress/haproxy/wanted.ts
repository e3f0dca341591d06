import { createHash } from 'node:crypto'
import type { ProxyCertificate, ProxyModel } from '../model.ts'
import { baseConfig, type ProxyOptions, renderConfig } from './config.ts'
import { assignSlots, type ServerGroup } from './slots.ts'

/** A line of the list by which server names find their certificate. */
export interface CertificateLine {
  /** Relative to the proxy's folder. */
  readonly file: string
  readonly hosts: readonly string[]
}

/** The files that change while the proxy runs, by the same names on its command socket. */
export const Files = {
  config: 'haproxy.cfg',
  exact: 'exact.map',
  prefix: 'prefix.map',
  challenges: 'challenges.map',
  certificateList: 'certificates.list',
  defaultCertificate: 'default.pem',
  unavailable: '503.http',
  certificateFolder: 'certificates',
} as const

export const MAPS: readonly string[] = [Files.exact, Files.prefix, Files.challenges]

/** The state that the proxy is to be in. */
export interface WantedState {
  /** Stands for everything that only a reload can change, but the backends. */
  readonly base: string
  readonly groups: ReadonlyMap<string, ServerGroup>
  /** Text by name of the map. */
  readonly maps: ReadonlyMap<string, string>
  /** PEM by file. */
  readonly certificates: ReadonlyMap<string, string>
  readonly certificateLines: readonly CertificateLine[]
  readonly config: string
}

/** As many server names as fit one command. */
const HOSTS_PER_LINE = 40

/** The wanted state for a model, close to the servers that there are. Pure. */
export function wantedState(
  model: ProxyModel,
  options: ProxyOptions,
  current: ReadonlyMap<string, ServerGroup>,
): WantedState {
  const groups = new Map(
    model.backends.map(backend => [backend.name, assignSlots(backend, current.get(backend.name))]),
  )
  const base = digest(baseConfig('', options))
  const certificates = new Map(
    model.certificates.map(certificate => [certificateFile(certificate.secret), certificate.pem]),
  )
  return {
    base,
    groups,
    maps: mapsOf(model),
    certificates,
    certificateLines: model.certificates.flatMap(linesOf),
    config: renderConfig(base, options, groups),
  }
}

/** The part of a route's value that says what is done with a request, and the backend behind it. */
function mapsOf({ routes, challenges }: ProxyModel): ReadonlyMap<string, string> {
  const exact: string[] = []
  const prefix: string[] = []
  for (const { host, match, path, backend, redirect } of routes) {
    const value = `${redirect ? 'redirect' : 'serve'}|${backend ?? 'unavailable'}`
    if (match === 'exact') exact.push(`${host}${path} ${value}`)
    else prefix.push(`${host}${path}/ ${value}`)
  }
  const answers = challenges.map(([token, answer]) => `${token} ${answer}`)
  return new Map([
    [Files.exact, textOf(exact)],
    [Files.prefix, textOf(prefix)],
    [Files.challenges, textOf(answers)],
  ])
}

function textOf(lines: readonly string[]): string {
  return lines.map(line => `${line}\n`).join('')
}

/** Any name of a Secret is too long for a file's somewhere; and this one changes with nothing but the Secret's name. */
export function certificateFile(secret: string): string {
  return `${Files.certificateFolder}/${digest(secret)}.pem`
}

function linesOf(certificate: ProxyCertificate): readonly CertificateLine[] {
  const hosts = [...certificate.hosts].sort()
  const lines: CertificateLine[] = []
  for (let at = 0; at < hosts.length; at += HOSTS_PER_LINE)
    lines.push({ file: certificateFile(certificate.secret), hosts: hosts.slice(at, at + HOSTS_PER_LINE) })
  return lines
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
