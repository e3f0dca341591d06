/** isomorphic-git, loaded when it is first needed: where there is a git command it is not, and holds no 16 MB. */
export function isomorphicGit(): Promise<typeof import('isomorphic-git')> {
  return import('isomorphic-git')
}
