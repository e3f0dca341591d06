import type { Environment } from '@marcbachmann/cel-js'
import type { GroupVersionKind } from '../../schema/schema.ts'

export interface GroupVersionResource {
  readonly group: string
  readonly version: string
  readonly resource: string
}

/** `admission.k8s.io/v1` AdmissionRequest, without its objects and its uid: what expressions may ask of `request`. */
export interface AdmissionRequestValue {
  readonly kind: GroupVersionKind
  readonly resource: GroupVersionResource
  readonly subResource: string
  readonly requestKind: GroupVersionKind
  readonly requestResource: GroupVersionResource
  readonly requestSubResource: string
  readonly name: string
  readonly namespace: string
  readonly operation: 'CONNECT' | 'CREATE' | 'DELETE' | 'UPDATE'
  readonly userInfo: {
    readonly username: string
    readonly uid: string
    readonly groups: readonly string[]
    readonly extra: { readonly [key: string]: readonly string[] }
  }
  readonly dryRun: boolean
  /** What was asked of the write: CreateOptions, UpdateOptions, PatchOptions or DeleteOptions. */
  readonly options: { readonly [field: string]: unknown }
}

class Request {}
class RequestKind {}
class RequestResourceName {}
class User {}

const TYPE = 'kubernetes.AdmissionRequest'
const KIND = 'kubernetes.GroupVersionKind'
const RESOURCE = 'kubernetes.GroupVersionResource'
const USER = 'kubernetes.UserInfo'

/** The variable `request` and its types: a field that is not there is found when a policy is written. */
export function defineRequest(environment: Environment): void {
  const text = { group: 'string', version: 'string' }
  environment.registerType(KIND, { ctor: RequestKind, fields: { ...text, kind: 'string' } })
  environment.registerType(RESOURCE, { ctor: RequestResourceName, fields: { ...text, resource: 'string' } })
  environment.registerType(USER, {
    ctor: User,
    fields: {
      username: 'string',
      uid: 'string',
      groups: 'list<string>',
      extra: 'map<string, list<string>>',
    },
  })
  environment.registerType(TYPE, {
    ctor: Request,
    fields: {
      kind: KIND,
      resource: RESOURCE,
      subResource: 'string',
      requestKind: KIND,
      requestResource: RESOURCE,
      requestSubResource: 'string',
      name: 'string',
      namespace: 'string',
      operation: 'string',
      userInfo: USER,
      dryRun: 'bool',
      options: 'dyn',
    },
  })
  environment.registerVariable('request', TYPE)
}

/** A request as the environment has it. What is empty is there and empty, as upstream has it of a struct's fields. */
export function requestValue(request: AdmissionRequestValue): object {
  return Object.assign(new Request(), request, {
    kind: Object.assign(new RequestKind(), request.kind),
    resource: Object.assign(new RequestResourceName(), request.resource),
    requestKind: Object.assign(new RequestKind(), request.requestKind),
    requestResource: Object.assign(new RequestResourceName(), request.requestResource),
    userInfo: Object.assign(new User(), {
      ...request.userInfo,
      groups: [...request.userInfo.groups],
      extra: new Map(Object.entries(request.userInfo.extra)),
    }),
  })
}
