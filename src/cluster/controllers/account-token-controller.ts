import type { Service } from '../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../client/index.ts'
import {
  apiVersionOf,
  encodeBase64,
  Kinds,
  objectKey,
  SERVICE_ACCOUNT_NAME,
  SERVICE_ACCOUNT_TOKEN,
  SERVICE_ACCOUNT_UID,
  type Secret,
  type ServiceAccount,
  type TokenRequest,
  tokenRequestKind,
} from '../../kube/index.ts'
import { ControlLoop, type ControllerContext } from './control-loop.ts'
import { deleteObject } from './delete-object.ts'

const NAME = 'serviceaccount-token-controller'
/** The index of token Secrets by the ServiceAccount that they are for, as `namespace/name`. */
const ACCOUNT_INDEX = 'account'
/** The longest that the API gives: upstream's tokens in Secrets never end by themselves. */
const SECONDS = 2 ** 32

/**
 * Fills Secrets of the type `kubernetes.io/service-account-token` with a token of the ServiceAccount that they name, the certificate of the
 * cluster's authority and the namespace (kubernetes `pkg/controller/serviceaccount/tokens_controller.go`). The token is bound to its Secret,
 * whose deletion takes it back. A Secret that was filled goes with its ServiceAccount; unlike upstream's, one whose ServiceAccount has yet
 * to be made waits for it.
 */
export class AccountTokenController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #certificate: string
  readonly #secrets: Informer<Secret>
  readonly #accounts: Informer<ServiceAccount>

  constructor(context: ControllerContext, { certificate }: { readonly certificate: string }) {
    this.#client = context.client
    this.#certificate = certificate
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    const look = (secret: Secret) => {
      if (accountOf(secret) !== undefined) this.#loop.enqueue(secret)
    }
    this.#secrets = this.#loop.follow(
      Kinds.Secret,
      { mentioning: [SERVICE_ACCOUNT_TOKEN], added: look, updated: look },
      { [ACCOUNT_INDEX]: secret => accountOf(secret) ?? [] },
    )
    const lookAtSecrets = (account: string) => {
      for (const secret of this.#secrets.byIndex(ACCOUNT_INDEX, account)) look(secret)
    }
    this.#accounts = this.#loop.follow(Kinds.ServiceAccount, {
      appeared: lookAtSecrets,
      deleted: account => lookAtSecrets(objectKey(account)),
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(key: string): Promise<void> {
    const secret = this.#secrets.get(key)
    const [accountKey] = secret === undefined ? [] : (accountOf(secret) ?? [])
    if (secret === undefined || accountKey === undefined) return
    if (secret.metadata.deletionTimestamp !== undefined) return
    const account = this.#accounts.get(accountKey)
    const filledFor = secret.metadata.annotations?.[SERVICE_ACCOUNT_UID]
    if (filledFor !== undefined && filledFor !== account?.metadata.uid)
      await deleteObject(this.#client, Kinds.Secret, secret)
    else if (account !== undefined && account.metadata.deletionTimestamp === undefined)
      await this.#fill(secret, account)
  }

  async #fill(secret: Secret, account: ServiceAccount): Promise<void> {
    const { namespace = '', annotations } = secret.metadata
    const { token } = secret.data ?? {}
    const about = { 'ca.crt': encodeBase64(this.#certificate), namespace: encodeBase64(namespace) }
    const isFilled = annotations?.[SERVICE_ACCOUNT_UID] !== undefined && token !== undefined
    if (isFilled && Object.entries(about).every(([name, value]) => secret.data?.[name] === value)) return
    const data = { ...secret.data, ...about, token: token ?? (await this.#issue(secret, account)) }
    const uid = { [SERVICE_ACCOUNT_UID]: account.metadata.uid ?? '' }
    const metadata = { ...secret.metadata, annotations: { ...annotations, ...uid } }
    await ifFound(this.#client.update(Kinds.Secret, { ...secret, metadata, data }))
  }

  async #issue(secret: Secret, account: ServiceAccount): Promise<string> {
    const { name = '', namespace = '', uid = '' } = secret.metadata
    const body: TokenRequest = {
      apiVersion: apiVersionOf(tokenRequestKind) as TokenRequest['apiVersion'],
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: [],
        expirationSeconds: SECONDS,
        boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid },
      },
    }
    const { name: accountName = '' } = account.metadata
    const answer = await this.#client.createSubresource(Kinds.ServiceAccount, accountName, 'token', body, {
      namespace,
    })
    return encodeBase64((answer as TokenRequest).status?.token ?? '')
  }
}

/** The key of the ServiceAccount that a token Secret is for, alone in a list; undefined of other Secrets. */
function accountOf({ type, metadata }: Secret): readonly string[] | undefined {
  const account = metadata.annotations?.[SERVICE_ACCOUNT_NAME]
  return type === SERVICE_ACCOUNT_TOKEN && account ? [`${metadata.namespace}/${account}`] : undefined
}
