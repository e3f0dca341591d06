import { type Clock, hasCode, messageOf } from '../../base/index.ts'
import type { Container, Probe } from '../../kube/index.ts'
import type { ExecResult } from '../runtime/index.ts'
import { runHttp, runTcp } from './network.ts'

/** What one asking came to. `output` says what was wrong; it is shown to people. */
export interface ProbeAnswer {
  readonly ok: boolean
  readonly output: string
}

export interface ProbeTarget {
  /** The container's id in the runtime. */
  readonly id: string
  readonly container: Container
  /** The pod's address; undefined where the runtime gives none. */
  readonly ip: string | undefined
}

export interface ProbeMeans {
  readonly clock: Clock
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
}

/** What is shown of a command's output. */
const MAX_OUTPUT = 1024

/** Asks once. Never throws: not getting an answer is one. */
export async function runProbe(probe: Probe, target: ProbeTarget, means: ProbeMeans): Promise<ProbeAnswer> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  const { exec, httpGet, tcpSocket } = probe
  try {
    if (exec !== undefined) return await runExec(exec.command ?? [], timeoutMs, target, means)
    const action = httpGet ?? tcpSocket
    if (action === undefined) return { ok: false, output: 'missing probe handler' }
    const host = action.host || target.ip
    const port = portNumber(action.port, target.container)
    if (host === undefined) return { ok: false, output: 'the pod has no address' }
    if (port === undefined) return { ok: false, output: `couldn't find port: ${action.port}` }
    const where = { host, port, timeoutMs }
    return httpGet === undefined
      ? await runTcp(where, means.clock)
      : await runHttp(httpGet, where, means.clock)
  } catch (error) {
    return { ok: false, output: messageOf(error) }
  }
}

/** A port by number, or by the name of one that the container declares. */
export function portNumber(port: number | string, { ports = [] }: Container): number | undefined {
  if (typeof port === 'number') return port
  const named = ports.find(({ name }) => name === port)?.containerPort
  if (named !== undefined) return named
  const number = Number(port)
  return Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined
}

async function runExec(
  command: readonly string[],
  timeoutMs: number,
  { id }: ProbeTarget,
  means: ProbeMeans,
): Promise<ProbeAnswer> {
  try {
    const { exitCode, stdout, stderr } = await means.exec(id, command, timeoutMs)
    return { ok: exitCode === 0, output: `${stdout}${stderr}`.slice(0, MAX_OUTPUT) }
  } catch (error) {
    if (!hasCode(error, 'timeout')) throw error
    return { ok: false, output: `command "${command.join(' ')}" timed out` }
  }
}
