import type { ContainerStatus } from '../runtime.ts'
import type { ContainerInspect } from './inspect.ts'
import { attemptOf, Labels, podOf } from './names.ts'

/**
 * What the engine knows of a container, in the contract's words. As in cri-dockerd, a container that never ran but has
 * an exit code is one that could not be started. The engine's own word for one that ran out of memory is lost when it learns of that after the end
 * (seen with 20.10): then `ranOutOfMemory` knows it.
 */
export function containerStatus(inspect: ContainerInspect, ranOutOfMemory: boolean): ContainerStatus {
  const { State, Config } = inspect
  const labels = Config.Labels
  const home = labels[Labels.home]
  return {
    id: inspect.Id,
    sandboxId: labels[Labels.sandbox] ?? '',
    pod: podOf(labels),
    name: labels[Labels.container] ?? '',
    attempt: attemptOf(labels),
    image: Config.Image,
    imageId: inspect.Image,
    specHash: labels[Labels.specHash] ?? '',
    ...(home !== undefined && { home }),
    createdAt: Date.parse(inspect.Created),
    ...progressOf(State, Date.parse(inspect.Created), ranOutOfMemory),
    ...(State.Error !== '' && { message: State.Error }),
  }
}

/** The exit code of what was killed by signal 9. */
const SIGKILLED = 137

type Progress = Pick<ContainerStatus, 'state' | 'startedAt' | 'finishedAt' | 'exitCode' | 'reason'>

function progressOf(state: ContainerInspect['State'], createdAt: number, ranOutOfMemory: boolean): Progress {
  const startedAt = timeOf(state.StartedAt)
  // A paused or restarting container counts as running: its process is there, or about to be.
  if (state.Running) return { state: 'running', ...(startedAt !== undefined && { startedAt }) }
  const finishedAt = timeOf(state.FinishedAt)
  const exitCode = state.ExitCode
  if (finishedAt !== undefined)
    return {
      state: 'exited',
      ...(startedAt !== undefined && { startedAt }),
      finishedAt,
      exitCode,
      reason: reasonOf(state, ranOutOfMemory),
    }
  if (exitCode !== 0)
    return {
      state: 'exited',
      startedAt: createdAt,
      finishedAt: createdAt,
      exitCode,
      reason: 'ContainerCannotRun',
    }
  return { state: 'created' }
}

function reasonOf(state: ContainerInspect['State'], ranOutOfMemory: boolean): string {
  if (state.OOMKilled || (ranOutOfMemory && state.ExitCode === SIGKILLED)) return 'OOMKilled'
  if (state.ExitCode === 0) return 'Completed'
  // A container that an earlier start ran and a later one could not: the engine keeps the earlier times.
  return state.Error === '' ? 'Error' : 'ContainerCannotRun'
}

/** Milliseconds since the epoch; undefined for the engine's zero time. */
function timeOf(text: string): number | undefined {
  const time = Date.parse(text)
  return Number.isNaN(time) || time <= 0 ? undefined : time
}
