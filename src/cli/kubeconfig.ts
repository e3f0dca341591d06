import { readFile } from 'node:fs/promises'
import { BowlineError } from '../base/index.ts'
import type { Terminal } from './terminal.ts'

/** Prints the kubeconfig that the server wrote; it holds the key of an administrator. */
export async function printKubeconfig(path: string, terminal: Terminal): Promise<void> {
  try {
    terminal.print((await readFile(path, 'utf8')).trimEnd())
  } catch (cause) {
    throw new BowlineError('not-found', `Cannot read the kubeconfig ${path}`, {
      cause,
      data: { next: 'a running server writes it: `bowline up`; name its folder with --data-dir' },
    })
  }
}
