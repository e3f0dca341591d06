import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestApi } from './api-server.ts'

export interface KubectlResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs this machine's kubectl against the server with a home and a cache of its own. */
export async function kubectl(
  api: TestApi,
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): Promise<KubectlResult> {
  const child = spawnKubectl(api, args, env)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdin?.end(input)
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status => resolve(status ?? -1))
  })
  return { code, stdout, stderr }
}

/** Like {@link kubectl}, but a failure throws with what kubectl said. Answers with stdout. */
export async function kubectlOk(api: TestApi, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await kubectl(api, args, input)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
  return stdout
}

/** Starts kubectl and leaves it running, for what follows. The caller ends it. */
export function spawnKubectl(
  api: TestApi,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn('kubectl', [...args], {
    env: {
      ...env,
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: api.folder,
      KUBECONFIG: api.kubeconfig,
      KUBECACHEDIR: join(api.folder, 'kube-cache'),
    },
    stdio: 'pipe',
  })
}
