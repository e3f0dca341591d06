import type { FieldProblem } from '../../kinds/index.ts'
import { type Diagnostic, describeRef, parseManifestText } from '../../kube/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import { problemIssue } from './check-object.ts'
import { decodeText } from './parse-blob.ts'
import { placeIssues } from './place-issues.ts'
import type { DesiredObject } from './revision.ts'

/**
 * What is wrong with changing a declared object, which only whoever knows the cluster can tell, at the fields of its file. `hint` says
 * what to do about it. Throws when the file cannot be read.
 */
export async function placeProblems(
  reader: GitReader,
  { kind, ref, blob, source }: Pick<DesiredObject, 'kind' | 'ref' | 'blob' | 'source'>,
  problems: readonly FieldProblem[],
  hint: string,
): Promise<readonly Diagnostic[]> {
  const { file, line, column } = source
  const text = decodeText(await reader.readBlob(blob)) ?? ''
  const { manifests } = parseManifestText(text)
  const manifest = manifests.find(found => found.line === line && found.column === column)
  if (manifest === undefined) return []
  const issues = problems.map(problem => {
    const issue = problemIssue(kind, problem)
    return {
      ...issue,
      code: 'refused-change' as const,
      message: `${describeRef(ref)}: ${issue.message}`,
      hint,
    }
  })
  return placeIssues(text, [{ manifest, issues }]).map(problem => ({ file, ...problem }))
}
