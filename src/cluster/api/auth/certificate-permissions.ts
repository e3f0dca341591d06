import { deepEqual } from '../../../base/index.ts'
import { type CertificateSigningRequest, Kinds } from '../../../kube/index.ts'
import type { Admission, AdmissionRequest, Authorizer } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/**
 * Upstream's CertificateApproval and CertificateSigning admissions: who decides about requests needs the verb `approve` on their signer
 * (`signers`, by its name or by `<domain>/*`), and who signs them the verb `sign`, besides the right to write the subresource.
 */
export function certificatePermissions(authorizer: Authorizer): Admission {
  return {
    admit(request) {
      const { kind, verb, subresource, object, old } = request
      const isRequest =
        kind.group === Kinds.CertificateSigningRequest.group &&
        kind.kind === Kinds.CertificateSigningRequest.kind
      if (!isRequest || verb !== 'update' || object === undefined || old === undefined) return object
      const next = object as CertificateSigningRequest
      const before = old as CertificateSigningRequest
      if (subresource === 'approval') requireSigner(authorizer, request, 'approve', before.spec.signerName)
      const signs =
        subresource === 'status' &&
        (next.status?.certificate !== before.status?.certificate ||
          !deepEqual(next.status?.conditions ?? [], before.status?.conditions ?? []))
      if (signs) requireSigner(authorizer, request, 'sign', before.spec.signerName)
      return object
    },
  }
}

function requireSigner(
  authorizer: Authorizer,
  { kind, name, user }: AdmissionRequest,
  verb: 'approve' | 'sign',
  signerName: string,
): void {
  const wildcard = `${signerName.slice(0, signerName.indexOf('/'))}/*`
  const isAllowed = [signerName, wildcard].some(
    signer =>
      authorizer.authorize({
        user,
        verb,
        group: kind.group,
        resource: 'signers',
        subresource: '',
        namespace: '',
        name: signer,
        fieldSelector: '',
      }).allowed,
  )
  if (!isAllowed)
    throw forbidden(
      kind,
      name,
      `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
    )
}
