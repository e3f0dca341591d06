import type { Clock } from '../base/index.ts'
import type { HttpsClient } from '../client/index.ts'
import type { HostSnapshot } from '../cluster/index.ts'
import { Kinds, type MoveState, moveStateOf } from '../kube/index.ts'
import type { LeftFolder, VolumeList, VolumeSummary } from '../volumes.ts'
import { EXIT } from './exit-code.ts'
import { printable } from './printable.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

const BASE = '/apis/bowline.dev/v1alpha1'
/** How often a move is looked at. */
const LOOK_MS = 500

/** Which claim a command is about. */
export interface ClaimName {
  readonly namespace: string
  readonly name: string
}

/** `shop/data` or, with the namespace of the flag, `data`. */
export function claimNameOf(text: string, namespace: string): ClaimName {
  const [first = '', second] = text.split('/', 2)
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second }
}

/** Every claim with its volume, and what lies on hosts besides. */
export async function listVolumes(
  client: HttpsClient,
  terminal: Terminal,
  { namespace, output }: { readonly namespace: string | undefined; readonly output: 'text' | 'json' },
): Promise<number> {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  const list = (await client.rawGet(`${BASE}${scope}/volumes`)) as VolumeList
  if (output === 'json') terminal.print(JSON.stringify(list, null, 2))
  else printList(printable(list), terminal)
  return EXIT.ok
}

function printList({ volumes, left, silent }: VolumeList, { print, note }: Terminal): void {
  if (volumes.length === 0) print('No claims yet')
  else
    for (const line of table(
      ['CLAIM', 'PHASE', 'HOST', 'SIZE', 'USED', 'POLICY', 'CLASS', 'PODS', 'VOLUME'],
      volumes.map(volume => [
        volume.claim === '' ? '-' : `${volume.namespace}/${volume.claim}`,
        volume.phase,
        volume.host || '-',
        volume.capacity || '-',
        volume.usedBytes === null ? '-' : sizeText(volume.usedBytes),
        volume.reclaimPolicy || '-',
        volume.storageClass || '-',
        volume.pods.join(',') || '-',
        volume.volume || '-',
      ]),
    ))
      print(line)
  for (const line of volumes.flatMap(moveLines)) print(line)
  if (left.length > 0) {
    print('')
    for (const line of table(['LEFT ON', 'VOLUME', 'OF CLAIM', 'USED', 'STATE'], left.map(leftRow)))
      print(line)
  }
  for (const host of silent) note(`${host} could not be asked what it has`)
}

function moveLines({ move, namespace, claim }: VolumeSummary): readonly string[] {
  if (move === null) return []
  const about = `${namespace}/${claim}`
  if (move.phase === 'Kept')
    return [
      `${about} moved to ${move.to}; its original is kept on ${move.from}: bowline volume confirm ${about}`,
    ]
  return [`${about}: ${moveText(move)}`]
}

function leftRow({ host, volume, claim, bytes, state }: LeftFolder): readonly string[] {
  const states = {
    kept: 'original of a move',
    trash: 'put aside, removed after a week',
    live: 'no volume names it',
  }
  return [host, volume, `${claim.namespace}/${claim.name}`, sizeText(bytes), states[state]]
}

/** Asks for a move and follows it to its end; with `confirm` the original goes too. 1 when it was refused. */
export async function moveVolume(
  client: HttpsClient,
  terminal: Terminal,
  {
    claim,
    to,
    confirm,
    clock,
    signal,
  }: {
    readonly claim: ClaimName
    readonly to: string
    readonly confirm: boolean
    readonly clock: Clock
    readonly signal: AbortSignal
  },
): Promise<number> {
  const before = await readMove(client, claim)
  await post(client, claim, 'move', { to })
  terminal.note('Ctrl-C ends only the watching; `bowline volume cancel` ends the move')
  let said = ''
  for (;;) {
    signal.throwIfAborted()
    const move = await readMove(client, claim)
    const isOld = move === undefined || (move.id === before?.id && move.message === before?.message)
    const text = isOld ? '' : moveText(printable(move))
    if (text !== '' && text !== said) terminal.print(text)
    said = text || said
    if (!isOld && (move.phase === 'Refused' || (move.phase === 'Kept' && move.message !== undefined)))
      return EXIT.failed
    if (!isOld && move.phase === 'Kept') break
    if (move === undefined && said !== '') {
      terminal.print('the move was cancelled')
      return EXIT.failed
    }
    await clock.sleep(LOOK_MS, signal)
  }
  if (confirm) return confirmMove(client, terminal, claim)
  terminal.print(`when all is well: bowline volume confirm ${claim.namespace}/${claim.name}`)
  return EXIT.ok
}

export async function confirmMove(
  client: HttpsClient,
  terminal: Terminal,
  claim: ClaimName,
): Promise<number> {
  await post(client, claim, 'confirm', {})
  terminal.print('the original is put aside, and removed after a week')
  return EXIT.ok
}

export async function cancelMove(client: HttpsClient, terminal: Terminal, claim: ClaimName): Promise<number> {
  await post(client, claim, 'cancel', {})
  terminal.print('a move that has not bound its copy yet ends, and the pods start where they were')
  return EXIT.ok
}

interface Taken {
  readonly id: string
  readonly snapshot: HostSnapshot | null
}

export async function takeSnapshot(
  client: HttpsClient,
  terminal: Terminal,
  claim: ClaimName,
): Promise<number> {
  let body: { readonly id?: string } = {}
  let snapshot: HostSnapshot | null = null
  // A large one takes longer than a request may: the server says which one to ask for again.
  while (snapshot === null) {
    const answer = (await post(client, claim, 'snapshot', body)) as Taken
    body = { id: answer.id }
    snapshot = printable(answer.snapshot)
  }
  terminal.print(`${snapshot.id}  ${snapshot.files} files, ${sizeText(snapshot.bytes)}`)
  return EXIT.ok
}

export async function listSnapshots(
  client: HttpsClient,
  terminal: Terminal,
  claim: ClaimName,
): Promise<number> {
  const { snapshots } = (await client.rawGet(`${pathOf(claim)}/snapshots`)) as {
    readonly snapshots: readonly HostSnapshot[]
  }
  const rows = printable(snapshots).map(({ id, files, bytes, digest }) => [
    id,
    String(files),
    sizeText(bytes),
    digest.slice(0, 12),
  ])
  for (const line of table(['SNAPSHOT', 'FILES', 'SIZE', 'SHA256'], rows)) terminal.print(line)
  return EXIT.ok
}

export async function restoreSnapshot(
  client: HttpsClient,
  terminal: Terminal,
  { claim, snapshot, as }: { readonly claim: ClaimName; readonly snapshot: string; readonly as: string },
): Promise<number> {
  const { host } = (await post(client, claim, 'restore', { snapshot, as })) as { readonly host: string }
  terminal.print(
    printable(`claim ${claim.namespace}/${as} begins with ${snapshot} when its first pod starts, on ${host}`),
  )
  return EXIT.ok
}

async function readMove(client: HttpsClient, { namespace, name }: ClaimName): Promise<MoveState | undefined> {
  return moveStateOf(await client.get(Kinds.PersistentVolumeClaim, name, { namespace }))
}

function moveText({ phase, from, to, message, files, bytes }: MoveState): string {
  const suffix = message === undefined ? '' : `: ${message}`
  switch (phase) {
    case 'Refused':
      return `cannot move${suffix}`
    case 'Stopping':
      return `stops its pods${suffix}`
    case 'Copying':
      return `copies from ${from} to ${to}${suffix}`
    case 'Rebinding':
      return `binds the copy of ${files ?? 0} files, ${sizeText(bytes ?? 0)}${suffix}`
    case 'Keeping':
      return `starts its pods on ${to}; sets the original on ${from} aside${suffix}`
    case 'Kept':
      return `moved to ${to}; the original is kept on ${from}${suffix}`
  }
}

function post(client: HttpsClient, claim: ClaimName, action: string, body: object): Promise<unknown> {
  return client.raw('POST', `${pathOf(claim)}/${action}`, { body })
}

function pathOf({ namespace, name }: ClaimName): string {
  return `${BASE}/namespaces/${encodeURIComponent(namespace)}/volumes/${encodeURIComponent(name)}`
}

function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
