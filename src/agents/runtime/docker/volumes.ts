import { existsSync } from 'node:fs'
import { BowlineError, hasCode } from '../../../base/index.ts'
import type { RuntimeVolumes } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'

/** The engine's named volumes. */
export function engineVolumes(engine: Engine): RuntimeVolumes {
  return {
    async exists(name) {
      try {
        await engine.call({
          method: 'GET',
          path: `/volumes/${encodeURIComponent(name)}`,
          action: `look at volume ${name}`,
        })
        return true
      } catch (error) {
        if (hasCode(error, 'not-found')) return false
        throw error
      }
    },
    async create(name, options) {
      await engine.call({
        method: 'POST',
        path: '/volumes/create',
        body: { Name: name, Driver: 'local', DriverOpts: options },
        action: `create volume ${name}`,
      })
    },
  }
}

/**
 * An error of the engine with what its words about a mount leave open. To the kernel a file system that it does not know is "no such
 * device" (ENODEV), which looks as if the share were missing, and a version that the server does not know "protocol not supported".
 */
export function withMountHint(error: unknown): unknown {
  if (!(error instanceof BowlineError)) return error
  const reason = mountFailure(error.message)
  const hint = reason === undefined ? undefined : HINTS.get(reason)
  if (hint === undefined) return error
  const message = `${error.message} (${hint})`
  return new BowlineError(error.code, message, { cause: error, retryable: error.retryable })
}

/** An error of the engine about a source of a mount that is there for the agent. */
export function withSourceHint(error: unknown): unknown {
  if (!(error instanceof BowlineError)) return error
  const [, source] = /bind source path does not exist: (\/\S+)/.exec(error.message) ?? []
  if (source === undefined || !existsSync(source)) return error
  const message = `${error.message} (the agent sees it: does the engine run on this host, and in the same mount namespace?)`
  return new BowlineError(error.code, message, { cause: error, retryable: error.retryable })
}

/** Why a share of ours could not be mounted: the last of what the engine says, behind paths of any length. */
function mountFailure(message: string): string | undefined {
  const share = message.lastIndexOf('bowline-nfs-')
  const reason = message.lastIndexOf(': ')
  if (share === -1 || reason < share || !message.includes('failed to mount local volume: mount '))
    return undefined
  return /^[a-z ]+/.exec(message.slice(reason + 2))?.[0]
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ['no such device', 'the kernel of this host cannot mount it: it has no NFS client'],
  [
    'protocol not supported',
    'the server or the kernel of this host does not speak this version of NFS: mountOptions of the PersistentVolume can name another, such as nfsvers=4.1',
  ],
])
