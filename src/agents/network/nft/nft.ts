import { BowlineError } from '../../../base/index.ts'
import type { RunProgram } from './run-program.ts'

/** The program's uses: loading a script as one transaction, and looking. */
export interface Nft {
  /** Loads the whole script or nothing of it. */
  load(script: string): Promise<void>
  /** The table of family ip as JSON with numeric protocols; undefined when there is none. */
  list(table: string): Promise<string | undefined>
  /** Whether there is such a table; much cheaper than to list it. */
  has(table: string): Promise<boolean>
}

/** The `nft` program. */
export function createNft(run: RunProgram): Nft {
  return {
    async load(script) {
      const { code, complaint } = await run('nft', ['-f', '-'], script)
      if (code !== 0) throw refusal('change', complaint)
    },
    async list(table) {
      const { code, output, complaint } = await run('nft', [
        '--json',
        '--numeric-protocol',
        ...['list', 'table', 'ip', table],
      ])
      if (code === 0) return output
      if (/No such file or directory/.test(complaint)) return undefined
      throw refusal('read', complaint)
    },
    async has(table) {
      const { code, output, complaint } = await run('nft', ['list', 'tables', 'ip'])
      if (code !== 0) throw refusal('read', complaint)
      return output.split('\n').includes(`table ip ${table}`)
    },
  }
}

function refusal(verb: 'change' | 'read', complaint: string): BowlineError {
  return new BowlineError('internal', `Cannot ${verb} the packet filter: nft failed: ${complaint}`, {
    retryable: true,
  })
}
