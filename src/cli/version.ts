import { hasCode } from '../base/index.ts'
import { VERSION } from '../version.ts'
import { type ConnectOptions, connect } from './connect.ts'
import type { Terminal } from './terminal.ts'

/** Prints the version of this command, and of the server when one is reachable. */
export async function showVersion(options: ConnectOptions, terminal: Terminal): Promise<void> {
  terminal.print(`bowline ${VERSION}`)
  try {
    const client = await connect(options)
    try {
      const { gitVersion } = (await client.rawGet('/version')) as { readonly gitVersion: string }
      terminal.print(`server  ${gitVersion}`)
    } finally {
      await client.close()
    }
  } catch (error) {
    if (!hasCode(error, 'unavailable') && !hasCode(error, 'not-found')) throw error
    terminal.print('server  not reachable')
  }
}
