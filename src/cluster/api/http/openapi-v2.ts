import type { OpenApiV2Part } from '../../../kinds/index.ts'
import { type KeptDocument, keepBytes } from './kept-document.ts'
import { OPENAPI_V2_PROTOBUF, type OpenApiForm } from './media-type.ts'
import { encodeOpenApiV2 } from './protobuf/encode-openapi.ts'

/** Serialises the document that comes in parts. After each part others have their turn: the whole takes some tenths of a second. */
export async function keepOpenApiV2(
  parts: Iterable<OpenApiV2Part>,
  form: OpenApiForm,
): Promise<KeptDocument> {
  const pieces = form === 'json' ? new JsonPieces() : new ProtobufPieces()
  for (const part of parts) {
    pieces.add(part)
    await new Promise(resolve => setImmediate(resolve))
  }
  return pieces.whole()
}

class JsonPieces {
  readonly #head: string[] = []
  readonly #paths: string[] = []
  readonly #definitions: string[] = []

  add({ paths, definitions, ...head }: OpenApiV2Part): void {
    addMembers(this.#head, head)
    addMembers(this.#paths, paths)
    addMembers(this.#definitions, definitions)
  }

  whole(): KeptDocument {
    const parts = [`"paths":{${this.#paths.join()}}`, `"definitions":{${this.#definitions.join()}}`]
    return keepBytes(Buffer.from(`{${[...this.#head, ...parts].join()}}\n`), 'application/json')
  }
}

/** The members of an object as text without its braces. */
function addMembers(texts: string[], object: object): void {
  const text = JSON.stringify(object).slice(1, -1)
  if (text !== '') texts.push(text)
}

/** Protobuf is made to be put together so: of two messages one after another a reader makes one, and of the messages within them too. */
class ProtobufPieces {
  readonly #pieces: Uint8Array[] = []

  add(part: OpenApiV2Part): void {
    this.#pieces.push(encodeOpenApiV2(part))
  }

  whole(): KeptDocument {
    return keepBytes(Buffer.concat(this.#pieces), OPENAPI_V2_PROTOBUF)
  }
}
