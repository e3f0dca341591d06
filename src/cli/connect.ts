import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, messageOf, systemClock } from '../base/index.ts'
import {
  createHttpsClient,
  type HttpsClient,
  type KubeconfigConnection,
  readKubeconfig,
} from '../client/index.ts'
import { readConfig } from '../config.ts'
import { parseYamlValue } from '../kube/index.ts'
import { VERSION } from '../version.ts'

export interface ConnectOptions {
  readonly kubeconfig?: string
  readonly dataDir?: string
}

/** The kubeconfig that commands use: the flag, `BOWLINE_KUBECONFIG`, or the data directory's. */
export function kubeconfigPath(options: ConnectOptions): string {
  const config = readConfig()
  if (options.kubeconfig !== undefined) return options.kubeconfig
  if (options.dataDir !== undefined) return join(options.dataDir, 'kubeconfig')
  return config.kubeconfig ?? join(config.dataDir, 'kubeconfig')
}

/** A client of the server that the options name. Close it in the end. */
export async function connect(options: ConnectOptions): Promise<HttpsClient> {
  const path = kubeconfigPath(options)
  const { server, ca, credentials } = parseKubeconfig(await readKubeconfigText(path), path)
  return createHttpsClient({
    server,
    ...(ca === undefined ? {} : { ca }),
    credentials,
    userAgent: `bowline/${VERSION}`,
    fieldManager: 'bowline-cli',
    clock: systemClock,
  })
}

function parseKubeconfig(text: string, path: string): KubeconfigConnection {
  try {
    return readKubeconfig(parseYamlValue(text))
  } catch (cause) {
    const state = messageOf(cause).replace(/^Cannot use the kubeconfig: /, '')
    throw new BowlineError('bad-config', `Cannot use the kubeconfig ${path}: ${state}`, {
      data: { next: 'the server writes one to `kubeconfig` in its --data-dir; name that with --kubeconfig' },
    })
  }
}

async function readKubeconfigText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES')
      throw new BowlineError('unauthorized', `Cannot read the kubeconfig ${path}: this user may not`, {
        data: {
          next: 'run this as the user of the server, or with --kubeconfig and one that an administrator made for you',
        },
      })
    const state = code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new BowlineError('not-found', `Cannot read the kubeconfig ${path}: ${state}`, {
      data: { next: 'start a server with `bowline up`, or say where it is with --data-dir or --kubeconfig' },
    })
  }
}
