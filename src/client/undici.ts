import { createRequire } from 'node:module'
import type { Agent } from 'undici'

const require = createRequire(import.meta.url)

let known: typeof Agent | undefined

/**
 * undici's agent, loaded when it is first wanted: a server has none. Its parts are loaded one by one as its own index does, for
 * with all of it (fetch, WebSockets, mocks, caches) every agent of a host would hold 9 MB that it never uses.
 */
export function createAgent(options: Agent.Options): Agent {
  known ??= loadAgent()
  return new known(options)
}

function loadAgent(): typeof Agent {
  const { prototype } = require('undici/lib/dispatcher/dispatcher.js') as { prototype: object }
  const { request } = require('undici/lib/api/index.js') as { request: unknown }
  Object.assign(prototype, { request })
  return require('undici/lib/dispatcher/agent.js') as typeof Agent
}
