import { existsSync } from 'node:fs'

/** Undefined where HAProxy is installed; else why its tests cannot run. With `CI=true` its absence is a failure. */
export const haproxyMissing: string | undefined = missing()

function missing(): string | undefined {
  if (existsSync('/usr/sbin/haproxy')) return undefined
  if (process.env.CI === 'true') throw new Error('haproxy is not installed')
  return 'haproxy is not installed'
}
