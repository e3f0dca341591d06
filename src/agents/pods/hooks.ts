import { BowlineError, type Clock } from '../../base/index.ts'
import type { Container, LifecycleHandler } from '../../kube/index.ts'
import { type ProbeAnswer, portNumber, runHttp } from '../probes/index.ts'
import type { Runtime } from '../runtime/index.ts'

export interface HookTarget {
  readonly id: string
  readonly container: Container
  readonly ip: string | undefined
}

/**
 * Runs a postStart or preStop hook for at most `timeoutMs`. Resolves when it has done its work; throws when it failed, with what
 * it said.
 */
export async function runHook(
  hook: LifecycleHandler,
  { id, container, ip }: HookTarget,
  timeoutMs: number,
  {
    runtime,
    clock,
    signal,
  }: { readonly runtime: Runtime; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { exec, httpGet, sleep } = hook
  if (exec !== undefined) {
    const command = exec.command ?? []
    const { exitCode, stderr, stdout } = await runtime.exec(id, command, timeoutMs)
    if (exitCode !== 0)
      throw new BowlineError(
        'internal',
        `command '${command.join(' ')}' exited with ${exitCode}: ${stderr || stdout}`,
      )
  } else if (httpGet !== undefined) {
    const host = httpGet.host || ip
    const port = portNumber(httpGet.port, container)
    if (host === undefined || port === undefined)
      throw new BowlineError('bad-config', `couldn't find port: ${httpGet.port}`)
    const answer: ProbeAnswer = await runHttp(httpGet, { host, port, timeoutMs }, clock)
    if (!answer.ok) throw new BowlineError('internal', answer.output)
  } else if (sleep !== undefined) {
    await clock.sleep(Math.min(sleep.seconds * 1000, timeoutMs), signal)
  }
}
