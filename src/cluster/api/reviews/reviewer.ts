import { invalidError, Problems } from '../../../kinds/index.ts'
import type { Kind, KubeObject } from '../../../kube/index.ts'
import type { RequestContext } from '../contract.ts'

/** Answers one question: the object with its status. */
export type Reviewer = (question: {
  readonly context: RequestContext
  /** `` for questions about the whole cluster. */
  readonly namespace: string
  /** Read and defaulted. */
  readonly object: KubeObject
}) => KubeObject | Promise<KubeObject>

export type Reviewers = ReadonlyMap<Kind, Reviewer>

/** The 422 for a question that makes no sense, unless `check` finds nothing wrong. */
export function refuseProblems(kind: Kind, check: (problems: Problems) => void): void {
  const problems = new Problems()
  check(problems)
  if (problems.list.length > 0) throw invalidError(kind, '', problems.list)
}

/** A question has no name and is nobody's: its metadata says nothing. */
export function answered(kind: Kind, object: KubeObject, status: object, namespace = ''): KubeObject {
  const { apiVersion, spec } = object as KubeObject & { readonly spec?: unknown }
  return {
    apiVersion,
    kind: kind.kind,
    metadata: namespace === '' ? {} : { namespace },
    ...(spec === undefined ? {} : { spec }),
    status,
  } as KubeObject
}
