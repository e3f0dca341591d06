import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { isObject } from '../../../../base/index.ts'
import { type OpenApiField, openApiMessages } from './openapi-table.ts'

/**
 * A document of OpenAPI v2 in the protobuf form that kubectl reads. Properties for which the message has no field are left out, and so is a
 * zero where proto3 cannot tell it from none.
 */
export function encodeOpenApiV2(document: object): Uint8Array {
  const writer = new BinaryWriter()
  writeMessage(writer, 'Document', document)
  return writer.finish()
}

function writeMessage(writer: BinaryWriter, message: string, json: unknown): void {
  const fields = openApiMessages.get(message)
  if (fields === undefined)
    throw new RangeError(`Cannot encode an OpenAPI document: no message ${message} is known`)
  for (const field of fields) {
    const held = heldBy(field, json)
    if (held === undefined || (held === null && field.type !== 'yaml')) continue
    if (field.shape === 'pairs')
      for (const [name, value] of Object.entries(held as object)) writePair(writer, field, name, value)
    else if (field.shape === 'list') for (const item of [held].flat()) writeValue(writer, field, item)
    else if (!isDroppedZero(field, held)) writeValue(writer, field, held)
  }
}

/** The part of the JSON value that a field holds; undefined when it holds none. */
function heldBy({ name, type, shape }: OpenApiField, json: unknown): unknown {
  if (name === '') {
    if (type === 'yaml' || shape !== 'single') return json
    return (type === 'bool') === (typeof json === 'boolean') ? json : undefined
  }
  if (!isObject(json)) return undefined
  if (name.endsWith('-'))
    return Object.fromEntries(Object.entries(json).filter(([key]) => key.startsWith(name)))
  const [key = '', wanted] = name.split('=')
  if (wanted !== undefined) return json[key] === wanted ? json : undefined
  return Object.hasOwn(json, key) ? json[key] : undefined
}

function writePair(writer: BinaryWriter, field: OpenApiField, name: string, value: unknown): void {
  writer.tag(field.number, WireType.LengthDelimited).fork()
  if (name !== '') writer.tag(1, WireType.LengthDelimited).string(name)
  writeValue(writer, { ...field, number: 2 }, value)
  writer.join()
}

function writeValue(writer: BinaryWriter, { number, type }: OpenApiField, value: unknown): void {
  switch (type) {
    case 'string':
      writer.tag(number, WireType.LengthDelimited).string(String(value))
      return
    // JSON is YAML, and every reader of YAML reads it.
    case 'yaml':
      writer.tag(number, WireType.LengthDelimited).string(JSON.stringify(value))
      return
    case 'bool':
      writer.tag(number, WireType.Varint).bool(value === true)
      return
    case 'int':
      writer.tag(number, WireType.Varint).int64(BigInt(Math.trunc(Number(value))))
      return
    case 'double':
      writer.tag(number, WireType.Bit64).double(Number(value))
      return
    default:
      writer.tag(number, WireType.LengthDelimited).fork()
      writeMessage(writer, type, value)
      writer.join()
  }
}

/** A scalar's zero is not written, unless the field is one of several: then it says which. */
function isDroppedZero({ name, type }: OpenApiField, value: unknown): boolean {
  const isScalar = !openApiMessages.has(type)
  return name !== '' && isScalar && (value === '' || value === 0 || value === false)
}
