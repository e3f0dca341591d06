import type { CertificateSigningRequest } from '../../../kube/index.ts'

/** The signer of the certificates of people and their programs. It signs what a person has approved, and decides nothing. */
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'

const USAGES: readonly string[] = ['client auth', 'digital signature', 'key encipherment']

/** Groups that a certificate of this signer never carries: they are proved otherwise, or may do everything for ever. */
const RESERVED =
  /^(system:masters|system:nodes|system:bootstrappers|system:serviceaccounts(:.*)?|bowline:.*)$/
const RESERVED_USERS = /^system:(node|bootstrap|serviceaccount|bowline):/

export interface ClientSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** Why a request is not signed though it was approved, in words for whoever made it; undefined when it is. */
export function clientProblem(
  { usages = [] }: Pick<CertificateSigningRequest['spec'], 'usages'>,
  { commonName, organizations }: ClientSubject,
): string | undefined {
  if (!usages.includes('client auth') || usages.some(usage => !USAGES.includes(usage)))
    return `The usages must include "client auth" and otherwise be of ${USAGES.map(usage => `"${usage}"`).join(', ')}.`
  if (commonName === '') return 'The common name must name the user.'
  if (RESERVED_USERS.test(commonName))
    return `A certificate of this signer cannot be of the user ${JSON.stringify(commonName)}.`
  const group = organizations.find(organization => RESERVED.test(organization))
  if (group !== undefined)
    return `A certificate of this signer cannot put its user into the group ${JSON.stringify(group)}.`
  return undefined
}
