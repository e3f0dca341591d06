import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { encodeOpenApiV2 } from '../../../../../src/cluster/api/http/protobuf/encode-openapi.ts'
import { openApiMessages } from '../../../../../src/cluster/api/http/protobuf/openapi-table.ts'
import { wholeOpenApiV2 } from '../../../../kinds/openapi/whole-openapi.ts'

type Json = { [name: string]: unknown }

/** The JSON form of a message, by the same table that the encoder goes by. */
function decode(message: string, bytes: Uint8Array): unknown {
  const fields = openApiMessages.get(message) ?? []
  const reader = new BinaryReader(bytes)
  const object: Json = {}
  let whole: unknown
  while (reader.pos < reader.len) {
    const [number] = reader.tag()
    const field = fields.find(each => each.number === number)
    if (field === undefined) throw new Error(`${message} has a field ${number} that the table lacks`)
    if (field.shape === 'pairs') {
      const [name, value] = decodePair(field.type, reader.bytes())
      if (field.name === '') whole ??= {}
      Object.assign(field.name === '' ? (whole as Json) : object, { [name]: value })
      continue
    }
    const value = decodeValue(field.type, reader)
    if (field.name === '' && field.shape === 'list')
      whole = whole === undefined ? value : [whole, value].flat()
    else if (field.name === '' || field.name.includes('=')) whole = value
    else if (field.shape === 'list')
      object[field.name] = [...((object[field.name] as unknown[]) ?? []), value]
    else object[field.name] = value
  }
  // A message of a map without entries is the empty map.
  return whole === undefined ? object : whole
}

function decodePair(type: string, bytes: Uint8Array): [string, unknown] {
  const reader = new BinaryReader(bytes)
  let name = ''
  let value: unknown
  while (reader.pos < reader.len) {
    const [number] = reader.tag()
    if (number === 1) name = reader.string()
    else value = decodeValue(type, reader)
  }
  return [name, value]
}

function decodeValue(type: string, reader: BinaryReader): unknown {
  if (type === 'string') return reader.string()
  if (type === 'yaml') return JSON.parse(reader.string())
  if (type === 'bool') return reader.bool()
  if (type === 'int') return Number(reader.int64())
  if (type === 'double') return reader.double()
  return decode(type, reader.bytes())
}

function bytes(...parts: readonly (number | string)[]): Buffer {
  return Buffer.concat(
    parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))),
  )
}

describe('encodeOpenApiV2()', () => {
  it('says the same as the JSON form, to the last field', () => {
    const document = wholeOpenApiV2()
    expect(decode('Document', encodeOpenApiV2(document))).toEqual(JSON.parse(JSON.stringify(document)))
  })

  it('writes a definition as gnostic does, byte for byte', () => {
    const schema = {
      type: 'object',
      properties: { a: { $ref: '#/x', description: 'b' } },
      additionalProperties: false,
      'x-k': ['n'],
    }
    const property = bytes(0x0a, 3, '#/x', 0x22, 1, 'b')
    const pair = bytes(0x0a, 1, 'a', 0x12, property.length, property.toString('latin1'))
    const written = bytes(
      // 21: AdditionalPropertiesItem, whose 2 is false: one of several, so that it is written all the same.
      ...[0xaa, 0x01, 2, 0x10, 0],
      // 22: TypeItem, whose 1 is the type.
      ...[0xb2, 0x01, 8, 0x0a, 6, 'object'],
      // 25: Properties, whose 1 are pairs of name and schema.
      ...[0xca, 0x01, 2 + pair.length, 0x0a, pair.length, pair.toString('latin1')],
      // 31: NamedAny: the name, and Any, whose 2 is YAML.
      ...[0xfa, 0x01, 14, 0x0a, 3, 'x-k', 0x12, 7, 0x12, 5, '["n"]'],
    )
    const definition = bytes(0x0a, 1, 'D', 0x12, written.length)
    const named = Buffer.concat([definition, written])
    expect(Buffer.from(encodeOpenApiV2({ swagger: '2.0', definitions: { D: schema } })).toString('hex')).toBe(
      Buffer.concat([bytes(0x0a, 3, '2.0', 0x4a, named.length + 2, 0x0a, named.length), named]).toString(
        'hex',
      ),
    )
  })

  it('writes the parameters of an operation where kubectl looks for them', () => {
    const patch = { parameters: [{ name: 'f', in: 'query', type: 'string' }], 'x-g': { kind: 'K' } }
    const written = encodeOpenApiV2({ paths: { '/p': { patch } } })
    // Paths 8, pair 2, PathItem 2, patch 8, ParametersItem 8, Parameter 1, NonBodyParameter 2, QueryParameterSubSchema 3, name 4.
    let reader = new BinaryReader(written)
    for (const number of [8, 2, 2, 8, 8, 1, 2, 3, 4]) {
      for (;;) {
        const [found, wire] = reader.tag()
        if (found === number) {
          expect(wire).toBe(WireType.LengthDelimited)
          break
        }
        reader.skip(wire, found)
      }
      if (number === 4) expect(reader.string()).toBe('f')
      else reader = new BinaryReader(reader.bytes())
    }
  })

  it('keeps bounds, choices and examples of what custom kinds say', () => {
    const a = {
      type: 'integer',
      minimum: 1.5,
      maximum: -2,
      maxLength: 5,
      enum: [1, 'b', null],
      example: { c: [] },
    }
    const document = { swagger: '2.0', definitions: { A: { type: 'object', properties: { a } } } }
    expect(decode('Document', encodeOpenApiV2(document))).toEqual(document)
  })
})
