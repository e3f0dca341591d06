/** The type of Secrets that hold a token of a ServiceAccount, for programs outside of the cluster. */
export const SERVICE_ACCOUNT_TOKEN = 'kubernetes.io/service-account-token'

/** Annotations of such a Secret: whose token it is to hold, and of which of those of that name. */
export const SERVICE_ACCOUNT_NAME = 'kubernetes.io/service-account.name'
export const SERVICE_ACCOUNT_UID = 'kubernetes.io/service-account.uid'
