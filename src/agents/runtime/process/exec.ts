import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { kill } from 'node:process'
import { BowlineError, type Clock, messageOf, onlyDescriptors } from '../../../base/index.ts'
import { OutputCap } from '../output-cap.ts'
import type { ExecResult } from '../runtime.ts'
import type { RunUser } from './run-user.ts'
import type { Invocation } from './spawn-container.ts'

/** What a shell says of a program that it cannot start. */
const CANNOT_RUN = 127

/** Runs a command of the host with a container's user, folder and environment. */
export function execBeside(
  { command, env, cwd }: Invocation,
  user: RunUser,
  clock: Clock,
  timeoutMs: number,
): Promise<ExecResult> {
  const [file = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env,
      // A group of its own, so that all of it can be ended.
      detached: true,
      stdio: onlyDescriptors(['ignore', 'pipe', 'pipe']),
      ...(user.dropped && { uid: user.uid, gid: user.gid }),
    })
    const stdout = new OutputCap()
    const stderr = new OutputCap()
    child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk))
    child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk))
    const cancel = clock.after(timeoutMs, () => {
      endGroup(child.pid)
      // A process that left the group may hold the pipes open.
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(new BowlineError('timeout', `Cannot run "${file}": it did not end within ${timeoutMs} ms`))
    })
    child.on('error', error => {
      cancel()
      resolve({ exitCode: CANNOT_RUN, stdout: '', stderr: `${messageOf(error)}\n` })
    })
    child.on('close', (code, signal) => {
      cancel()
      const exitCode = code ?? 128 + constants.signals[signal ?? 'SIGKILL']
      resolve({ exitCode, stdout: stdout.text(), stderr: stderr.text() })
    })
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    kill(-pid, 'SIGKILL')
  } catch {
    // It ended this very moment.
  }
}
