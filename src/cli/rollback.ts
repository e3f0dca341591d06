import { BowlineError } from '../base/index.ts'
import type { HttpsClient } from '../client/index.ts'
import { Kinds } from '../kube/index.ts'
import { rollBack } from '../repository.ts'
import { shortId } from './plan-text.ts'
import type { Terminal } from './terminal.ts'

/** Makes and publishes the revert of a commit in the repository that the server follows; the new commit's id. */
export async function revertCommit(
  client: HttpsClient,
  terminal: Terminal,
  revision: string,
  signal: AbortSignal,
): Promise<string> {
  const { items } = await client.list(Kinds.App)
  const roots = items.filter(({ metadata }) => !metadata.ownerReferences?.length)
  const [root] = roots
  if (root === undefined || roots.length > 1)
    throw new BowlineError(
      'bad-input',
      `Cannot roll back: the server follows ${roots.length} repositories, not one`,
      {
        data: { next: 'use `git revert` and `git push` in the repository that you mean' },
      },
    )
  const { commit, reverted, isCheckedOut } = await rollBack({ source: root.spec.source, revision, signal })
  terminal.print(
    `reverted ${shortId(reverted.id)} "${reverted.subject}" as ${shortId(commit)} on ${root.spec.source.branch}`,
  )
  if (isCheckedOut)
    terminal.note(
      'note: the work tree still shows the files as they were; `git restore --staged --worktree .` updates it',
    )
  return commit
}
