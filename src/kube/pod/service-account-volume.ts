/** Where clients of Kubernetes look for a pod's token, the authority's certificate and the namespace. */
export const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

/** In every namespace: the certificate of the cluster's authority, under `ca.crt`. */
export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt'
