import type { Identity } from '../contract.ts'

/** The group of upstream's audit events. */
const API_VERSION = 'audit.k8s.io/v1'

/** What was asked, by whom, and how it ended. */
export interface AuditedRequest {
  readonly auditId: string
  /** In upper case. */
  readonly method: string
  /** Path and query, as they were sent. */
  readonly uri: string
  readonly sourceAddress: string | undefined
  readonly userAgent: string | undefined
  /** Who proved who they are; undefined: nobody did. */
  readonly requester: Identity | undefined
  /** Whom the request was carried out as. */
  readonly user: Identity | undefined
  /** What the path names; undefined when it is no resource. */
  readonly resource: AuditedResource | undefined
  readonly code: number
  readonly annotations: ReadonlyMap<string, string>
  readonly receivedMs: number
  readonly endedMs: number
}

export interface AuditedResource {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
}

/**
 * The event of upstream's audit log at the level `Metadata` (apiserver `pkg/apis/audit/v1`): who, what, when and how it ended. No body is in
 * it, so that no Secret can be.
 */
export function auditEvent(request: AuditedRequest): object {
  const { method, requester, user, resource, sourceAddress, userAgent, annotations } = request
  const isOther = user !== undefined && requester !== undefined && user !== requester
  return {
    kind: 'Event',
    apiVersion: API_VERSION,
    level: 'Metadata',
    auditID: request.auditId,
    stage: 'ResponseComplete',
    requestURI: request.uri,
    verb: verbOf(method, resource),
    user: requester === undefined ? {} : userInfo(requester),
    ...(isOther ? { impersonatedUser: userInfo(user) } : {}),
    ...(sourceAddress === undefined ? {} : { sourceIPs: [sourceAddress] }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(resource === undefined ? {} : { objectRef: objectRef(resource) }),
    responseStatus: { metadata: {}, code: request.code },
    requestReceivedTimestamp: microTime(request.receivedMs),
    stageTimestamp: microTime(request.endedMs),
    ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
  }
}

const VERBS: Readonly<Record<string, string>> = { PATCH: 'patch', POST: 'create', PUT: 'update' }

function verbOf(method: string, resource: AuditedResource | undefined): string {
  if (resource === undefined) return method.toLowerCase()
  if (method === 'DELETE') return resource.name === '' ? 'deletecollection' : 'delete'
  return VERBS[method] ?? method.toLowerCase()
}

function userInfo({ username, uid, groups, extra }: Identity): object {
  return {
    username,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  }
}

/** Upstream leaves out what is empty. */
function objectRef({ group, version, resource, subresource, namespace, name }: AuditedResource): object {
  const all = { resource, namespace, name, apiGroup: group, apiVersion: version, subresource }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/Z$/, '000Z')
}
