import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** A process that stays the same one when its number goes to another. */
export interface ProcessIdentity {
  readonly pid: number
  /** On Linux the boot and the start in clock ticks; elsewhere the start as `ps` writes it. */
  readonly birth: string
}

/**
 * One line of what a runner reports: `self 123 <boot> <the process's stat line>`, or `main 123 ps <start>`. Undefined for
 * a line that is not complete.
 */
export function parseIdentity(
  line: string,
): { readonly role: string; readonly identity: ProcessIdentity } | undefined {
  const match = /^(self|main) (\d+) (\S+) (.+)$/.exec(line)
  if (match === null) return undefined
  const [, role = '', pidText, source = '', rest = ''] = match
  const birth = source === 'ps' ? rest.trim() : birthFrom(source, rest)
  const pid = Number(pidText)
  // Signals to 0, 1 and below would reach far beyond the container.
  return birth === undefined || pid <= 1 ? undefined : { role, identity: { pid, birth } }
}

/** Whether this very process is still there; one that only waits to be reaped is not. */
export async function isAlive({ pid, birth }: ProcessIdentity): Promise<boolean> {
  return (await birthOf(pid)) === birth
}

/** The user that a process belongs to; undefined when it is gone. */
export async function ownerOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  const text = status === undefined ? await ps('ruid=', pid) : /^Uid:\s+(\d+)/m.exec(status)?.[1]
  return text === undefined || text === '' ? undefined : Number(text)
}

async function birthOf(pid: number): Promise<string | undefined> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    return stateOf(stat) === 'Z' ? undefined : birthFrom(boot.trim(), stat)
  } catch {
    const text = await ps('lstart=', pid)
    return text === '' ? undefined : text
  }
}

/** Fields of a stat line are counted from behind the command's name, which may hold anything. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function stateOf(stat: string): string | undefined {
  return fieldsOf(stat)[0]
}

function birthFrom(boot: string, stat: string): string | undefined {
  // Field 22 of proc(5), counted from field 3.
  const start = fieldsOf(stat)[19]
  return start === undefined ? undefined : `${boot} ${start}`
}

/** What `ps` says of a process; empty when it is gone, or where there is no such `ps`. */
function ps(format: string, pid: number): Promise<string> {
  return new Promise(resolve =>
    execFile('ps', ['-o', format, '-p', String(pid)], (error, stdout) =>
      resolve(error === null ? stdout.trim() : ''),
    ),
  )
}
