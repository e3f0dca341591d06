/** A Go type as far as the table of fields needs it. */
export type GoType =
  | { readonly kind: 'list' | 'map' | 'pointer'; readonly of: GoType; readonly isNamed: boolean }
  | { readonly kind: 'scalar'; readonly scalar: 'bool' | 'byte' | 'double' | 'int' | 'string' }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'other' }

/** A field that has a protobuf tag. */
export interface GoField {
  readonly number: number
  /** Its name in JSON; empty for one whose fields stand in its place. */
  readonly json: string
  readonly omitsEmpty: boolean
  readonly type: GoType
}

/** Structs with protobuf tags by package and name: `k8s.io/api/core/v1.Pod`. */
export type GoStructs = ReadonlyMap<string, readonly GoField[]>

/** Sizes and places of Go's type descriptions (`internal/abi`, 64-bit, since Go 1.21). */
const TYPE_FLAGS = 20
const TYPE_KIND = 23
const TYPE_NAME = 40
const TYPE_END = 48
const STRUCT_FIELDS = 56
const STRUCT_END = 80
const FIELD_SIZE = 24
const HAS_UNCOMMON = 1
const IS_NAMED = 4
const KIND_MASK = 31

/** `reflect.Kind`. */
const Kind = {
  bool: 1,
  int: 2,
  int64: 6,
  uint8: 8,
  uint64: 11,
  float32: 13,
  float64: 14,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
}

interface Section {
  readonly address: number
  readonly bytes: Buffer
}

/** Finds every struct with protobuf tags in a Go program for 64-bit Linux. */
export function readGoStructs(program: Buffer): GoStructs {
  return new GoTypes(readOnlyData(program)).structs()
}

function readOnlyData(elf: Buffer): Section {
  const table = Number(elf.readBigUInt64LE(40))
  const [size, count, names] = [elf.readUInt16LE(58), elf.readUInt16LE(60), elf.readUInt16LE(62)]
  const at = (index: number, field: number): number =>
    Number(elf.readBigUInt64LE(table + index * size + field))
  for (let index = 0; index < count; index += 1) {
    const start = at(names, 24) + elf.readUInt32LE(table + index * size)
    if (elf.toString('latin1', start, elf.indexOf(0, start)) !== '.rodata') continue
    return { address: at(index, 16), bytes: elf.subarray(at(index, 24), at(index, 24) + at(index, 32)) }
  }
  throw new Error('Cannot read the program: it has no section .rodata')
}

class GoTypes {
  readonly #data: Section

  constructor(data: Section) {
    this.#data = data
  }

  structs(): GoStructs {
    const fields = this.#taggedFields()
    const found = new Map<string, readonly GoField[]>()
    // A struct's description holds the address of its fields and, twice, their number.
    for (let at = 0; at + FIELD_SIZE <= this.#data.bytes.length; at += 8) {
      const first = this.#word(at)
      const count = this.#word(at + 8)
      if (count === 0 || count > 500 || count !== this.#word(at + 16)) continue
      const places = Array.from({ length: count }, (_, index) => first + index * FIELD_SIZE)
      if (!places.some(place => fields.has(place))) continue
      const struct = at - STRUCT_FIELDS
      if (this.#kind(struct) !== Kind.struct || (this.#byte(struct + TYPE_FLAGS) & HAS_UNCOMMON) === 0)
        continue
      const name = this.#structName(struct)
      found.set(
        name,
        places.flatMap(place => fields.get(place) ?? []).map(read => read()),
      )
    }
    return found
  }

  /** What makes a field of the record at an address, for every record whose name has a protobuf tag. */
  #taggedFields(): ReadonlyMap<number, () => GoField> {
    const names = new Map<number, string>()
    const { bytes, address } = this.#data
    const marker = Buffer.from('json:"')
    for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at + 1)) {
      const name = this.#nameBeforeTag(at)
      if (name?.tag.includes('protobuf:"')) names.set(address + name.start, name.tag)
    }
    const fields = new Map<number, () => GoField>()
    for (let at = 0; at + FIELD_SIZE <= bytes.length; at += 8) {
      const tag = names.get(this.#word(at))
      if (tag !== undefined) fields.set(address + at, () => this.#field(tag, this.#word(at + 8) - address))
    }
    return fields
  }

  /** The name whose tag begins at a place: flags, length, name, length, tag. */
  #nameBeforeTag(at: number): { readonly start: number; readonly tag: string } | undefined {
    const { bytes } = this.#data
    const isLong = this.#byte(at - 1) < 0x80 && this.#byte(at - 2) >= 0x80
    const length = isLong ? (this.#byte(at - 2) & 0x7f) | (this.#byte(at - 1) << 7) : this.#byte(at - 1)
    const end = at - (isLong ? 2 : 1)
    for (let size = 1; size < 64; size += 1) {
      const text = bytes.toString('latin1', end - size, end)
      if (!/^\w+$/.test(text)) return undefined
      const flags = this.#byte(end - size - 2)
      if (this.#byte(end - size - 1) === size && (flags & ~0b1000) === 0b11)
        return { start: end - size - 2, tag: bytes.toString('latin1', at, at + length) }
    }
    return undefined
  }

  #field(tag: string, type: number): GoField {
    const [, json = ''] = /json:"([^"]*)"/.exec(tag) ?? []
    const [, number = ''] = /protobuf:"\w+,(\d+),/.exec(tag) ?? []
    const [name = '', ...options] = json.split(',')
    return {
      number: Number(number),
      json: options.includes('inline') ? '' : name,
      omitsEmpty: options.includes('omitempty'),
      type: this.#type(type),
    }
  }

  #type(at: number): GoType {
    const kind = this.#kind(at)
    const isNamed = (this.#byte(at + TYPE_FLAGS) & IS_NAMED) !== 0
    const elementAt = (offset: number): GoType => this.#type(this.#word(at + offset) - this.#data.address)
    if (kind === Kind.pointer) return { kind: 'pointer', of: elementAt(TYPE_END), isNamed }
    if (kind === Kind.slice) return { kind: 'list', of: elementAt(TYPE_END), isNamed }
    if (kind === Kind.map) return { kind: 'map', of: elementAt(TYPE_END + 8), isNamed }
    if (kind === Kind.struct) return { kind: 'struct', name: this.#structName(at) }
    if (kind === Kind.string) return { kind: 'scalar', scalar: 'string' }
    if (kind === Kind.bool) return { kind: 'scalar', scalar: 'bool' }
    if (kind === Kind.uint8) return { kind: 'scalar', scalar: 'byte' }
    if (kind >= Kind.int && kind <= Kind.uint64) return { kind: 'scalar', scalar: 'int' }
    if (kind === Kind.float32 || kind === Kind.float64) return { kind: 'scalar', scalar: 'double' }
    return { kind: 'other' }
  }

  /** `k8s.io/api/core/v1.Pod`. */
  #structName(at: number): string {
    // Names are counted from the beginning of the section.
    const path = this.#text(this.#int(at + STRUCT_END))
    const name = this.#text(this.#int(at + TYPE_NAME))
    return `${path}.${name.slice(name.lastIndexOf('.') + 1)}`
  }

  /** The text of a name: flags, length, text. */
  #text(at: number): string {
    const first = this.#byte(at + 1)
    const [length, start] =
      first < 0x80 ? [first, at + 2] : [(first & 0x7f) | (this.#byte(at + 2) << 7), at + 3]
    return this.#data.bytes.toString('utf8', start, start + length)
  }

  #kind(at: number): number {
    return at < 0 ? 0 : this.#byte(at + TYPE_KIND) & KIND_MASK
  }

  #byte(at: number): number {
    return this.#data.bytes[at] ?? 0
  }

  #int(at: number): number {
    return this.#data.bytes.readInt32LE(at)
  }

  /** A word as a number; addresses and lengths of a program are far below what a number holds exactly. */
  #word(at: number): number {
    const { bytes } = this.#data
    if (at < 0 || at + 8 > bytes.length) return 0
    return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
  }
}
