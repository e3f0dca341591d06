import { createHash } from 'node:crypto'
import type { NFSVolumeSource } from '../../kube/index.ts'

/** A share as a volume of the engine, which mounts it when a container needs it and knows when none does any more. */
export interface NfsShare {
  /** The same for the same share with the same options, so that pods of a host use one mount. */
  readonly name: string
  readonly options: Readonly<Record<string, string>>
}

/** The engine's words for an NFS volume. The engine asks for the server's address by the option `addr`. Pure. */
export function nfsShare(
  { server, path, readOnly }: NFSVolumeSource,
  mountOptions: readonly string[],
): NfsShare {
  const o = [`addr=${server}`, readOnly ? 'ro' : 'rw', ...mountOptions].join(',')
  const options = { type: 'nfs', o, device: `:${path}` }
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16)
  return { name: `bowline-nfs-${hash}`, options }
}
