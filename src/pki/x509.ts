import { webcrypto } from 'node:crypto'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
let loaded: typeof import('@peculiar/x509') | undefined

/** The X.509 library, loaded when it is first needed: an agent only makes requests, and would hold 15 MB for it. */
export function x509(): typeof import('@peculiar/x509') {
  loaded ??= load()
  return loaded
}

function load(): typeof import('@peculiar/x509') {
  // The library resolves its parts by decorators, which need this before anything of it is loaded.
  require('reflect-metadata')
  const library = require('@peculiar/x509') as typeof import('@peculiar/x509')
  // On Node 20 it does not find the platform's own cryptography by itself.
  library.cryptoProvider.set(webcrypto)
  return library
}
