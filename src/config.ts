import { homedir } from 'node:os'
import { join } from 'node:path'

/** What the environment decides. Only this file reads it; flags of the command line go before it. */
export interface Config {
  /** Where the server keeps its store and caches. `BOWLINE_DATA_DIR`; root: `/var/lib/bowline`; others: under the home. */
  readonly dataDir: string
  /** How commands find the server. `BOWLINE_KUBECONFIG`; absent: `kubeconfig` in the data directory. */
  readonly kubeconfig: string | undefined
  /** Folders for what must not reach a disk, the best first; the last part is this program's own. */
  readonly memoryDirs: readonly string[]
  /** Where agents mount; undefined for users other than root, who may not. */
  readonly mountDir: string | undefined
  /** Where a service manager puts credentials: `CREDENTIALS_DIRECTORY` (systemd.exec). */
  readonly credentialsDir: string | undefined
  /** The engine's address, as Docker's own tools read it. */
  readonly dockerHost: string | undefined
  /** `NO_COLOR` (no-color.org) is set, whatever its value. */
  readonly noColor: boolean
  /** All variables, for git commands that the user asked for. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function readConfig(
  env: NodeJS.ProcessEnv = process.env,
  uid: number = process.getuid?.() ?? -1,
): Config {
  const isRoot = uid === 0
  return {
    dataDir: env.BOWLINE_DATA_DIR || (isRoot ? '/var/lib/bowline' : join(stateHome(env), 'bowline')),
    kubeconfig: env.BOWLINE_KUBECONFIG || undefined,
    memoryDirs: [
      ...(isRoot ? ['/run/bowline'] : []),
      ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'bowline')] : []),
      `/dev/shm/bowline-${uid}`,
    ],
    mountDir: isRoot ? '/run/bowline-mounts' : undefined,
    credentialsDir: env.CREDENTIALS_DIRECTORY || undefined,
    dockerHost: env.DOCKER_HOST || undefined,
    noColor: env.NO_COLOR !== undefined && env.NO_COLOR !== '',
    environment: env,
  }
}

/** The XDG base directory for state. */
function stateHome(env: NodeJS.ProcessEnv): string {
  return env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
}
