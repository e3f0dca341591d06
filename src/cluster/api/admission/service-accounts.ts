import type { Ids } from '../../../base/index.ts'
import {
  type Container,
  type Kind,
  Kinds,
  type Pod,
  type PodSpec,
  ROOT_CA_CONFIG_MAP,
  registryKey,
  type ServiceAccount,
  TOKEN_MOUNT_PATH,
  type Volume,
} from '../../../kube/index.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/** The pod's token lasts an hour and a little (upstream: 3607), so that what asks for an hour exactly is known from it. */
const TOKEN_SECONDS = 3607
const DEFAULT_ACCOUNT = 'default'

/**
 * Upstream's ServiceAccount admission (plugin/pkg/admission/serviceaccount): a new pod's ServiceAccount must exist, lends it its
 * imagePullSecrets, and gives it a token, the authority's certificate and its namespace where clients of Kubernetes look for them. The
 * account `default` of a namespace that was made a moment ago is on its way and is not waited for.
 */
export function serviceAccounts(world: Pick<World, 'cacheOf'>, ids: Ids): Admission {
  return {
    admit({ verb, kind, subresource, namespace, name, object }) {
      if (verb !== 'create' || subresource !== '' || !isPod(kind) || object === undefined) return object
      const pod = object as Pod
      if (pod.spec === undefined) return object
      const accountName = pod.spec.serviceAccountName || DEFAULT_ACCOUNT
      const key = registryKey(Kinds.ServiceAccount, namespace, accountName)
      const account = world.cacheOf(Kinds.ServiceAccount).get(key)?.object as ServiceAccount | undefined
      if (account === undefined && accountName !== DEFAULT_ACCOUNT)
        throw forbidden(
          kind,
          name,
          `error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`,
        )
      const withSecrets = withPullSecrets(pod.spec, account)
      const mounts = pod.spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true
      return {
        ...pod,
        spec: mounts ? withToken(withSecrets, `kube-api-access-${ids.suffix()}`) : withSecrets,
      }
    },
  }
}

function withPullSecrets(spec: PodSpec, account: ServiceAccount | undefined): PodSpec {
  const lent = account?.imagePullSecrets ?? []
  return (spec.imagePullSecrets ?? []).length > 0 || lent.length === 0
    ? spec
    : { ...spec, imagePullSecrets: lent }
}

/** Containers that have something of their own at the place keep it. */
function withToken(spec: PodSpec, volumeName: string): PodSpec {
  let isMounted = false
  const mounted = <T extends Container>(container: T): T => {
    const mounts = container.volumeMounts ?? []
    if (mounts.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH)) return container
    isMounted = true
    const mount = { name: volumeName, readOnly: true, mountPath: TOKEN_MOUNT_PATH }
    return { ...container, volumeMounts: [...mounts, mount] }
  }
  const containers = spec.containers.map(mounted)
  const initContainers = spec.initContainers?.map(mounted)
  if (!isMounted) return spec
  return {
    ...spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
    volumes: [...(spec.volumes ?? []), tokenVolume(volumeName)],
  }
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: ROOT_CA_CONFIG_MAP, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  }
}

function isPod(kind: Kind): boolean {
  return kind.group === '' && kind.kind === Kinds.Pod.kind
}
