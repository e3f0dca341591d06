import { type Client, type IndexFunction, ifFound, type Lister } from '../../client/index.ts'
import {
  apiVersionOf,
  type Kind,
  type KubeObject,
  type LabelSelector,
  matchesLabels,
  type OwnerReference,
  refOf,
} from '../../kube/index.ts'

/** The index of objects by the uid of their controller, and of those without one by their namespace. */
export const CONTROLLER_INDEX = 'controller'

export const byController: IndexFunction<KubeObject> = object => [
  controllerOf(object)?.uid ?? orphansOf(object.metadata.namespace),
]

/** The value of {@link CONTROLLER_INDEX} for the objects of a namespace that no one controls. */
function orphansOf(namespace: string | undefined): string {
  return `orphans/${namespace ?? ''}`
}

/** The one owner that manages an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(reference => reference.controller)
}

/** The reference by which `owner` manages what it makes. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, name } = refOf(owner)
  return {
    apiVersion,
    kind,
    name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** What `owner` controls already, and what of its namespace nobody controls; from a cache with {@link CONTROLLER_INDEX}. */
export function claimable<T extends KubeObject>(objects: Lister<T>, { metadata }: KubeObject): readonly T[] {
  return [
    ...objects.byIndex(CONTROLLER_INDEX, metadata.uid ?? ''),
    ...objects.byIndex(CONTROLLER_INDEX, orphansOf(metadata.namespace)),
  ]
}

export interface ClaimOptions<T extends KubeObject, O extends KubeObject> {
  readonly client: Client
  readonly owner: O
  readonly ownerKind: Kind<O>
  readonly kind: Kind<T>
  readonly selector: LabelSelector
  /** Of {@link claimable}. */
  readonly candidates: readonly T[]
}

/**
 * What `owner` controls afterwards: it lets go of what its selector no longer matches and adopts what it matches and nobody
 * controls (apimachinery's controller ref manager). Adoption first asks the server whether the owner still lives.
 */
export async function claim<T extends KubeObject, O extends KubeObject>(
  options: ClaimOptions<T, O>,
): Promise<readonly T[]> {
  const { owner, selector, candidates } = options
  const ending = owner.metadata.deletionTimestamp !== undefined
  const claimed: T[] = []
  let checked: Promise<boolean> | undefined
  for (const candidate of candidates) {
    const controller = controllerOf(candidate)
    const matches = matchesLabels(selector, candidate.metadata.labels)
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue
      if (matches) claimed.push(candidate)
      else if (!ending) await release(options, candidate)
      continue
    }
    if (ending || !matches || candidate.metadata.deletionTimestamp !== undefined) continue
    checked ??= isAlive(options)
    if (!(await checked)) continue
    const adopted = await adopt(options, candidate)
    if (adopted !== undefined) claimed.push(adopted)
  }
  return claimed
}

async function isAlive<T extends KubeObject, O extends KubeObject>({
  client,
  owner,
  ownerKind,
}: ClaimOptions<T, O>): Promise<boolean> {
  const { namespace, name, uid } = refOptions(owner)
  const fresh = await client.get(ownerKind, name, { namespace })
  return fresh.metadata.uid === uid && fresh.metadata.deletionTimestamp === undefined
}

function adopt<T extends KubeObject, O extends KubeObject>(
  options: ClaimOptions<T, O>,
  candidate: T,
): Promise<T | undefined> {
  const reference = { ...controllerReference(options.owner), apiVersion: apiVersionOf(options.ownerKind) }
  return writeOwners(options, candidate, [...(candidate.metadata.ownerReferences ?? []), reference])
}

async function release<T extends KubeObject, O extends KubeObject>(
  options: ClaimOptions<T, O>,
  candidate: T,
): Promise<void> {
  const { uid } = options.owner.metadata
  const rest = (candidate.metadata.ownerReferences ?? []).filter(reference => reference.uid !== uid)
  await writeOwners(options, candidate, rest)
}

/** Undefined when the object is gone. The version guards against writing over an owner that came meanwhile. */
function writeOwners<T extends KubeObject, O extends KubeObject>(
  { client, kind }: ClaimOptions<T, O>,
  object: T,
  ownerReferences: readonly OwnerReference[],
): Promise<T | undefined> {
  const { namespace, name, uid } = refOptions(object)
  const { resourceVersion } = object.metadata
  const body = { metadata: { uid, resourceVersion, ownerReferences } }
  return ifFound(client.patch(kind, name, { type: 'merge', body }, { namespace }))
}

function refOptions(object: KubeObject): { namespace: string; name: string; uid: string | undefined } {
  const { namespace = '', name = '', uid } = object.metadata
  return { namespace, name, uid }
}
