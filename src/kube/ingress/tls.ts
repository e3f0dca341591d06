import type { Ingress, IngressTLS } from '../generated/types.ts'
import { objectKey } from '../object.ts'
import { hostMatches, normalizeHost } from './host.ts'
import type { IngressProblem } from './route-table.ts'

/** For which server names a Secret's certificate is shown. */
export interface TlsClaim {
  readonly namespace: string
  readonly secretName: string
  readonly hosts: readonly string[]
}

/** The Secrets that `spec.tls` of these ingresses name: what a node that serves them reads. Each once. */
export function tlsSecrets(
  ingresses: readonly Ingress[],
): readonly { readonly namespace: string; readonly name: string }[] {
  const found = new Map<string, { readonly namespace: string; readonly name: string }>()
  for (const { metadata, spec } of ingresses)
    for (const { secretName: name } of spec?.tls ?? []) {
      const { namespace = '' } = metadata
      if (name) found.set(`${namespace}/${name}`, { namespace, name })
    }
  return [...found.values()]
}

/**
 * Which certificate stands for which host. Ingresses come the oldest first: a host is its namespace's, and another namespace's
 * certificate is not shown for it. Several Secrets of one namespace may claim one host (an RSA and an EC certificate).
 */
export function tlsClaims(ingresses: readonly Ingress[]): {
  readonly claims: readonly TlsClaim[]
  readonly problems: readonly IngressProblem[]
} {
  const owners = new Map<string, Ingress>()
  const claims = new Map<string, { namespace: string; secretName: string; hosts: Set<string> }>()
  const problems: IngressProblem[] = []
  for (const ingress of ingresses) {
    const { namespace = '' } = ingress.metadata
    for (const entry of ingress.spec?.tls ?? []) {
      const { secretName } = entry
      if (!secretName) continue
      const key = `${namespace}/${secretName}`
      const claim = claims.get(key) ?? { namespace, secretName, hosts: new Set<string>() }
      for (const written of hostsOf(ingress, entry)) {
        const host = normalizeHost(written)
        const owner = host === undefined ? undefined : owners.get(host)
        if (host === undefined)
          problems.push({
            ingress,
            reason: 'HostNotValid',
            message: `no certificate is shown for ${JSON.stringify(written)}: it is no DNS name`,
          })
        else if (owner !== undefined && owner.metadata.namespace !== namespace)
          problems.push({
            ingress,
            reason: 'CertificateNotUsed',
            message: `the certificate for ${host} is that of the older ingress ${objectKey(owner)}`,
          })
        else {
          if (owner === undefined) owners.set(host, ingress)
          claim.hosts.add(host)
        }
      }
      if (claim.hosts.size > 0) claims.set(key, claim)
    }
  }
  return { claims: [...claims.values()].map(claim => ({ ...claim, hosts: [...claim.hosts] })), problems }
}

/** The Secret names of an ingress' TLS entries that cover a host. */
export function tlsSecretsFor(ingress: Ingress, host: string): readonly string[] {
  return (ingress.spec?.tls ?? []).flatMap(entry => {
    const covers = hostsOf(ingress, entry).some(written => hostMatches(normalizeHost(written) ?? '', host))
    return covers && entry.secretName ? [entry.secretName] : []
  })
}

/** An entry that lists no host is for those of the rules. */
function hostsOf({ spec }: Ingress, { hosts = [] }: IngressTLS): readonly string[] {
  return hosts.length > 0 ? hosts : (spec?.rules ?? []).flatMap(({ host }) => host || [])
}
