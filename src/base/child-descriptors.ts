import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs'

/** What `stdio` of a child process may hold at each place. */
export type ChildDescriptor = 'ignore' | 'inherit' | 'ipc' | 'pipe' | number

/** Linux tells of each descriptor whether children get it; elsewhere all of them might. */
const INFO = '/proc/self/fdinfo'
/** The flag of a descriptor that a child does not get (`O_CLOEXEC`, octal in /proc). */
const CLOSED_ON_EXEC = 0o2000000

let nullDevice: number | undefined

/** The flags are on the second line; a child process is started too often for a new buffer, or a look at the size, each time. */
const text = Buffer.alloc(128)

/**
 * The `stdio` of a child that shall have these descriptors and no others. Node closes what it opened itself, but not what native
 * code has open (LMDB opens its file so that children inherit it, for reading and writing) or what this process was started with:
 * each of those becomes the null device in the child.
 */
export function onlyDescriptors(stdio: readonly ChildDescriptor[]): ChildDescriptor[] {
  const result = [...stdio]
  for (const descriptor of inheritedDescriptors()) {
    if (descriptor < stdio.length) continue
    while (result.length < descriptor) result.push('ignore')
    nullDevice ??= openSync('/dev/null', 'r')
    result[descriptor] = nullDevice
  }
  return result
}

/** Ascending, from 3 on. */
function inheritedDescriptors(): readonly number[] {
  const isInherited = existsSync(INFO) ? isInheritedByInfo : () => true
  return listDescriptors()
    .filter(descriptor => descriptor > 2 && descriptor !== nullDevice && isInherited(descriptor))
    .sort((a, b) => a - b)
}

function listDescriptors(): readonly number[] {
  try {
    return readdirSync('/dev/fd').map(Number)
  } catch {
    return []
  }
}

function isInheritedByInfo(descriptor: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readStart(`${INFO}/${descriptor}`))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0
  } catch {
    // Closed meanwhile, such as the one by which the list was read.
    return false
  }
}

function readStart(path: string): string {
  const file = openSync(path, 'r')
  try {
    return text.toString('latin1', 0, readSync(file, text))
  } finally {
    closeSync(file)
  }
}
