import { type KubeObject, StatusError } from '../../../kube/index.ts'
import { encodeObject } from '../cache/stored-entry.ts'

/** The largest object that is stored, in bytes of JSON (etcd's default `--max-request-bytes`). */
const MAX_BYTES = 1_572_864

/** The bytes to store; a RequestEntityTooLarge beyond the limit. */
export function encodeWithinLimit(object: KubeObject): Buffer {
  const bytes = encodeObject(object)
  if (bytes.length > MAX_BYTES)
    throw new StatusError(
      'RequestEntityTooLarge',
      `Request entity too large: the object has ${bytes.length} bytes, the limit is ${MAX_BYTES}`,
    )
  return bytes
}
