import {
  DEFAULT_CLASS_ANNOTATION,
  INGRESS_CLASS,
  INGRESS_CONTROLLER,
  isAlreadyExists,
  type Kind,
  Kinds,
  type KubeObject,
} from '../../kube/index.ts'
import type { Identity, Verbs } from './contract.ts'

/** The namespaces that every cluster has. */
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** The class of the ingresses that the agents serve; the default one until somebody says otherwise. */
const CLASS_METADATA = { name: INGRESS_CLASS, annotations: { [DEFAULT_CLASS_ANNOTATION]: 'true' } }

/** Makes what every cluster has and is not there yet. Idempotent. */
export async function ensureBootstrap(verbs: Verbs, user: Identity, signal: AbortSignal): Promise<void> {
  const context = { user, warnings: [], signal, userAgent: 'bowline' }
  const options = {
    subresource: '',
    fieldManager: 'bowline',
    fieldValidation: 'Strict',
    dryRun: false,
  } as const
  async function ensure(
    kind: Kind,
    body: Pick<KubeObject, 'metadata'> & { readonly spec?: object },
  ): Promise<void> {
    try {
      await verbs.create(context, kind, '', body, options)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }
  for (const name of NAMESPACES) await ensure(Kinds.Namespace, { metadata: { name } })
  await ensure(Kinds.IngressClass, { metadata: CLASS_METADATA, spec: { controller: INGRESS_CONTROLLER } })
}
