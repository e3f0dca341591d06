import { readFile } from 'node:fs/promises'
import { getgid, getuid } from 'node:process'
import { BowlineError } from '../../../base/index.ts'

/** Who the processes of containers belong to. */
export interface RunUser {
  readonly uid: number
  readonly gid: number
  /** True when the agent is root and gives its rights up for them. */
  readonly dropped: boolean
}

/**
 * The user `nobody` when the agent is root, else the agent's own. A pod cannot choose: on a host a user id is a person,
 * and a manifest must not become one.
 */
export async function findRunUser(): Promise<RunUser> {
  // Not os.userInfo(), which fails for a user that /etc/passwd does not list.
  const uid = getuid?.() ?? 0
  const gid = getgid?.() ?? 0
  if (uid !== 0) return { uid, gid, dropped: false }
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find(text => text.startsWith('nobody:'))
  const [, , nobody, group] = line?.split(':') ?? []
  if (nobody === undefined || group === undefined || !(Number(nobody) !== 0))
    throw new BowlineError(
      'bad-config',
      'Cannot run containers as processes: this host has no user "nobody" to run them as',
    )
  return { uid: Number(nobody), gid: Number(group), dropped: true }
}
