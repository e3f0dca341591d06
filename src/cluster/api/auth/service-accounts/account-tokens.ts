import type { Clock, Ids } from '../../../../base/index.ts'
import {
  formatTime,
  type Kind,
  Kinds,
  type KubeObject,
  parseTime,
  serviceAccountGroups,
  serviceAccountUser,
} from '../../../../kube/index.ts'
import { type Claims, openToken, signToken, type TokenKey } from '../../../../pki/index.ts'
import type { RefusedToken, TokenVerifier, VerifiedToken } from '../authenticator.ts'

/** An object that a token lives and dies with. */
export interface Bound {
  readonly name: string
  readonly uid: string
}

/** Whose token it is, for whom, for how long, and what it is bound to besides its ServiceAccount. */
export interface TokenOrder {
  readonly namespace: string
  readonly account: Bound
  /** None: for this API. */
  readonly audiences: readonly string[]
  readonly seconds: number
  readonly pod?: Bound | undefined
  readonly secret?: Bound | undefined
  /** Of a pod: where it runs; that is told and not checked. Without a pod the token ends with the node. */
  readonly node?: Bound | undefined
}

export interface AccountTokens extends TokenVerifier {
  issue(order: TokenOrder): { readonly token: string; readonly expirationTimestamp: string }
}

export interface AccountTokensOptions {
  readonly key: TokenKey
  /** What tokens name as their issuer, and whom those are for that name nobody. */
  readonly issuer: string
  /** The newest state of an object; undefined when it is not there. */
  readonly find: (kind: Kind, namespace: string, name: string) => Promise<KubeObject | undefined>
  readonly clock: Clock
  readonly ids: Ids
}

/** How long a token is good after the deletion of what it is bound to was asked for (apiserver `jwt.DefaultLeeway`). */
const LEEWAY_MS = 60_000
const MAX_OPENED = 1_000
const EXTRA = 'authentication.kubernetes.io'

/**
 * The tokens of ServiceAccounts, bound as upstream's are (KEP 1205): signed by a key of the store, good for the audiences that they
 * name, until they expire or an object that they name is gone. A ServiceAccount, pod, Secret or node that was made anew under its old
 * name is another one.
 */
export function createAccountTokens(options: AccountTokensOptions): AccountTokens {
  const { key, issuer, find, clock, ids } = options

  /** Genuine tokens that were seen lately: a signature is checked once, everything that may change at every use. */
  const opened = new Map<string, Claims>()

  function open(token: string): ReturnType<typeof openToken> {
    const known = opened.get(token)
    if (known !== undefined) return known
    const claims = openToken(key, token)
    if (claims === 'forged' || claims === 'unknown') return claims
    const [oldest] = opened.keys()
    if (opened.size >= MAX_OPENED && oldest !== undefined) opened.delete(oldest)
    opened.set(token, claims)
    return claims
  }

  async function lives(kind: Kind, namespace: string, bound: Bound): Promise<boolean> {
    const object = await find(kind, namespace, bound.name)
    if (object === undefined || object.metadata.uid !== bound.uid) return false
    const deletedAt = parseTime(object.metadata.deletionTimestamp)
    return deletedAt === undefined || clock.now() < deletedAt + LEEWAY_MS
  }

  /** Why it is good no more; undefined while it is. */
  async function problemOf({ namespace, account, pod, secret, node }: Origin): Promise<string | undefined> {
    const needed: readonly (readonly [Kind, string, Bound | undefined])[] = [
      [Kinds.ServiceAccount, namespace, account],
      [Kinds.Pod, namespace, pod],
      [Kinds.Secret, namespace, secret],
      [Kinds.Node, '', pod === undefined ? node : undefined],
    ]
    for (const [kind, place, bound] of needed)
      if (bound !== undefined && !(await lives(kind, place, bound)))
        return 'service account token has been invalidated'
    return undefined
  }

  return {
    issue(order) {
      const { namespace, account, audiences, seconds, pod, secret, node } = order
      const now = Math.floor(clock.now() / 1000)
      const token = signToken(key, {
        aud: audiences.length === 0 ? [issuer] : [...audiences],
        exp: now + seconds,
        iat: now,
        iss: issuer,
        jti: ids.uid(),
        'kubernetes.io': {
          namespace,
          ...(node === undefined ? {} : { node }),
          ...(pod === undefined ? {} : { pod }),
          ...(secret === undefined ? {} : { secret }),
          serviceaccount: account,
        },
        nbf: now,
        sub: serviceAccountUser(namespace, account.name),
      })
      return { token, expirationTimestamp: formatTime((now + seconds) * 1000) }
    },

    async verify(token, audiences): Promise<VerifiedToken | RefusedToken | undefined> {
      const claims = open(token)
      if (claims === 'unknown') return undefined
      if (claims === 'forged') return { error: 'the signature of the token is not good' }
      const origin = originOf(claims)
      if (claims.iss !== issuer || origin === undefined) return undefined
      const now = clock.now() / 1000
      if (!(Number(claims.exp) > now)) return { error: 'service account token has expired' }
      if (!(Number(claims.nbf) <= now)) return { error: 'service account token is not valid yet' }
      const made = Array.isArray(claims.aud) ? claims.aud.map(String) : []
      const good = audiences.filter(audience => made.includes(audience))
      if (good.length === 0)
        return {
          error: `token audiences ${JSON.stringify(made)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
        }
      const error = await problemOf(origin)
      return error === undefined ? { identity: identityOf(origin), audiences: good } : { error }
    },
  }
}

/** What a token says of where it comes from. */
interface Origin {
  readonly id: string
  readonly namespace: string
  readonly account: Bound
  readonly pod: Bound | undefined
  readonly secret: Bound | undefined
  readonly node: Bound | undefined
}

/** The server signed it, so its shape is the one that it writes; undefined for that of another version. */
function originOf(claims: Claims): Origin | undefined {
  const own = claims['kubernetes.io'] as
    | { readonly namespace?: string; readonly serviceaccount?: Bound; readonly [bound: string]: unknown }
    | undefined
  const { namespace, serviceaccount: account } = own ?? {}
  if (namespace === undefined || account === undefined) return undefined
  return {
    id: String(claims.jti),
    namespace,
    account,
    pod: own?.pod as Bound | undefined,
    secret: own?.secret as Bound | undefined,
    node: own?.node as Bound | undefined,
  }
}

function identityOf({ id, namespace, account, pod, node }: Origin): VerifiedToken['identity'] {
  const about = (name: 'node' | 'pod', bound: Bound | undefined) =>
    bound === undefined
      ? {}
      : { [`${EXTRA}/${name}-name`]: [bound.name], [`${EXTRA}/${name}-uid`]: [bound.uid] }
  return {
    username: serviceAccountUser(namespace, account.name),
    uid: account.uid,
    groups: serviceAccountGroups(namespace),
    extra: { [`${EXTRA}/credential-id`]: [`JTI=${id}`], ...about('node', node), ...about('pod', pod) },
  }
}
