import { BowlineError, type Clock, type Ids } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { type CertificateSigningRequest, Kinds } from '../../kube/index.ts'

export interface CertificateOptions {
  /** Who asks: with a join token, or with the certificate to be renewed. */
  readonly client: Client
  readonly nodeName: string
  readonly clock: Clock
  readonly ids: Ids
  readonly signal: AbortSignal
}

/** kubelet's signer for client certificates of nodes, which approves what the asker may have. */
const SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'
const ASK_EVERY_MS = 100
const GIVE_UP_MS = 60_000

/**
 * Makes a key and has the cluster sign a certificate for it. The key never leaves this process. Throws `unauthorized` with the
 * server's words when it is refused, `timeout` when nobody signs.
 */
export async function requestCertificate(
  options: CertificateOptions,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const { client, nodeName, clock, ids, signal } = options
  // Loaded only here: an agent needs it for seconds in months.
  const { createKeyAndRequest } = await import('../../pki/index.ts')
  const { privateKey, request } = await createKeyAndRequest({
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
  })
  const name = `node-csr-${nodeName}-${ids.suffix(8)}`.slice(0, 253)
  const asked: CertificateSigningRequest = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(request, 'utf8').toString('base64'),
      signerName: SIGNER,
      usages: ['digital signature', 'client auth'],
    },
  }
  let answer = await client.create(Kinds.CertificateSigningRequest, asked, { signal })
  const deadline = clock.now() + GIVE_UP_MS
  for (;;) {
    const { certificate, conditions = [] } = answer.status ?? {}
    if (certificate)
      return { certificate: Buffer.from(certificate, 'base64').toString('utf8'), key: privateKey }
    const refusal = conditions.find(({ type }) => type === 'Denied' || type === 'Failed')
    if (refusal !== undefined)
      throw new BowlineError('unauthorized', refusal.message ?? refusal.reason ?? 'the request was refused', {
        data: { reason: refusal.reason },
      })
    if (clock.now() > deadline)
      throw new BowlineError('timeout', `the server did not sign within ${GIVE_UP_MS / 1000} s`, {
        retryable: true,
      })
    await clock.sleep(ASK_EVERY_MS, signal)
    answer = await client.get(Kinds.CertificateSigningRequest, name, { signal })
  }
}
