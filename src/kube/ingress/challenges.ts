/**
 * The ConfigMap by which the server tells every node what to answer an ACME authority that asks over HTTP: each key is a token,
 * each value its key authorization. Nothing in it is secret.
 */
export const ACME_CHALLENGES = { namespace: 'kube-system', name: 'bowline-acme-challenges' } as const
