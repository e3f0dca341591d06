import { StatusError, type StatusReason } from '../kube/index.ts'
import type { Tunnels } from './api/index.ts'
import type {
  FolderClaim,
  FolderContent,
  FolderDigest,
  HostFolder,
  HostSnapshot,
  VolumeHosts,
} from './controllers/index.ts'

/** What of an agent's words is read: a host with thousands of volumes says no more. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** The folders of volumes, asked of their hosts' agents through the tunnels that these keep open. */
export class TunnelVolumeHosts implements VolumeHosts {
  readonly #tunnels: Pick<Tunnels, 'request'>
  readonly #signal: AbortSignal

  /** Whatever is under way ends when `signal` aborts. */
  constructor(tunnels: Pick<Tunnels, 'request'>, signal: AbortSignal) {
    this.#tunnels = tunnels
    this.#signal = signal
  }

  async create(
    node: string,
    volume: string,
    claim: FolderClaim,
    { snapshot, bytes }: FolderContent,
  ): Promise<void> {
    await this.#order(node, `${part(volume)}/create`, { claim, snapshot, bytes })
  }

  async grow(node: string, volume: string, claimUid: string, bytes: number): Promise<void> {
    await this.#order(node, `${part(volume)}/grow`, { claimUid, bytes })
  }

  async retire(node: string, volume: string, claimUid: string): Promise<void> {
    await this.#order(node, `${part(volume)}/retire`, { claimUid })
  }

  async list(
    node: string,
  ): Promise<{ readonly folders: readonly HostFolder[]; readonly snapshots: readonly HostSnapshot[] }> {
    return (await this.#ask(node, { method: 'GET', path: '/volumes' })) as {
      readonly folders: readonly HostFolder[]
      readonly snapshots: readonly HostSnapshot[]
    }
  }

  async copy(from: string, to: string, volume: string, move: string): Promise<FolderDigest> {
    const archive = await this.#tunnels.request(from, {
      method: 'GET',
      path: `/volumes/${part(volume)}/archive`,
      signal: this.#signal,
    })
    if (archive.status !== 200) throw await refusalOf(from, archive.status, archive.body)
    const path = `/volumes/${part(volume)}/receive?move=${part(move)}`
    const received = await this.#ask(to, { method: 'POST', path, body: archive.body })
    const sent = await this.#order(from, `${part(volume)}/digest`)
    const [a, b] = [sent as FolderDigest, received as FolderDigest]
    if (a.digest === b.digest) return b
    throw new StatusError(
      'ServiceUnavailable',
      `Cannot copy volume ${volume} from ${from} to ${to}: the copy is not what was sent (${a.files} files of ${a.bytes} bytes were sent, ${b.files} of ${b.bytes} arrived)`,
    )
  }

  async adopt(node: string, volume: string, move: string): Promise<void> {
    await this.#order(node, `${part(volume)}/adopt?move=${part(move)}`)
  }

  async keep(node: string, volume: string, move: string): Promise<void> {
    await this.#order(node, `${part(volume)}/keep?move=${part(move)}`)
  }

  async forget(node: string, volume: string, move: string): Promise<void> {
    await this.#order(node, `${part(volume)}/forget?move=${part(move)}`)
  }

  async discard(node: string, volume: string, move: string): Promise<void> {
    await this.#order(node, `${part(volume)}/discard?move=${part(move)}`)
  }

  async snapshot(node: string, volume: string, id: string): Promise<HostSnapshot> {
    return (await this.#order(node, `${part(volume)}/snapshot?id=${part(id)}`)) as HostSnapshot
  }

  #order(node: string, path: string, order: object = {}): Promise<unknown> {
    return this.#ask(node, { method: 'POST', path: `/volumes/${path}`, body: bytesOf(JSON.stringify(order)) })
  }

  /** The result that the agent's last line holds. */
  async #ask(
    node: string,
    request: {
      readonly method: 'GET' | 'POST'
      readonly path: string
      readonly body?: AsyncIterable<Uint8Array>
    },
  ): Promise<unknown> {
    const { status, body } = await this.#tunnels.request(node, { ...request, signal: this.#signal })
    if (status !== 200) throw await refusalOf(node, status, body)
    const last = (await readText(body)).trimEnd().split('\n').at(-1) ?? ''
    const { result, error } = JSON.parse(last || '{}') as Partial<Line>
    if (error !== undefined) throw new StatusError(error.reason, `host ${node}: ${error.message}`)
    if (result !== undefined) return result
    throw new StatusError(
      'ServiceUnavailable',
      `Cannot hear the end from host ${node}: its agent stopped answering`,
    )
  }
}

interface Line {
  readonly result: unknown
  readonly error: { readonly reason: StatusReason; readonly message: string }
}

/** A name as a part of a path. Users choose some: what is none, as a path, would end the tunnel for everybody. */
function part(name: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return name
  const text = JSON.stringify(name.slice(0, 100))
  throw new StatusError('BadRequest', `Cannot use ${text} as the name of a volume's folder`)
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8')
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function refusalOf(
  node: string,
  status: number,
  body: AsyncIterable<Uint8Array>,
): Promise<StatusError> {
  const message = (await readText(body)).trim() || `it answered ${status}`
  return new StatusError(status === 404 ? 'NotFound' : 'ServiceUnavailable', `host ${node}: ${message}`)
}
