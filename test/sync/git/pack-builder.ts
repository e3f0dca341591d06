import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

/** The number by which a pack calls a type. */
const TYPES = { commit: 1, tree: 2, blob: 3, 'offset delta': 6, 'id delta': 7 } as const

/** An object of a pack as any server would send it. */
export function wholeEntry(type: 'blob' | 'commit' | 'tree', bytes: Buffer): Buffer {
  return Buffer.concat([packHead(type, bytes.length), deflateSync(bytes)])
}

/** A delta of what begins so many bytes before it. */
export function deltaEntry(back: number, delta: Buffer): Buffer {
  return Buffer.concat([packHead('offset delta', delta.length), packOffset(back), deflateSync(delta)])
}

/** A delta of the object of this id. */
export function idDeltaEntry(oid: string, delta: Buffer): Buffer {
  return Buffer.concat([packHead('id delta', delta.length), Buffer.from(oid, 'hex'), deflateSync(delta)])
}

/** A delta that says that it makes `madeBytes` of `baseBytes`, whatever its instructions make. */
export function deltaOf(baseBytes: number, madeBytes: number, instructions: Buffer): Buffer {
  return Buffer.concat([varint(baseBytes), varint(madeBytes), instructions])
}

/** The head of an object in a pack: its type, and the length of what is compressed. */
export function packHead(type: keyof typeof TYPES, size: number): Buffer {
  const bytes = [(TYPES[type] << 4) | (size % 16)]
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push((bytes.pop() as number) | 0x80)
    bytes.push(rest % 128)
  }
  return Buffer.from(bytes)
}

/** How far before a delta that begins which it is a delta of. */
function packOffset(back: number): Buffer {
  const bytes = [back % 128]
  for (let rest = Math.floor(back / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1
    bytes.unshift(0x80 | (rest % 128))
  }
  return Buffer.from(bytes)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(Math.floor(value / 128 ** bytes.length))
  return Buffer.from(bytes)
}

/** A delta's instructions that insert these bytes, 127 at once. */
export function insertions(bytes: Buffer): Buffer {
  return Buffer.concat(
    Array.from({ length: Math.ceil(bytes.length / 127) }, (_, index) => {
      const part = bytes.subarray(index * 127, (index + 1) * 127)
      return Buffer.concat([Buffer.from([part.length]), part])
    }),
  )
}

export function packOf(entries: readonly Buffer[], count: number = entries.length): Buffer {
  const head = Buffer.alloc(12)
  head.write('PACK')
  head.writeUInt32BE(2, 4)
  head.writeUInt32BE(count, 8)
  const body = Buffer.concat([head, ...entries])
  return Buffer.concat([body, createHash('sha1').update(body).digest()])
}
