import { readFile } from 'node:fs/promises'
import { kill } from 'node:process'
import { BowlineError, type Clock } from '../../../base/index.ts'
import { OutputCap } from '../output-cap.ts'
import type { ExecResult } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'
import { shortId } from './inspect.ts'
import { readFrames } from './log-stream.ts'

/** Runs a command in a container and waits for it. When it takes too long its process is killed and `timeout` thrown. */
export async function execInContainer(
  engine: Engine,
  clock: Clock,
  container: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecResult> {
  const action = `run a command in the container ${shortId(container)}`
  const { Id } = await engine.call<{ Id: string }>({
    method: 'POST',
    path: `/containers/${container}/exec`,
    body: { Cmd: command, AttachStdout: true, AttachStderr: true },
    action,
  })
  const stream = await engine.stream({
    method: 'POST',
    path: `/exec/${Id}/start`,
    body: { Detach: false, Tty: false },
    action,
    timeoutMs: timeoutMs + 5_000,
  })
  let late = false
  const cancel = clock.after(timeoutMs, () => {
    late = true
    stream.destroy()
  })
  const output = { stdout: new OutputCap(), stderr: new OutputCap() }
  try {
    for await (const { stream: name, payload } of readFrames(stream)) output[name].add(payload)
  } catch (error) {
    if (!late) throw lostEngine(action, error)
  } finally {
    cancel()
  }
  if (late) {
    await killExec(engine, Id, container)
    throw new BowlineError('timeout', `Cannot ${action}: it did not end within ${timeoutMs} ms`)
  }
  const { ExitCode } = await inspectExec(engine, Id)
  if (ExitCode === null) throw lostEngine(action, undefined)
  return { exitCode: ExitCode, stdout: output.stdout.text(), stderr: output.stderr.text() }
}

interface ExecInspect {
  readonly ExitCode: number | null
  readonly Running: boolean
  /** On the engine's host. */
  readonly Pid: number
}

function inspectExec(engine: Engine, id: string): Promise<ExecInspect> {
  return engine.call<ExecInspect>({ method: 'GET', path: `/exec/${id}/json`, action: 'inspect a command' })
}

/**
 * The engine cannot end a command, so a probe that hangs would leave a process behind each time. Where the engine's
 * processes are this host's, the agent ends it itself; its control groups prove that the process is the container's.
 */
async function killExec(engine: Engine, id: string, container: string): Promise<void> {
  try {
    const { Running, Pid } = await inspectExec(engine, id)
    if (!Running || Pid <= 1) return
    const groups = await readFile(`/proc/${Pid}/cgroup`, 'utf8')
    if (groups.includes(container)) kill(Pid, 'SIGKILL')
  } catch {
    // It has ended, or the engine is elsewhere: nothing more can be done for it.
  }
}

function lostEngine(action: string, cause: unknown): BowlineError {
  return new BowlineError('unavailable', `Cannot ${action}: the engine broke off`, { cause, retryable: true })
}
