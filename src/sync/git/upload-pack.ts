import type { HttpClient } from 'isomorphic-git'
import { BowlineError } from '../../base/index.ts'

export interface PackRequest {
  readonly http: HttpClient
  readonly url: string
  /** The commit whose history is asked for. */
  readonly want: string
  /** A commit whose history is here already. */
  readonly have: string | undefined
}

/** An answer of another status than 200, as isomorphic-git throws it. */
class HttpError extends Error {
  readonly code = 'HttpError'
  readonly data: { readonly statusCode: number }

  constructor(statusCode: number) {
    super(`the server answers ${statusCode}`)
    this.data = { statusCode }
  }
}

/** What a line of the answer begins with: one of three channels, or `ERR`. */
const Channels = { pack: 1, failure: 3, error: 0x45 } as const

/** The bytes of the pack with which a server answers by Git's first protocol over HTTP. Every delta's base is in it, too. */
export async function* requestPack({ http, url, want, have }: PackRequest): AsyncGenerator<Buffer> {
  const haves = have === undefined ? '' : packetLine(`have ${have}\n`)
  const asked = `${packetLine(`want ${want} side-band-64k ofs-delta\n`)}0000${haves}${packetLine('done\n')}`
  const { statusCode, body } = await http.request({
    url: `${url}/git-upload-pack`,
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-git-upload-pack-request',
      Accept: 'application/x-git-upload-pack-result',
    },
    body: [Buffer.from(asked)] as unknown as AsyncIterableIterator<Uint8Array>,
  })
  if (statusCode !== 200) throw new HttpError(statusCode)
  for await (const line of readPacketLines(body ?? [])) {
    if (line[0] === Channels.pack) yield line.subarray(1)
    else if (line[0] === Channels.failure || line[0] === Channels.error) {
      const said = line.toString('utf8', line[0] === Channels.error ? 'ERR '.length : 1)
      throw new BowlineError('unavailable', `the server says: ${said.trim()}`, { retryable: true })
    }
  }
}

function packetLine(text: string): string {
  return `${(text.length + 4).toString(16).padStart(4, '0')}${text}`
}

/** Cuts an answer into its lines, of 65,520 bytes at most. Throws `corrupt` for what is none. */
async function* readPacketLines(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const digits = rest.toString('latin1', 0, 4)
      if (!/^[0-9a-f]{4}$/i.test(digits))
        throw new BowlineError('corrupt', 'the server does not speak as Git does')
      // A length below four is a mark, and has no content.
      const length = Math.max(4, Number.parseInt(digits, 16))
      if (rest.length < length) break
      yield rest.subarray(4, length)
      rest = rest.subarray(length)
    }
  }
  if (rest.length > 0) throw new BowlineError('unavailable', 'the answer is cut short', { retryable: true })
}
