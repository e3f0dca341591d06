import { parentPort } from 'node:worker_threads'
import { type PackedBytes, packBytes, unpackBytes } from './packed-bytes.ts'
import { parseBlob } from './parse-blob.ts'

// The entry of a parse worker: packed files in, the packed JSON of what each holds out. See parse-pool.ts.
parentPort?.on('message', (request: PackedBytes) => {
  const encoder = new TextEncoder()
  const results = unpackBytes(request).map(bytes => encoder.encode(JSON.stringify(parseBlob(bytes))))
  const answer = packBytes(results)
  parentPort?.postMessage(answer, [answer.bytes.buffer])
})
