import { SYSTEM_PRIORITY_CLASSES } from '../../kinds/index.ts'
import {
  DEFAULT_CLASS_ANNOTATION,
  DEFAULT_STORAGE_CLASS,
  defaultClassOf,
  INGRESS_CLASS,
  INGRESS_CONTROLLER,
  isAlreadyExists,
  type Kind,
  Kinds,
  type KubeObject,
  LOCAL_CLASS,
  LOCAL_PROVISIONER,
  type StorageClass,
} from '../../kube/index.ts'
import type { Identity, RequestContext, Verbs } from './contract.ts'

/** The namespaces that every cluster has. */
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** The class of the ingresses that the agents serve; the default one until somebody says otherwise. */
const CLASS_METADATA = { name: INGRESS_CLASS, annotations: { [DEFAULT_CLASS_ANNOTATION]: 'true' } }

/** The ServiceAccount of pods that name none. A namespace that comes later gets it from a controller. */
const DEFAULT_ACCOUNT = { metadata: { name: 'default' } }

/**
 * Makes what every cluster has and is not there yet, with all that a pod in one of its namespaces needs to be admitted: the first request
 * that is served may make one. Idempotent.
 */
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
    body: Pick<KubeObject, 'metadata'> & { readonly [field: string]: unknown },
    namespace = '',
  ): Promise<void> {
    try {
      await verbs.create(context, kind, namespace, body, options)
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
  }
  for (const name of NAMESPACES) {
    await ensure(Kinds.Namespace, { metadata: { name } })
    await ensure(Kinds.ServiceAccount, DEFAULT_ACCOUNT, name)
  }
  await ensure(Kinds.IngressClass, { metadata: CLASS_METADATA, spec: { controller: INGRESS_CONTROLLER } })
  for (const priorityClass of SYSTEM_PRIORITY_CLASSES) await ensure(Kinds.PriorityClass, { ...priorityClass })
  const local = await missingLocalClass(verbs, context)
  if (local !== undefined) await ensure(Kinds.StorageClass, local)
}

/**
 * The class of folders on hosts, unless there is one. Its volumes are kept when their claims go: nobody loses data by a name that left
 * Git. It is the default one unless another is; whoever changed it finds it as it was left.
 */
async function missingLocalClass(verbs: Verbs, context: RequestContext) {
  const { entries } = await verbs.list(context, Kinds.StorageClass, EVERYTHING)
  const classes = entries.map(({ object }) => object as StorageClass)
  if (classes.some(({ provisioner }) => provisioner === LOCAL_PROVISIONER)) return undefined
  const isDefault = defaultClassOf(classes) === undefined
  return {
    metadata: {
      name: LOCAL_CLASS,
      ...(isDefault ? { annotations: { [DEFAULT_STORAGE_CLASS]: 'true' } } : {}),
    },
    provisioner: LOCAL_PROVISIONER,
    reclaimPolicy: 'Retain',
    allowVolumeExpansion: true,
    volumeBindingMode: 'WaitForFirstConsumer',
  }
}

const EVERYTHING = {
  namespace: '',
  labelSelector: '',
  fieldSelector: '',
  limit: 0,
  continue: '',
  resourceVersion: '',
  resourceVersionMatch: '',
} as const
