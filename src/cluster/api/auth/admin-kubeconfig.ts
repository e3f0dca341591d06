/** Everything that a kubeconfig says; PEM texts. */
export interface AdminKubeconfigOptions {
  /** `https://127.0.0.1:6443`. */
  readonly server: string
  readonly authority: string
  readonly certificate: string
  readonly privateKey: string
  /** The name of cluster, user and context. Default `bowline`. */
  readonly name?: string
}

/** Who the admin's certificate speaks for. */
export const ADMIN_SUBJECT = { commonName: 'bowline-admin', organizations: ['system:masters'] } as const

/** The text of a kubeconfig for one user of one cluster. It holds a private key: write it with mode 0600. */
export function createAdminKubeconfig(options: AdminKubeconfigOptions): string {
  const name = JSON.stringify(options.name ?? 'bowline')
  return `apiVersion: v1
kind: Config
clusters:
- name: ${name}
  cluster:
    server: ${JSON.stringify(options.server)}
    certificate-authority-data: ${base64(options.authority)}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(options.certificate)}
    client-key-data: ${base64(options.privateKey)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
current-context: ${name}
`
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
