import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Writes the fields of a message. */
export type Write = (writer: BinaryWriter) => void

function message(write: Write): Uint8Array {
  const writer = new BinaryWriter()
  write(writer)
  return writer.finish()
}

/** A field of bytes: a text, or a message by its fields. */
export function part(writer: BinaryWriter, number: number, value: string | Uint8Array | Write): void {
  writer.tag(number, WireType.LengthDelimited)
  if (typeof value === 'string') writer.string(value)
  else writer.bytes(typeof value === 'function' ? message(value) : value)
}

/** A field with a number. */
export function int(writer: BinaryWriter, number: number, value: number): void {
  writer.tag(number, WireType.Varint).int64(value)
}

/** A body as Go clients send it: the magic number, and the message in its envelope. */
export function protobufBody(apiVersion: string, kind: string, write: Write | Uint8Array): Buffer {
  const envelope = message(writer => {
    part(writer, 1, type => {
      part(type, 1, apiVersion)
      part(type, 2, kind)
    })
    part(writer, 2, write)
    part(writer, 3, '')
    part(writer, 4, '')
  })
  return Buffer.concat([Buffer.from('k8s\0'), envelope])
}

/** A ConfigMap with one key. */
export function configMapBody(name: string, color: string): Buffer {
  return protobufBody('v1', 'ConfigMap', map => {
    part(map, 1, metadata => part(metadata, 1, name))
    part(map, 2, entry => {
      part(entry, 1, 'color')
      part(entry, 2, color)
    })
  })
}
