import type { Clock } from '../../../base/index.ts'
import { formatTime, type Kind, Reviews, type TokenReview, type UserInfo } from '../../../kube/index.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Identity } from '../contract.ts'
import { badRequest } from '../refusals.ts'
import { answered, type Reviewer } from './reviewer.ts'

/** `authentication.k8s.io/v1`: who am I, and whose is this token. */
export function authenticationReviews(
  authenticator: Pick<Authenticator, 'reviewToken'>,
  clock: Pick<Clock, 'now'>,
): readonly (readonly [Kind, Reviewer])[] {
  return [
    [
      Reviews.SelfSubjectReview,
      ({ context, object }) => {
        const answer = answered(Reviews.SelfSubjectReview, object, { userInfo: userInfoOf(context.user) })
        // Of all reviews this one says when it was asked (apiserver `registry/authentication/selfsubjectreview`).
        return { ...answer, metadata: { creationTimestamp: formatTime(clock.now()) } }
      },
    ],
    [
      Reviews.TokenReview,
      async ({ object }) => {
        const { token = '', audiences = [] } = (object as TokenReview).spec ?? {}
        if (token === '') throw badRequest('token is required for TokenReview in authentication')
        return answered(Reviews.TokenReview, object, await statusOf(authenticator, token, audiences))
      },
    ],
  ]
}

/** Why a token is not good is told; that it is not is no failure of the request. */
async function statusOf(
  authenticator: Pick<Authenticator, 'reviewToken'>,
  token: string,
  audiences: readonly string[],
): Promise<object> {
  const found = await authenticator.reviewToken(token, audiences)
  if ('error' in found) return { user: {}, error: found.error }
  return {
    authenticated: true,
    user: userInfoOf(found.identity),
    ...(found.audiences.length === 0 ? {} : { audiences: found.audiences }),
  }
}

/** An identity as the API shows it. */
export function userInfoOf({ username, groups, uid, extra }: Identity): UserInfo {
  return {
    username,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined ? {} : { extra }),
  }
}
