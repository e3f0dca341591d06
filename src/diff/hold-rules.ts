import { describeRef, type ObjectRef } from '../kube/index.ts'
import type { Hold } from './plan.ts'

/** Deletions below this number do not hold a plan for being more than half of an app. */
const MANY = 5

export interface Deletions {
  readonly app: string
  readonly refs: readonly ObjectRef[]
  /** How many objects the app owns and keeps. */
  readonly kept: number
  /** What the commit's trailer allows; 0 without one. */
  readonly allowed: number | 'all'
  readonly isBusyNamespace: (name: string) => boolean
  readonly holdsClaims: (namespace: string) => boolean
  readonly ownsClaims: (ref: ObjectRef) => boolean
}

/**
 * Why deletions wait for a person, if so: they leave nothing of the app, they are at least five and more than half of it, they take a
 * namespace along in which pods run or claims are, a claim or volume with data, the owner of claims, or a definition with the objects of its kind. The trailer that allows their number lets them go.
 */
export function holdOf({
  app,
  refs,
  kept,
  allowed,
  isBusyNamespace,
  holdsClaims,
  ownsClaims,
}: Deletions): Hold | undefined {
  const deletes = refs.length
  if (deletes === 0 || allowed === 'all' || allowed >= deletes) return undefined
  const trailer = `to let it go, commit with the trailer "Bowline-Allow-Delete: ${deletes}" (or "all")`
  if (kept === 0) {
    const what = deletes === 1 ? 'the only object' : `all ${deletes} objects`
    return {
      reason: 'deletes-everything',
      message: `This plan deletes ${what} of app ${app}; ${trailer}`,
      deletes,
    }
  }
  const busy = refs.find(ref => isNamespace(ref) && isBusyNamespace(ref.name))
  if (busy !== undefined) {
    const message = `This plan deletes namespace ${busy.name}, in which pods run; ${trailer}`
    return { reason: 'deletes-busy-namespace', message, deletes }
  }
  // A StatefulSet's are in no manifest, and one that is scaled down has no pods.
  const full = refs.find(ref => isNamespace(ref) && holdsClaims(ref.name))
  if (full !== undefined) {
    const message = `This plan deletes namespace ${full.name}, and with it the data of the claims there; ${trailer}`
    return { reason: 'deletes-data', message, deletes }
  }
  const data = refs.find(holdsData)
  if (data !== undefined) {
    const loss = isDefinition(data) ? 'every object of its kind' : "the app's way to its data"
    const message = `This plan deletes ${describeRef(data)}, and with it ${loss}; ${trailer}`
    return { reason: 'deletes-data', message, deletes }
  }
  const owner = refs.find(ownsClaims)
  if (owner !== undefined) {
    const message = `This plan deletes ${describeRef(owner)}, and with it the claims that it owns; ${trailer}`
    return { reason: 'deletes-data', message, deletes }
  }
  if (deletes < MANY || deletes <= kept) return undefined
  const message = `This plan deletes ${deletes} of the ${deletes + kept} objects of app ${app}; ${trailer}`
  return { reason: 'deletes-most', message, deletes }
}

/** Whatever becomes of the data on its host: a claim that is made again does not find it. A definition takes its objects along. */
export function holdsData(ref: ObjectRef): boolean {
  const isVolume =
    ref.apiVersion === 'v1' && (ref.kind === 'PersistentVolumeClaim' || ref.kind === 'PersistentVolume')
  return isVolume || isDefinition(ref)
}

function isDefinition({ apiVersion, kind }: ObjectRef): boolean {
  return apiVersion === 'apiextensions.k8s.io/v1' && kind === 'CustomResourceDefinition'
}

function isNamespace(ref: ObjectRef): boolean {
  return ref.apiVersion === 'v1' && ref.kind === 'Namespace'
}
