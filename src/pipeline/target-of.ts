import type { RecordCommit, Trigger } from '../audit/index.ts'
import { type Namespace, refKey, refOf } from '../kube/index.ts'
import type { AppRevision, Commit, Revision } from '../sync/index.ts'
import type { AppTarget, DesiredObject } from './app-target.ts'

/** The target that a revision sets one of its apps. */
export function targetOf(options: {
  readonly app: AppRevision
  readonly revision: Revision
  readonly trigger: Trigger
  readonly skipped: readonly string[]
}): AppTarget {
  const { app, revision, trigger, skipped } = options
  const desired = new Map<string, DesiredObject>()
  for (const object of withNamespace(app)) desired.set(refKey(refOf(object.object)), object)
  return {
    app: app.name,
    commit: recordCommit(revision.commit),
    trigger,
    skipped,
    desired,
    diagnostics: app.diagnostics,
    allowDelete: revision.allowDelete ?? 0,
    isClaimedElsewhere: claimsOf(revision, app),
  }
}

/** Every cluster has it. */
const DEFAULT_NAMESPACE = 'default'

/** An app that puts objects into its own namespace brings that namespace, unless a file declares it. */
function withNamespace({ folder, namespace, objects }: AppRevision): readonly DesiredObject[] {
  const first = objects.find(({ object }) => object.metadata.namespace === namespace)
  const isDeclared = objects.some(
    ({ object }) => object.kind === 'Namespace' && object.metadata.name === namespace,
  )
  if (namespace === DEFAULT_NAMESPACE || first === undefined || isDeclared) return objects
  const object: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  return [
    { object, source: { file: folder === '' ? first.source.file : folder, line: 1, column: 1 } },
    ...objects,
  ]
}

/** The target of an app that the revision no longer has: nothing at all. */
export function targetOfNothing(app: string, revision: Revision): AppTarget {
  return {
    app,
    commit: recordCommit(revision.commit),
    trigger: 'push',
    skipped: [],
    desired: new Map(),
    diagnostics: [],
    allowDelete: revision.allowDelete ?? 0,
    isClaimedElsewhere: claimsOf(revision, undefined),
  }
}

/** Asks whether another app of the revision declares an object. The answer book is made only when somebody asks. */
function claimsOf(revision: Revision, except: AppRevision | undefined): (key: string) => boolean {
  let claims: ReadonlySet<string> | undefined
  return key => {
    claims ??= new Set(
      revision.apps.flatMap(app =>
        app === except ? [] : app.objects.map(({ object }) => refKey(refOf(object))),
      ),
    )
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
