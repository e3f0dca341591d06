import { StatusError, serviceAccountGroups, serviceAccountOf } from '../../../kube/index.ts'
import type { Attributes, Authorizer, Identity } from '../contract.ts'
import { AUTHENTICATED_GROUP, SYSTEM_GROUP } from './identity.ts'
import { requireAllowed } from './require-allowed.ts'

const PREFIX = 'impersonate-'
const USER = 'impersonate-user'
const GROUP = 'impersonate-group'
const UID = 'impersonate-uid'
const EXTRA = 'impersonate-extra-'
const AUTHENTICATION_GROUP = 'authentication.k8s.io'

/** The headers of a request, with lower-case names. */
export interface RequestHeaders {
  readonly headers: { readonly [name: string]: unknown }
  /** Every value of each. */
  readonly distinct: () => { readonly [name: string]: readonly string[] }
}

/**
 * Whom a request is to be judged and carried out as (`kubectl --as`): the user itself, unless its headers name another, which it must
 * be allowed to `impersonate`, every group and every other detail too (apiserver `filters/impersonation.go`).
 */
export function impersonated(user: Identity, request: RequestHeaders, authorizer: Authorizer): Identity {
  if (!asksForAnother(request)) return user
  const headers = request.distinct()
  const [username = ''] = headers[USER] ?? []
  const groups = headers[GROUP] ?? []
  const [uid] = headers[UID] ?? []
  const extra = extraOf(headers)
  if (username === '') {
    if (groups.length > 0 || uid !== undefined || Object.keys(extra).length > 0)
      throw new StatusError(
        'BadRequest',
        'groups, a uid and extra values are impersonated together with a user: set Impersonate-User',
      )
    return user
  }
  for (const asked of questionsOf({ username, groups, uid, extra }))
    requireAllowed(authorizer, { ...asked, user })
  // It exists in process only: not even an administrator is one of the server's parts.
  if (groups.includes(SYSTEM_GROUP))
    throw new StatusError('Forbidden', `groups "${SYSTEM_GROUP}" is forbidden: nobody can impersonate it`)
  return {
    username,
    groups: groupsOf(username, groups),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** Seldom: the headers in their other form, which Node makes when it is asked for, need not be made. */
function asksForAnother({ headers }: RequestHeaders): boolean {
  for (const header in headers) if (header.startsWith(PREFIX)) return true
  return false
}

/** Whoever says no groups for a ServiceAccount means its own. Everyone who is impersonated counts as authenticated. */
function groupsOf(username: string, groups: readonly string[]): readonly string[] {
  const account = serviceAccountOf(username)
  const own = groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : groups
  return [...new Set([...own, AUTHENTICATED_GROUP])]
}

function questionsOf(wanted: {
  readonly username: string
  readonly groups: readonly string[]
  readonly uid: string | undefined
  readonly extra: { readonly [key: string]: readonly string[] }
}): readonly Omit<Attributes, 'user'>[] {
  const { username, groups, uid, extra } = wanted
  const account = serviceAccountOf(username)
  return [
    account === undefined
      ? impersonate({ resource: 'users', name: username })
      : impersonate({ resource: 'serviceaccounts', ...account }),
    ...groups.map(name => impersonate({ resource: 'groups', name })),
    ...(uid === undefined ? [] : [impersonate({ group: AUTHENTICATION_GROUP, resource: 'uids', name: uid })]),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map(name =>
        impersonate({ group: AUTHENTICATION_GROUP, resource: 'userextras', subresource, name }),
      ),
    ),
  ]
}

function impersonate(
  what: Partial<Attributes> & { readonly resource: string; readonly name: string },
): Omit<Attributes, 'user'> {
  return { verb: 'impersonate', group: '', subresource: '', namespace: '', fieldSelector: '', ...what }
}

/** Keys are case-insensitive, as headers are, and percent-encoded. */
function extraOf(headers: ReturnType<RequestHeaders['distinct']>): {
  readonly [key: string]: readonly string[]
} {
  const found: Record<string, readonly string[]> = {}
  for (const [header, values = []] of Object.entries(headers))
    if (header.startsWith(EXTRA)) found[decoded(header.slice(EXTRA.length))] = values
  return found
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
