import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { loadKubeconfig } from '../../src/client/index.ts'
import { fingerprint } from '../../src/pki/index.ts'
import type { DemoFolder } from './demo-folder.ts'
import { engineOf, type Place } from './place.ts'

/** What a demo made outside of its folder, noted while it ran, so that it can be looked for afterwards. */
export interface Trace {
  /** Undefined when the cluster never came to serve. */
  readonly clusterUid: string | undefined
  /** Process numbers of containers, with the moment of each process's start. */
  readonly processes: ReadonlyMap<number, string>
}

export async function traceOf(folder: DemoFolder): Promise<Trace> {
  const kubeconfig = await readFile(folder.kubeconfig, 'utf8').catch(() => undefined)
  const authority = kubeconfig === undefined ? undefined : loadKubeconfig(kubeconfig).ca
  const processes = new Map<number, string>()
  for (const pid of await containerProcesses(folder)) {
    const birth = await birthOf(pid)
    if (birth !== undefined) processes.set(pid, birth)
  }
  return {
    clusterUid: authority === undefined ? undefined : fingerprint(authority).slice(0, 32),
    processes,
  }
}

/** What is still there of a demo that has ended, in words. */
export async function findLeftovers(
  folder: DemoFolder,
  place: Place,
  trace: Trace,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const [pid, birth] of trace.processes)
    if ((await birthOf(pid)) === birth) found.push(`process ${pid} of a container`)
  for (const pid of await processesIn(folder)) found.push(`process ${pid}`)
  if (place.runtime === 'docker' && trace.clusterUid !== undefined) {
    const docker = engineOf(place)
    const filters = { label: [`bowline.dev/cluster=${trace.clusterUid}`] }
    for (const { Names } of await docker.listContainers({ all: true, filters }))
      found.push(`container ${Names[0]}`)
    for (const { Name } of await docker.listNetworks({ filters })) found.push(`network ${Name}`)
  }
  return found
}

/** The process number of a container of the process runtime. */
export async function mainProcess(
  folder: DemoFolder,
  nodeName: string,
  id: string,
): Promise<number | undefined> {
  const path = join(folder.dataDir, 'agents', nodeName, 'runtime/containers', id, 'processes')
  const text = await readFile(path, 'utf8').catch(() => '')
  const pid = /^main (\d+) /m.exec(text)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

async function containerProcesses(folder: DemoFolder): Promise<readonly number[]> {
  const pids: number[] = []
  const agents = join(folder.dataDir, 'agents')
  for (const node of await readdir(agents).catch(() => []))
    for (const id of await readdir(join(agents, node, 'runtime/containers')).catch(() => [])) {
      const pid = await mainProcess(folder, node, id)
      if (pid !== undefined) pids.push(pid)
    }
  return pids
}

/** The moment of a process's start, field 22 of proc(5); undefined when it is gone. */
async function birthOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19]
}

/** Processes that work in the demo's folder or were told of it: servers, agents and the keepers of output. */
async function processesIn(folder: DemoFolder): Promise<readonly number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const isInside = cwd === folder.path || cwd.startsWith(`${folder.path}/`)
    if (isInside || command.includes(`${folder.path}/`)) found.push(pid)
  }
  return found
}
