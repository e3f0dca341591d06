/** One entry of an archive. Directories end in `/` and have no content. */
export interface TarEntry {
  readonly path: string
  readonly content?: Uint8Array
  /** Default 0755. */
  readonly mode?: number
  /** Makes a symbolic link to this path instead. */
  readonly linkTo?: string
}

/**
 * A POSIX (ustar) archive. Equal entries give equal bytes: everything belongs to root and is as old as the epoch.
 * Paths are at most 100 bytes, enough for the images made here; a longer one is a RangeError.
 */
export function packTar(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = []
  for (const entry of entries) {
    const content = entry.content ?? new Uint8Array()
    blocks.push(headerOf(entry, content.length), Buffer.from(content))
    blocks.push(Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK))
  }
  blocks.push(Buffer.alloc(2 * BLOCK))
  return Buffer.concat(blocks)
}

const BLOCK = 512

function headerOf(entry: TarEntry, size: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  writeText(header, entry.path, 0, 100)
  writeOctal(header, entry.mode ?? 0o755, 100, 8)
  writeOctal(header, 0, 108, 8)
  writeOctal(header, 0, 116, 8)
  writeOctal(header, size, 124, 12)
  writeOctal(header, 0, 136, 12)
  header.write(typeOf(entry), 156, 'latin1')
  if (entry.linkTo !== undefined) writeText(header, entry.linkTo, 157, 100)
  header.write('ustar\x0000', 257, 'latin1')
  // The checksum counts its own field as spaces.
  header.fill(' ', 148, 156)
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function typeOf(entry: TarEntry): string {
  if (entry.linkTo !== undefined) return '2'
  return entry.path.endsWith('/') ? '5' : '0'
}

function writeText(header: Buffer, text: string, offset: number, length: number): void {
  if (Buffer.byteLength(text) > length) throw new RangeError(`a path of an archive is too long: "${text}"`)
  header.write(text, offset, 'utf8')
}

function writeOctal(header: Buffer, value: number, offset: number, length: number): void {
  header.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1')
}
