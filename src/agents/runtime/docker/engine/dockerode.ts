import { createRequire } from 'node:module'
import type Docker from 'dockerode'

const require = createRequire(import.meta.url)

/**
 * What dockerode loads at once and Bowline never asks it for: BuildKit's sessions (gRPC, protocol buffers) and engines over SSH.
 * They are three quarters of its memory, 14 MB in every agent. Each exports one function.
 */
const DEFERRED: readonly (readonly [from: string, module: string])[] = [
  ['dockerode', './session'],
  ['docker-modem', './ssh'],
]

/** dockerode, with those parts loaded when they are first called. */
export function loadDockerode(): typeof Docker {
  let from = require
  for (const [name, module] of DEFERRED) {
    // docker-modem is dockerode's dependency, to be found from there.
    from = createRequire(from.resolve(name))
    defer(from.resolve(module))
  }
  return require('dockerode') as typeof Docker
}

function defer(path: string): void {
  if (require.cache[path] !== undefined) return
  const placed = { exports: callLater(path), loaded: true, id: path, filename: path }
  require.cache[path] = placed as unknown as NodeJS.Module
}

function callLater(path: string): (...args: readonly unknown[]) => unknown {
  return (...args) => {
    delete require.cache[path]
    return (require(path) as (...args: readonly unknown[]) => unknown)(...args)
  }
}
