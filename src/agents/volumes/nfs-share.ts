import { createHash } from 'node:crypto'
import type { NFSVolumeSource } from '../../kube/index.ts'

/** A share as a volume of the engine, which mounts it when a container needs it and knows when none does any more. */
export interface NfsShare {
  /** The same for the same share with the same options, so that pods of a host use one mount. */
  readonly name: string
  readonly options: Readonly<Record<string, string>>
}

/**
 * The engine's words for an NFS volume. The engine asks for the server's address by the option `addr`, and hands the rest to the
 * kernel as it is: nobody negotiates a version with the server, and the kernel's own default is 3. So the first that `mount.nfs` would
 * ask for is asked for unless the volume names one. Pure.
 */
export function nfsShare(
  { server, path, readOnly }: NFSVolumeSource,
  mountOptions: readonly string[],
): NfsShare {
  const version = mountOptions.some(option => VERSION.test(option)) ? [] : ['nfsvers=4.2']
  const o = [`addr=${server}`, readOnly ? 'ro' : 'rw', ...version, ...mountOptions].join(',')
  const options = { type: 'nfs', o, device: `:${path}` }
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16)
  return { name: `bowline-nfs-${hash}`, options }
}

/** nfs(5): `nfsvers=4.1`, `vers=3`, `v4`, `v4.2`, and `minorversion=1` for one of version 4. An option may hold several. */
const VERSION = /(?:^|,)(?:nfsvers=|vers=|v[2-4](?:\.\d)?(?:,|$)|minorversion=)/
