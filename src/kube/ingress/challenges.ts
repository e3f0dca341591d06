import type { ConfigMap } from '../generated/types.ts'

/**
 * The ConfigMap by which the server tells every node what to answer an ACME authority that asks over HTTP: each key is a token,
 * each value its key authorization. Nothing in it is secret.
 */
export const ACME_CHALLENGES = { namespace: 'kube-system', name: 'bowline-acme-challenges' } as const

/** On a Node: the challenges that its ingress answers, as `challengesDigest` puts them. */
export const CHALLENGES_ANSWERED_ANNOTATION = 'network.bowline.dev/acme-challenges'

/** RFC 8555, 8.3: base64url, and a token of at least 128 bits; and the thumbprint behind it. */
const TOKEN = /^[-_A-Za-z0-9]{22,256}$/
const AUTHORIZATION = /^[-_A-Za-z0-9]{22,256}\.[-_A-Za-z0-9]{43}$/

/** Token and key authorization of every challenge that is well formed, sorted by token. */
export function challengesOf(object: ConfigMap | undefined): readonly (readonly [string, string])[] {
  return Object.entries(object?.data ?? {})
    .filter(([token, answer]) => TOKEN.test(token) && AUTHORIZATION.test(answer))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** What a node that answers exactly these challenges has in its annotation. */
export function challengesDigest(challenges: readonly (readonly [string, string])[]): string {
  return challenges.map(([token]) => token.slice(0, 22)).join(',')
}
