import { readFile } from 'node:fs/promises'
import { kill } from 'node:process'
import { BowlineError, backoffMs, type Clock, hasCode } from '../../../base/index.ts'
import { OutputCap } from '../output-cap.ts'
import type { ExecResult } from '../runtime.ts'
import type { Engine, EngineRequest } from './engine/engine.ts'
import { shortId } from './inspect.ts'
import { readFrames } from './log-stream.ts'

/** Looks for the process of a command that is late and has not started: an engine that is busy takes seconds to start it. */
const LOOK = { initialMs: 50, maxMs: 1_000 }

/** After so many looks, about two minutes, nobody waits for it to start any more. */
const MAX_LOOKS = 125

export interface ExecRequest {
  readonly container: string
  readonly command: readonly string[]
  readonly timeoutMs: number
  /** Commands that are late are no longer looked for. */
  readonly signal: AbortSignal
}

/** Runs a command in a container and waits for it. When it takes too long `timeout` is thrown, and its process killed. */
export async function execInContainer(
  engine: Engine,
  clock: Clock,
  { container, command, timeoutMs, signal }: ExecRequest,
): Promise<ExecResult> {
  const action = `run a command in the container ${shortId(container)}`
  const { Id } = await engine.call<{ Id: string }>({
    method: 'POST',
    path: `/containers/${container}/exec`,
    body: { Cmd: command, AttachStdout: true, AttachStderr: true },
    action,
  })
  const giveUp = (): void => void killExec(engine, clock, { id: Id, container, signal })
  const start: EngineRequest = {
    method: 'POST',
    path: `/exec/${Id}/start`,
    body: { Detach: false, Tty: false },
    action,
    timeoutMs: timeoutMs + 5_000,
  }
  const stream = await engine.stream(start).catch(error => {
    // No answer in time does not mean that it will not start; a refusal does.
    if (hasCode(error, 'unavailable')) giveUp()
    throw error
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
    giveUp()
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
 * processes are this host's, the agent ends it itself, also one that starts only now; its control groups prove that the process
 * is the container's.
 */
async function killExec(
  engine: Engine,
  clock: Clock,
  {
    id,
    container,
    signal,
  }: { readonly id: string; readonly container: string; readonly signal: AbortSignal },
): Promise<void> {
  try {
    for (let looks = 1; looks <= MAX_LOOKS; looks += 1) {
      const { Running, Pid, ExitCode } = await inspectExec(engine, id)
      if (ExitCode !== null) return
      if (Running && Pid > 1) return await killProcess(Pid, container)
      await clock.sleep(backoffMs(looks, LOOK), signal)
    }
  } catch {
    // It has ended, or the engine is elsewhere or gone: nothing more can be done for it.
  }
}

async function killProcess(pid: number, container: string): Promise<void> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8')
  if (groups.includes(container)) kill(pid, 'SIGKILL')
}

function lostEngine(action: string, cause: unknown): BowlineError {
  return new BowlineError('unavailable', `Cannot ${action}: the engine broke off`, { cause, retryable: true })
}
