import type { BackendProtocol } from '../model.ts'
import { DESCRIPTION } from './config.ts'
import type { ServerGroup, Slot } from './slots.ts'
import type { CertificateLine } from './wanted.ts'

/** The state that the proxy is in, as its command socket tells. */
export interface RunningState {
  readonly pid: number
  /** See `WantedState.base`; empty for a configuration that is not ours. */
  readonly base: string
  readonly groups: ReadonlyMap<string, ServerGroup>
  readonly certificateLines: readonly (CertificateLine & { readonly line: number })[]
  readonly certificateFiles: ReadonlySet<string>
}

/** Reads `show info`. */
export function parseInfo(text: string): Pick<RunningState, 'pid' | 'base'> {
  const description = /^description: (.*)$/m.exec(text)?.[1] ?? ''
  return {
    pid: Number(/^Pid: (\d+)$/m.exec(text)?.[1] ?? 0),
    base: description.startsWith(DESCRIPTION) ? description.slice(DESCRIPTION.length).trim() : '',
  }
}

/** Flags of a server; 0x04, that its configuration began with `disabled`, says nothing of now. */
const MAINTENANCE = 0x01 | 0x02 | 0x20 | 0x40
const DRAINING = 0x08 | 0x10

/** Reads `show servers state` (version 1): the 2nd, 4th, 5th, 7th and 19th columns. */
export function parseServers(text: string): ReadonlyMap<string, ServerGroup> {
  const groups = new Map<string, { protocol: BackendProtocol; slots: Slot[] }>()
  for (const line of text.split('\n')) {
    const fields = line.split(' ')
    const match = /^(http|h2c|https)-(\d+)$/.exec(fields[3] ?? '')
    const [, backend] = fields
    if (match === null || backend === undefined) continue
    const protocol = match[1] as BackendProtocol
    const group = groups.get(backend) ?? { protocol, slots: [] }
    const flags = Number(fields[6])
    group.slots[Number(match[2]) - 1] = {
      address: fields[4] ?? '',
      port: Number(fields[18]),
      state: (flags & MAINTENANCE) !== 0 ? 'free' : (flags & DRAINING) !== 0 ? 'draining' : 'ready',
    }
    groups.set(backend, group)
  }
  return groups
}

/** Reads `show ssl crt-list -n <list>`: `<file>:<line> <host>…`. */
export function parseCertificateLines(text: string): RunningState['certificateLines'] {
  return text.split('\n').flatMap(line => {
    const [entry = '', ...hosts] = line.trim().split(/\s+/)
    const match = /^([^#\s]+):(\d+)$/.exec(entry)
    return match === null ? [] : [{ file: match[1] ?? '', line: Number(match[2]), hosts }]
  })
}

/** Reads `show ssl cert`. */
export function parseCertificateFiles(text: string): ReadonlySet<string> {
  return new Set(
    text.split('\n').filter(line => line !== '' && !line.startsWith('#') && !line.startsWith('*')),
  )
}
