import type { Keyring } from '../../../src/agents/kept/keyring.ts'
import { secretSeal } from '../../../src/agents/kept/seal.ts'

/** A keyring that is the same for every agent of a test, however often it starts. */
export const testKeyring: Keyring = {
  seal: purpose => secretSeal(Buffer.alloc(32, 7), purpose),
  admit: async () => {},
  settle: async () => {},
}
