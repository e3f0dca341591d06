import type { RecordCommit, Trigger } from '../../audit/index.ts'
import { LayeredMap } from '../../base/index.ts'
import { type Namespace, refKey, refOf } from '../../kube/index.ts'
import type { AppRevision, Commit, Revision } from '../../sync/index.ts'
import type { AppTarget, DesiredObject } from './app-target.ts'

/** How a revision came to be looked at. */
export interface Occasion {
  readonly revision: Revision
  readonly trigger: Trigger
  /** Commits that were passed over on the way to it, oldest first. */
  readonly skipped: readonly string[]
}

/** The target that a revision sets one of its apps. */
export function targetOf(app: AppRevision, { revision, trigger, skipped }: Occasion): AppTarget {
  return {
    app: app.name,
    commit: recordCommit(revision.commit),
    trigger,
    skipped,
    isGone: false,
    desired: desiredOf(app),
    diagnostics: app.diagnostics,
    allowDelete: revision.allowDelete ?? 0,
    isClaimedElsewhere: claimsOf(revision, app),
  }
}

/** The target of an app that the revision no longer has: nothing at all. */
export function targetOfNothing(app: string, { revision, trigger, skipped }: Occasion): AppTarget {
  return {
    app,
    commit: recordCommit(revision.commit),
    trigger,
    skipped,
    isGone: true,
    desired: LayeredMap.of<string, DesiredObject>([]),
    diagnostics: [],
    allowDelete: revision.allowDelete ?? 0,
    isClaimedElsewhere: claimsOf(revision, undefined),
  }
}

/** Every cluster has it. */
const DEFAULT_NAMESPACE = 'default'

/** An app that puts objects into its own namespace brings that namespace, unless a file declares it. */
function desiredOf(app: AppRevision): LayeredMap<string, DesiredObject> {
  const { folder, namespace, declared } = app
  const own: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  const ref = refOf(own)
  const key = refKey(ref)
  if (namespace === DEFAULT_NAMESPACE || declared.has(key)) return declared
  const first = app.objects.find(object => object.ref.namespace === namespace)
  if (first === undefined) return declared
  const source = { file: folder === '' ? first.source.file : folder, line: 1, column: 1 }
  const all: LayeredMap<string, DesiredObject> = declared
  return all.with([[key, { object: own, ref, blob: undefined, source }]])
}

/** Asks whether another app of the revision declares an object. The answer book is made only when somebody asks. */
function claimsOf(revision: Revision, except: AppRevision | undefined): (key: string) => boolean {
  let claims: ReadonlySet<string> | undefined
  return key => {
    claims ??= new Set(revision.apps.flatMap(app => (app === except ? [] : [...app.declared.keys()])))
    return claims.has(key)
  }
}

function recordCommit({ id, subject, message, author, committer }: Commit): RecordCommit {
  return {
    id,
    subject,
    message,
    author: { name: author.name, email: author.email, time: author.time },
    committer: { name: committer.name, email: committer.email, time: committer.time },
  }
}
