/**
 * X.509 for Bowline's own certificate authority: make it, issue server and client certificates, make and sign PKCS#10 requests,
 * and say when a certificate should be renewed. PEM texts in, PEM texts out; nothing is kept, nothing is written to disk.
 * Signed tokens likewise. Keys are EC P-256 in PKCS#8. The only door of `@peculiar/x509`.
 *
 *     const authority = await createAuthority(clock)
 *     const { privateKey, request } = await createKeyAndRequest({ commonName: 'system:node:host-1', organizations: ['system:nodes'] })
 *     const certificate = await signRequest({ authority, request, subject, usages: ['client'], validity: validFrom(clock.now(), 30 * DAY_MS) })
 */
export { type Authority, createAuthority, loadAuthority } from './authority.ts'
export { issueCertificate } from './issue.ts'
export { createKeyPair } from './key.ts'
export { createKeyAndRequest } from './key-request.ts'
export { type CertificateFacts, fingerprint, readCertificate } from './read.ts'
export { readRequest, signRequest } from './request.ts'
export {
  type Claims,
  loadTokenKey,
  openToken,
  publicWebKey,
  signToken,
  TOKEN_ALGORITHM,
  type TokenKey,
} from './signed-token.ts'
export { DAY_MS, renewalTime, type Validity, validFrom } from './validity.ts'
