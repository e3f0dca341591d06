import { execFileSync } from 'node:child_process'
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'

/** The machine that figures are of: absolute ones mean nothing without it. */
export function describeMachine(): string {
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0)
  return [
    `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
    `${gigabytes} GiB`,
    `${platform()} ${release()} ${arch()}`,
    `node ${process.version}`,
    versionOf('git', ['--version']),
    versionOf('dockerd', ['--version']),
  ].join(', ')
}

function versionOf(program: string, args: readonly string[]): string {
  try {
    const text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return `${program} ${/\d+(?:\.\d+)+/.exec(text)?.[0] ?? text.trim()}`
  } catch {
    return `no ${program}`
  }
}
