import type { HttpsClient } from '../client/index.ts'
import type { JoinToken } from '../cluster/index.ts'
import { EXIT } from './exit-code.ts'
import { printable } from './printable.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Where a server keeps its join tokens. */
const TOKENS_PATH = '/apis/bowline.dev/v1alpha1/jointokens'

/** Prints the token alone on stdout, so that it can go to a file; what to do with it goes to stderr. */
export async function createToken(
  client: HttpsClient,
  terminal: Terminal,
  flags: { readonly ttl: number; readonly singleUse?: boolean; readonly description?: string },
): Promise<number> {
  const { token } = (await client.raw('POST', TOKENS_PATH, {
    body: {
      lifetimeMs: flags.ttl * 3_600_000,
      singleUse: flags.singleUse === true,
      ...(flags.description === undefined ? {} : { description: flags.description }),
    },
  })) as { readonly token: string }
  terminal.print(token)
  if (terminal.isTerminal)
    terminal.note(
      'on the host, with the token in FILE: bowline agent --server https://THIS-SERVER:6443 --token-file FILE --node-name NAME',
    )
  return EXIT.ok
}

export async function listTokens(client: HttpsClient, terminal: Terminal): Promise<number> {
  const { tokens } = (await client.rawGet(TOKENS_PATH)) as { readonly tokens: readonly JoinToken[] }
  const rows = printable(tokens).map(token => [
    token.id,
    token.expiresAt,
    token.singleUse
      ? token.usedBy === ''
        ? 'single use'
        : `used by ${token.usedBy}`
      : 'any number of nodes',
    token.description,
  ])
  for (const line of table(['ID', 'EXPIRES', 'USE', 'DESCRIPTION'], rows)) terminal.print(line)
  return EXIT.ok
}

export async function deleteToken(client: HttpsClient, terminal: Terminal, id: string): Promise<number> {
  await client.raw('DELETE', `${TOKENS_PATH}/${encodeURIComponent(id)}`)
  terminal.print(`token ${id} is revoked`)
  return EXIT.ok
}
