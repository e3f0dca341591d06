import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { isObject, messageOf, setOwn } from '../../../../base/index.ts'
import { formatTime, StatusError } from '../../../../kube/index.ts'
import { parseJsonText } from '../json-text.ts'
import { type Field, findMessage, type Message, messageOfKind } from './messages.ts'

/** What every protobuf body of Kubernetes begins with (apimachinery `pkg/runtime/serializer/protobuf`). */
const MAGIC = Buffer.from('k8s\0')
/** Deeper than any object of the API. */
const MAX_DEPTH = 64

type JsonObject = { [field: string]: unknown }

/**
 * The object of a body in Kubernetes' protobuf form, as its JSON form would have given it. A StatusError of reason BadRequest for what
 * cannot be read, and for kinds whose fields are not known. Fields that are not known are passed over, as protobuf has it.
 */
export function decodeProtobuf(body: Uint8Array): JsonObject {
  try {
    return decodeEnveloped(body, 0)
  } catch (error) {
    if (error instanceof StatusError) throw error
    // The reader's own errors: a length beyond the end, a varint without one, a wire type that does not exist.
    throw badBody(error instanceof Error ? error.message : 'it is cut off')
  }
}

/** `runtime.Unknown`: the kind, and the message as bytes. */
function decodeEnveloped(body: Uint8Array, depth: number): JsonObject {
  if (!MAGIC.equals(body.subarray(0, MAGIC.length))) throw badBody('it does not begin with the magic number')
  const reader = new BinaryReader(body.subarray(MAGIC.length))
  let type = { apiVersion: '', kind: '' }
  let raw: Uint8Array = new Uint8Array()
  let contentType = ''
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.LengthDelimited) type = readTypeMeta(reader.bytes())
    else if (number === 2 && wire === WireType.LengthDelimited) raw = reader.bytes()
    else if (number === 4 && wire === WireType.LengthDelimited) contentType = reader.string()
    else reader.skip(wire, number)
  }
  if (contentType === 'application/json') return { ...type, ...jsonObject(raw) }
  const message = messageOfKind(type.apiVersion, type.kind)
  if (message === undefined)
    throw badBody(
      `no kind ${JSON.stringify(type.kind)} of ${JSON.stringify(type.apiVersion)} is known in this form`,
    )
  return { ...type, ...decodeMessage(message, raw, depth + 1) }
}

function readTypeMeta(bytes: Uint8Array): { apiVersion: string; kind: string } {
  const reader = new BinaryReader(bytes)
  const type = { apiVersion: '', kind: '' }
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.LengthDelimited) type.apiVersion = reader.string()
    else if (number === 2 && wire === WireType.LengthDelimited) type.kind = reader.string()
    else reader.skip(wire, number)
  }
  return type
}

function decodeMessage(message: Message, bytes: Uint8Array, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw badBody(`it is nested more than ${MAX_DEPTH} times`)
  const reader = new BinaryReader(bytes)
  const object: JsonObject = {}
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    const field = message.get(number)
    if (field === undefined) reader.skip(wire, number)
    else readInto(object, field, reader, wire, depth)
  }
  return object
}

function readInto(
  object: JsonObject,
  field: Field,
  reader: BinaryReader,
  wire: WireType,
  depth: number,
): void {
  if (field.shape === 'map') {
    const [key, value] = readEntry(field, expectBytes(reader, wire), depth)
    const map = object[field.name]
    if (isObject(map)) setOwn(map, key, value)
    else {
      const first: JsonObject = {}
      setOwn(first, key, value)
      object[field.name] = first
    }
    return
  }
  if (field.shape === 'list') {
    object[field.name] ??= []
    const items = object[field.name] as unknown[]
    // Numbers may come packed, many in one field.
    const isPacked = wire === WireType.LengthDelimited && ['bool', 'double', 'int'].includes(field.type)
    if (!isPacked) items.push(readValue(field.type, reader, wire, depth))
    else {
      const packed = new BinaryReader(reader.bytes())
      const each = field.type === 'double' ? WireType.Bit64 : WireType.Varint
      while (packed.pos < packed.len) items.push(readValue(field.type, packed, each, depth))
    }
    return
  }
  const value = readValue(field.type, reader, wire, depth)
  if (field.name === '') {
    if (isObject(value)) Object.assign(object, value)
  } else if (value !== undefined && !(field.dropsZero && isZero(value))) {
    object[field.name] = value
  } else {
    // The last of several values counts.
    delete object[field.name]
  }
}

/** A map's entry: key and value as fields 1 and 2, either of which may be left out when it is zero. */
function readEntry({ type }: Field, bytes: Uint8Array, depth: number): readonly [string, unknown] {
  const reader = new BinaryReader(bytes)
  let key = ''
  let value: unknown
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.LengthDelimited) key = reader.string()
    else if (number === 2) value = readValue(type, reader, wire, depth)
    else reader.skip(wire, number)
  }
  return [key, value ?? readValue(type, new BinaryReader(new Uint8Array([0])), wireOf(type), depth)]
}

function wireOf(type: string): WireType {
  return type === 'bool' || type === 'int' ? WireType.Varint : WireType.LengthDelimited
}

function readValue(type: string, reader: BinaryReader, wire: WireType, depth: number): unknown {
  switch (type) {
    case 'bool':
      expect(wire, WireType.Varint)
      return reader.bool()
    case 'int':
      expect(wire, WireType.Varint)
      return readInteger(reader)
    case 'double':
      expect(wire, WireType.Bit64)
      return reader.double()
    case 'string':
      expect(wire, WireType.LengthDelimited)
      return reader.string()
    default:
      return readBytes(type, expectBytes(reader, wire), depth)
  }
}

/** The types whose value stands in bytes of its own. */
function readBytes(type: string, bytes: Uint8Array, depth: number): unknown {
  switch (type) {
    case 'bytes':
      return Buffer.from(bytes).toString('base64')
    case 'quantity':
      return textField(bytes)
    case 'texts':
      return decodeMessage(TEXTS, bytes, depth + 1).items ?? []
    case 'time':
      return readTime(bytes, false)
    case 'microtime':
      return readTime(bytes, true)
    case 'intorstring':
      return readIntOrString(bytes)
    case 'json':
      return jsonObject(onlyField(bytes))
    case 'raw':
      return readRaw(onlyField(bytes), depth)
    default: {
      const message = findMessage(type)
      if (message === undefined) throw badBody(`no message ${type} is known`)
      return decodeMessage(message, bytes, depth + 1)
    }
  }
}

/** A list that is the value of a map. */
const TEXTS: Message = new Map([[1, { name: 'items', type: 'string', shape: 'list', dropsZero: false }]])

/** Signed, 32 or 64 bits: both are written as varints of 64. */
function readInteger(reader: BinaryReader): number {
  const value = Number(reader.int64())
  if (!Number.isSafeInteger(value)) throw badBody('it holds a number that is too large')
  return value
}

/** Seconds and nanoseconds; the zero time is none. */
function readTime(bytes: Uint8Array, isMicro: boolean): string | undefined {
  const reader = new BinaryReader(bytes)
  let [seconds, nanos] = [0, 0]
  if (bytes.length === 0) return undefined
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.Varint) seconds = readInteger(reader)
    else if (number === 2 && wire === WireType.Varint) nanos = readInteger(reader)
    else reader.skip(wire, number)
  }
  const ms = seconds * 1000
  if (Number.isNaN(new Date(ms).getTime())) throw badBody('it holds a time that no calendar has')
  const text = formatTime(ms)
  const micros = Math.trunc(nanos / 1000)
  return isMicro ? text.replace(/Z$/, `.${String(micros).padStart(6, '0')}Z`) : text
}

function readIntOrString(bytes: Uint8Array): number | string {
  const reader = new BinaryReader(bytes)
  let [isText, int, text] = [false, 0, '']
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.Varint) isText = readInteger(reader) === 1
    else if (number === 2 && wire === WireType.Varint) int = readInteger(reader)
    else if (number === 3 && wire === WireType.LengthDelimited) text = reader.string()
    else reader.skip(wire, number)
  }
  return isText ? text : int
}

/** An object inside of another: in this form again, or as JSON. */
function readRaw(bytes: Uint8Array, depth: number): unknown {
  if (bytes.length === 0) return undefined
  return MAGIC.equals(bytes.subarray(0, MAGIC.length)) ? decodeEnveloped(bytes, depth + 1) : jsonObject(bytes)
}

/** The one field of a message that only wraps bytes. */
function onlyField(bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes)
  let found: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === WireType.LengthDelimited) found = reader.bytes()
    else reader.skip(wire, number)
  }
  return found
}

function textField(bytes: Uint8Array): string {
  return Buffer.from(onlyField(bytes)).toString('utf8')
}

function jsonObject(bytes: Uint8Array): JsonObject {
  if (bytes.length === 0) return {}
  let value: unknown
  try {
    // With the bounds of every body: what works on objects recursively relies on them.
    value = parseJsonText(Buffer.from(bytes).toString('utf8')).value
  } catch (error) {
    throw badBody(`it holds JSON that cannot be read: ${messageOf(error)}`)
  }
  if (!isObject(value)) throw badBody('it holds JSON that is no object')
  return value
}

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false
}

function expectBytes(reader: BinaryReader, wire: WireType): Uint8Array {
  expect(wire, WireType.LengthDelimited)
  return reader.bytes()
}

function expect(wire: WireType, wanted: WireType): void {
  if (wire !== wanted) throw badBody(`a field has wire type ${wire} instead of ${wanted}`)
}

function badBody(state: string): StatusError {
  return new StatusError('BadRequest', `the protobuf body of the request cannot be read: ${state}`)
}
