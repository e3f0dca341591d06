/** The subresources that show the object itself and are written like it. */
const VIEWS: readonly string[] = ['', 'status', 'approval', 'ephemeralcontainers', 'finalize']

/** True for the object itself and the subresources that show it. */
export function isView(subresource: string): boolean {
  return VIEWS.includes(subresource)
}
