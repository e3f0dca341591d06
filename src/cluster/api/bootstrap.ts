import { isAlreadyExists, Kinds } from '../../kube/index.ts'
import type { Identity, Verbs } from './contract.ts'

/** The namespaces that every cluster has. */
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** Makes what every cluster has and is not there yet. Idempotent. */
export async function ensureBootstrap(verbs: Verbs, user: Identity, signal: AbortSignal): Promise<void> {
  const context = { user, warnings: [], signal, userAgent: 'bowline' }
  const options = {
    subresource: '',
    fieldManager: 'bowline',
    fieldValidation: 'Strict',
    dryRun: false,
  } as const
  for (const name of NAMESPACES) {
    try {
      await verbs.create(context, Kinds.Namespace, '', { metadata: { name } }, options)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }
}
