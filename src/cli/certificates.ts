import { X509Certificate } from 'node:crypto'
import type { Client } from '../client/index.ts'
import { type Ingress, isForbidden, isNotFound, Kinds, type Secret, tlsSecrets } from '../kube/index.ts'

/** A certificate that an ingress shows, or shall show. */
export interface CertificateSummary {
  /** `<namespace>/<name>` of its Secret. */
  readonly secret: string
  readonly hosts: readonly string[]
  /** Absent where the Secret is missing or holds no certificate. */
  readonly expires?: string
  readonly daysLeft?: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** The certificates of all ingresses that the user may look at, the one that expires first at the top. */
export async function readCertificates(client: Client, now: number): Promise<readonly CertificateSummary[]> {
  const { items } = await client.list(Kinds.Ingress)
  const found = await Promise.all(
    tlsSecrets(items).map(async ({ namespace, name }) => {
      const secret = await readSecret(client, namespace, name)
      return secret === 'forbidden' ? [] : [summarizeCertificate(`${namespace}/${name}`, items, secret, now)]
    }),
  )
  return found.flat().sort((a, b) => (a.daysLeft ?? -Infinity) - (b.daysLeft ?? -Infinity))
}

/** What is to be said of one Secret. A part of a day does not count as one. */
export function summarizeCertificate(
  secret: string,
  ingresses: readonly Ingress[],
  object: Secret | undefined,
  now: number,
): CertificateSummary {
  const hosts = ingresses.flatMap(({ metadata, spec }) =>
    (spec?.tls ?? []).flatMap(entry =>
      `${metadata.namespace}/${entry.secretName}` === secret ? (entry.hosts ?? []) : [],
    ),
  )
  const summary = { secret, hosts: [...new Set(hosts)].sort() }
  const notAfter = endOf(object)
  if (notAfter === undefined) return summary
  const expires = new Date(notAfter).toISOString().slice(0, 10)
  return { ...summary, expires, daysLeft: Math.floor((notAfter - now) / DAY_MS) }
}

function endOf(object: Secret | undefined): number | undefined {
  try {
    return Date.parse(new X509Certificate(Buffer.from(object?.data?.['tls.crt'] ?? '', 'base64')).validTo)
  } catch {
    return undefined
  }
}

async function readSecret(
  client: Client,
  namespace: string,
  name: string,
): Promise<Secret | 'forbidden' | undefined> {
  try {
    return await client.get(Kinds.Secret, name, { namespace })
  } catch (error) {
    if (isNotFound(error)) return undefined
    if (isForbidden(error)) return 'forbidden'
    throw error
  }
}
