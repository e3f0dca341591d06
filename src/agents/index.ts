/**
 * The agent of one host: registers its Node, drives the pods bound to it one step at a time towards their specs through a container
 * runtime, and reports their status. It speaks the Kubernetes API with its own certificate and knows nothing of Git.
 *
 *     const identity = (await loadIdentity(dataDir)) ?? (await joinCluster({ server, token, nodeName, dataDir, … }))
 *     const keyring = await openKeyring({ folder, identityKey: identity.key, secretsKey, log })
 *     const client = createHttpsClient({ server, ca: identity.ca, credentials: identity, … })
 *     const renewal = new CertificateRenewal({ client, identity, keyring, dataDir, clock, ids, log })
 *     const agent = startAgent({ client, runtime, nodeName, dataDir, tunnel: { server, ca, credentials: () => renewal.current }, … })
 *     await Promise.all([renewal.start(signal), agent.start(signal)])
 */
export { startAgent } from './agent.ts'
export { joinCluster } from './identity/join.ts'
export { loadIdentity, type NodeIdentity } from './identity/node-identity.ts'
export { CertificateRenewal } from './identity/renewal.ts'
export { openKeyring } from './kept/keyring.ts'
export { readSecretsKey } from './kept/secrets-key.ts'
