import type { Environment } from '@marcbachmann/cel-js'

/** What an expression asks about the rights of somebody: upstream's authorizer attributes. */
export interface AccessQuestion {
  /** Undefined: the one who made the request. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | undefined
  readonly verb: string
  /** A path that is no resource; the rest is empty then. */
  readonly path: string | undefined
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly fieldSelector: string
}

export interface AccessAnswer {
  readonly allowed: boolean
  readonly reason: string
}

export type AskAccess = (question: AccessQuestion) => AccessAnswer

/** Whom questions are about, and who answers them. */
interface Asking {
  readonly ask: AskAccess
  readonly serviceAccount: AccessQuestion['serviceAccount']
}

/** What `authorizer.requestResource` is about. */
export type RequestResource = Pick<
  AccessQuestion,
  'group' | 'name' | 'namespace' | 'resource' | 'subresource'
>

const NOTHING: RequestResource = { group: '', name: '', namespace: '', resource: '', subresource: '' }

/** `authorizer` in expressions. */
export class CelAuthorizer {
  readonly asking: Asking
  readonly requestResource: ResourceCheck

  constructor(asking: Asking, request: RequestResource) {
    this.asking = asking
    this.requestResource = new ResourceCheck(asking, { ...request, fieldSelector: '' })
  }
}

class PathCheck {
  readonly asking: Asking
  readonly path: string

  constructor(asking: Asking, path: string) {
    this.asking = asking
    this.path = path
  }
}

class GroupCheck {
  readonly asking: Asking
  readonly group: string

  constructor(asking: Asking, group: string) {
    this.asking = asking
    this.group = group
  }
}

class ResourceCheck {
  readonly asking: Asking
  readonly about: RequestResource & { readonly fieldSelector: string }

  constructor(asking: Asking, about: RequestResource & { readonly fieldSelector: string }) {
    this.asking = asking
    this.about = about
  }
}

class CelDecision {
  readonly answer: AccessAnswer

  constructor(answer: AccessAnswer) {
    this.answer = answer
  }
}

const PREFIX = 'kubernetes.authorization'
const AUTHORIZER = `${PREFIX}.Authorizer`
const PATH = `${PREFIX}.PathCheck`
const GROUP = `${PREFIX}.GroupCheck`
const RESOURCE = `${PREFIX}.ResourceCheck`
const DECISION = `${PREFIX}.Decision`

/**
 * The functions of upstream's authorizer library (apiserver `pkg/cel/library/authz.go`). Authorizers here decide from memory and look at no
 * label selector; none fails, so that a decision is never an error.
 */
export function defineAuthorizer(environment: Environment): void {
  const define = (signature: string, handler: (...values: never[]) => unknown): void => {
    environment.registerFunction(signature, handler as never)
  }
  environment.registerType(DECISION, { ctor: CelDecision, fields: {} })
  environment.registerType(PATH, { ctor: PathCheck, fields: {} })
  environment.registerType(GROUP, { ctor: GroupCheck, fields: {} })
  environment.registerType(RESOURCE, { ctor: ResourceCheck, fields: {} })
  environment.registerType(AUTHORIZER, { ctor: CelAuthorizer, fields: { requestResource: RESOURCE } })
  environment.registerVariable('authorizer', AUTHORIZER)
  define(
    `${AUTHORIZER}.path(string): ${PATH}`,
    ({ asking }: CelAuthorizer, path: string) => new PathCheck(asking, path),
  )
  define(
    `${AUTHORIZER}.group(string): ${GROUP}`,
    ({ asking }: CelAuthorizer, group: string) => new GroupCheck(asking, group),
  )
  define(
    `${AUTHORIZER}.serviceAccount(string, string): ${AUTHORIZER}`,
    ({ asking, requestResource }: CelAuthorizer, namespace: string, name: string) =>
      new CelAuthorizer({ ask: asking.ask, serviceAccount: { namespace, name } }, requestResource.about),
  )
  define(
    `${GROUP}.resource(string): ${RESOURCE}`,
    ({ asking, group }: GroupCheck, resource: string) =>
      new ResourceCheck(asking, { ...NOTHING, fieldSelector: '', group, resource }),
  )
  for (const part of ['subresource', 'namespace', 'name', 'fieldSelector'] as const)
    define(
      `${RESOURCE}.${part}(string): ${RESOURCE}`,
      ({ asking, about }: ResourceCheck, value: string) =>
        new ResourceCheck(asking, { ...about, [part]: value }),
    )
  define(`${RESOURCE}.labelSelector(string): ${RESOURCE}`, (check: ResourceCheck) => check)
  define(
    `${PATH}.check(string): ${DECISION}`,
    ({ asking: { ask, serviceAccount }, path }: PathCheck, verb: string) =>
      new CelDecision(ask({ ...NOTHING, fieldSelector: '', serviceAccount, verb, path })),
  )
  define(
    `${RESOURCE}.check(string): ${DECISION}`,
    ({ asking: { ask, serviceAccount }, about }: ResourceCheck, verb: string) =>
      new CelDecision(ask({ ...about, serviceAccount, verb, path: undefined })),
  )
  define(`${DECISION}.allowed(): bool`, ({ answer }: CelDecision) => answer.allowed)
  define(`${DECISION}.reason(): string`, ({ answer }: CelDecision) => answer.reason)
  define(`${DECISION}.errored(): bool`, () => false)
  define(`${DECISION}.error(): string`, () => '')
}
