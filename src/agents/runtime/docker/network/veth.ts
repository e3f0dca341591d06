import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { pid as ownPid } from 'node:process'
import { BowlineError, formatIpv4 } from '../../../../base/index.ts'
import type { PodNetwork } from './pod-network.ts'

/**
 * Pod interfaces made by the agent with iproute2: a pair of virtual interfaces, one end in the sandbox's network
 * namespace, the other a port of the pod network's bridge.
 *
 * The host's end is named after the address. The kernel lets a name exist once, so making it is what reserves the
 * address among all agents of the host, and it ends with the namespace: no file and no lock can go stale. Its alias,
 * set last, names the sandbox; so an interface with the right alias on the right bridge is a complete one.
 */
export async function attachInterface(target: {
  readonly network: PodNetwork
  readonly address: number
  readonly sandboxId: string
  /** The first process of the sandbox. */
  readonly pid: number
}): Promise<void> {
  const { network, address, sandboxId, pid } = target
  const host = interfaceName(address)
  const namespace = await openNamespace(pid, sandboxId)
  try {
    await runIp(
      [
        `link add eth0 address ${hardwareAddress(address)} type veth peer name ${host} netns ${ownPid}`,
        `address add ${formatIpv4(address)}/${network.subnet.prefix} dev eth0`,
        'link set eth0 up',
        'link set lo up',
        `route add default via ${network.gateway}`,
      ],
      namespace.fd,
    )
    await runIp([
      `link set ${host} up`,
      `link set ${host} master ${network.bridge}`,
      aliasCommand(host, sandboxId),
    ])
  } finally {
    await namespace.close()
  }
}

/** True when the sandbox is completely wired at this address. */
export async function isAttached(network: PodNetwork, address: number, sandboxId: string): Promise<boolean> {
  const folder = interfaceFolder(address)
  try {
    const [alias, master] = await Promise.all([
      readFile(`${folder}/ifalias`, 'utf8'),
      readlink(`${folder}/master`),
    ])
    return alias.trim() === aliasOf(sandboxId) && basename(master) === network.bridge
  } catch {
    return false
  }
}

/** True when some agent of this host uses the address. */
export function isTaken(address: number): boolean {
  return existsSync(interfaceFolder(address))
}

/** Removes the interface at this address if it is this sandbox's or nobody's yet. */
export async function detachInterface(address: number, sandboxId: string): Promise<void> {
  const alias = await readFile(`${interfaceFolder(address)}/ifalias`, 'utf8').catch(() => undefined)
  if (alias === undefined) return
  if (alias.trim() !== '' && alias.trim() !== aliasOf(sandboxId)) return
  await runIp([`link delete ${interfaceName(address)}`]).catch(() => undefined)
}

/** True when this process can make interfaces on the bridge: iproute2, nsenter, the right to, and the engine on this host. */
export async function canAttach(network: PodNetwork): Promise<boolean> {
  if (!existsSync(`/sys/class/net/${network.bridge}/bridge`)) return false
  try {
    // Setting the flag that it has already changes nothing, and takes the same right as making an interface.
    await runIp([`link set ${network.bridge} up`])
    await new Promise<void>((resolve, reject) =>
      execFile('nsenter', ['--version'], error => (error === null ? resolve() : reject(error))),
    )
    return true
  } catch {
    return false
  }
}

function aliasCommand(host: string, sandboxId: string): string {
  return `link set ${host} alias ${aliasOf(sandboxId)}`
}

function aliasOf(sandboxId: string): string {
  return `bowline:${sandboxId.slice(0, 12)}`
}

function interfaceFolder(address: number): string {
  return `/sys/class/net/${interfaceName(address)}`
}

/** At most 15 characters: `bw` and the address in hexadecimal. */
function interfaceName(address: number): string {
  return `bw${address.toString(16).padStart(8, '0')}`
}

/** Follows from the address, as Docker's do: a neighbour's cache stays right when an address is used again. */
function hardwareAddress(address: number): string {
  return `02:42:${address.toString(16).padStart(8, '0').match(/../g)?.join(':')}`
}

/**
 * The network namespace of a sandbox by descriptor. Its process may end, and its number go to another, at any time:
 * the control groups, read after opening, say whose namespace was opened.
 */
async function openNamespace(
  pid: number,
  sandboxId: string,
): Promise<{ fd: number; close(): Promise<void> }> {
  try {
    const handle = await open(`/proc/${pid}/ns/net`)
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8')
    if (groups.includes(sandboxId)) return handle
    await handle.close()
  } catch {
    // Gone; the same as somebody else's.
  }
  throw new BowlineError('conflict', `Cannot wire the sandbox ${sandboxId.slice(0, 12)}: it has stopped`, {
    retryable: true,
  })
}

/** Runs `ip` commands in one process, inside a network namespace when one is given. */
function runIp(commands: readonly string[], namespaceFd?: number): Promise<void> {
  const [file, args] =
    namespaceFd === undefined
      ? (['ip', ['-batch', '-']] as const)
      : (['nsenter', ['--net=/proc/self/fd/3', 'ip', '-batch', '-']] as const)
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'ignore', 'pipe', ...(namespaceFd === undefined ? [] : [namespaceFd])],
      timeout: 10_000,
      killSignal: 'SIGKILL',
    })
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, 1_000)
    })
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) resolve()
      else reject(new BowlineError('internal', `Cannot wire a sandbox: ip failed: ${complaint.trim()}`))
    })
    // A child that ends early must not become an unhandled error; its exit code says what happened.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(`${commands.join('\n')}\n`)
  })
}
