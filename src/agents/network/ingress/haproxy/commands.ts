import { serverName } from './config.ts'
import type { RunningState } from './running.ts'
import { differsInStructure, type ServerGroup, type Slot } from './slots.ts'
import { type CertificateLine, digest, MAPS, type WantedState } from './wanted.ts'

/** What is said to the proxy. */
export type Command =
  | { readonly type: 'say'; readonly line: string; readonly payload?: string }
  /** The whole map at once: no request sees a part of it. */
  | { readonly type: 'replace-map'; readonly name: string; readonly text: string }

/** What of maps and certificates the proxy holds, by name: digests, as far as they are known. */
export type KnownContents = ReadonlyMap<string, string>

/** True when only a new configuration makes the wanted state of the running one. A backend that nobody uses any more is no reason. */
export function needsReload(running: RunningState, wanted: WantedState): boolean {
  if (running.base !== wanted.base) return true
  for (const [name, group] of wanted.groups) {
    const current = running.groups.get(name)
    if (current === undefined || differsInStructure(current, group)) return true
  }
  return false
}

/**
 * What makes the wanted state of the running one, where no reload is needed. In this order nothing is missing at any time: servers, then
 * certificates, then the routes to them, and what goes last goes last. Empty when there is nothing to do.
 */
export function commandsBetween(
  running: RunningState,
  known: KnownContents,
  wanted: WantedState,
): readonly Command[] {
  return [
    ...serverCommands(running, wanted),
    ...certificateCommands(running, known, wanted),
    ...mapCommands(known, wanted),
    ...removalCommands(running, wanted),
  ]
}

function* serverCommands(running: RunningState, wanted: WantedState): Generator<Command> {
  // All that come before any that goes.
  for (const wave of ['ready', 'draining', 'free'] as const)
    for (const [backend, group] of wanted.groups)
      for (const [index, slot] of group.slots.entries())
        if (slot.state === wave) {
          const current = running.groups.get(backend)?.slots[index]
          yield* slotCommands(`${backend}/${serverName(group.protocol, index)}`, slot, current)
        }
  for (const [backend, group] of running.groups)
    if (!wanted.groups.has(backend)) yield* restCommands(backend, group)
}

/** Nobody routes there any more. */
function* restCommands(backend: string, { protocol, slots }: ServerGroup): Generator<Command> {
  for (const [index, slot] of slots.entries())
    yield* slotCommands(`${backend}/${serverName(protocol, index)}`, { ...slot, state: 'free' }, slot)
}

const STATE_WORDS: Readonly<Record<Slot['state'], string>> = {
  ready: 'ready',
  draining: 'drain',
  free: 'maint',
}

function* slotCommands(server: string, wanted: Slot, current: Slot | undefined): Generator<Command> {
  const moves =
    wanted.state !== 'free' && (current?.address !== wanted.address || current.port !== wanted.port)
  if (moves) yield say(`set server ${server} addr ${wanted.address} port ${wanted.port}`)
  if (current?.state !== wanted.state) yield say(`set server ${server} state ${STATE_WORDS[wanted.state]}`)
  // What was found of another pod at this place does not hold for the new one.
  if (moves || (current?.state === 'free' && wanted.state === 'ready'))
    yield say(`set server ${server} health up`)
}

function* certificateCommands(
  running: RunningState,
  known: KnownContents,
  wanted: WantedState,
): Generator<Command> {
  for (const [file, pem] of wanted.certificates) {
    const isNew = !running.certificateFiles.has(file)
    if (!isNew && known.get(file) === digest(pem)) continue
    if (isNew) yield say(`new ssl cert ${file}`)
    yield say(`set ssl cert ${file}`, pem)
    yield say(`commit ssl cert ${file}`)
  }
  const present = new Set(running.certificateLines.map(lineText))
  for (const line of wanted.certificateLines)
    if (!present.has(lineText(line))) yield say('add ssl crt-list certificates.list', `${lineText(line)}\n`)
}

function* mapCommands(known: KnownContents, wanted: WantedState): Generator<Command> {
  for (const name of MAPS) {
    const text = wanted.maps.get(name) ?? ''
    if (known.get(name) !== digest(text)) yield { type: 'replace-map', name, text }
  }
}

function* removalCommands(running: RunningState, wanted: WantedState): Generator<Command> {
  const lines = new Set(wanted.certificateLines.map(lineText))
  // From behind, so that no number changes under our hands.
  for (const entry of [...running.certificateLines].sort((a, b) => b.line - a.line))
    if (!lines.has(lineText(entry)))
      yield say(`del ssl crt-list certificates.list ${entry.file}:${entry.line}`)
  for (const file of running.certificateFiles)
    if (file.startsWith('certificates/') && !wanted.certificates.has(file)) yield say(`del ssl cert ${file}`)
}

export function lineText({ file, hosts }: CertificateLine): string {
  return `${file} ${hosts.join(' ')}`
}

function say(line: string, payload?: string): Command {
  return payload === undefined ? { type: 'say', line } : { type: 'say', line, payload }
}
