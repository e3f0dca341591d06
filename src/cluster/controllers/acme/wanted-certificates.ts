import { X509Certificate } from 'node:crypto'
import { type Ingress, IngressAnnotations, type Secret, tlsClaims } from '../../../kube/index.ts'

/** On a Secret that was made here: the directory of the authority that issued it. Its absence says: not ours. */
export const ISSUED_ANNOTATION = 'acme.bowline.dev/directory'

/** A certificate that ingresses ask for. */
export interface WantedCertificate {
  readonly hosts: readonly string[]
  /** Who asks, the oldest first. */
  readonly ingresses: readonly Ingress[]
}

/**
 * The Secrets that ingresses want from the ACME authority, by `<namespace>/<name>`: those of `spec.tls` of ingresses that say so in their
 * annotation. Wildcards are left out, for no challenge over HTTP proves them.
 */
export function wantedCertificates(served: readonly Ingress[]): ReadonlyMap<string, WantedCertificate> {
  const asking = served.filter(({ metadata }) => metadata.annotations?.[IngressAnnotations.acme] === 'true')
  const wanted = new Map<string, WantedCertificate>()
  // Claims are judged among all: a host of an older ingress elsewhere is not asked for.
  for (const { namespace, secretName, hosts } of tlsClaims(served).claims) {
    const own = asking.filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace && spec?.tls?.some(entry => entry.secretName === secretName),
    )
    const plain = hosts.filter(host => !host.startsWith('*')).sort()
    if (own.length > 0 && plain.length > 0)
      wanted.set(`${namespace}/${secretName}`, { hosts: plain, ingresses: own })
  }
  return wanted
}

export type CertificateVerdict =
  /** It is there and good, and is to be looked at again at this time. */
  | { readonly type: 'good'; readonly renewAt: number }
  | { readonly type: 'issue' }
  /** Somebody else made the Secret: it stays as it is. */
  | { readonly type: 'foreign' }

/** What is to be done for a wanted certificate. It is renewed when two thirds of its life are over. */
export function judgeCertificate(
  secret: Secret | undefined,
  { hosts }: WantedCertificate,
  { directory, now }: { readonly directory: string; readonly now: number },
): CertificateVerdict {
  if (secret === undefined) return { type: 'issue' }
  const issuer = secret.metadata.annotations?.[ISSUED_ANNOTATION]
  if (issuer === undefined) return { type: 'foreign' }
  const certificate = readCertificate(secret)
  if (issuer !== directory || certificate === undefined) return { type: 'issue' }
  const { names, notBefore, notAfter } = certificate
  if (hosts.some(host => !names.has(host)) || names.size !== hosts.length) return { type: 'issue' }
  const renewAt = notBefore + ((notAfter - notBefore) * 2) / 3
  return renewAt <= now ? { type: 'issue' } : { type: 'good', renewAt }
}

function readCertificate({
  data = {},
}: Secret):
  | { readonly names: ReadonlySet<string>; readonly notBefore: number; readonly notAfter: number }
  | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'))
    const names = (certificate.subjectAltName ?? '')
      .split(', ')
      .flatMap(name => /^DNS:(.+)$/.exec(name)?.[1] ?? [])
    return {
      names: new Set(names),
      notBefore: Date.parse(certificate.validFrom),
      notAfter: Date.parse(certificate.validTo),
    }
  } catch {
    return undefined
  }
}
