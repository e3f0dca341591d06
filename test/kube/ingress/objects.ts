import type {
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  IngressSpec,
} from '../../../src/kube/index.ts'

/** Ingresses as people write them, for tests. */

export function ingress(name: string, spec: IngressSpec, metadata: object = {}): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'default', ...metadata },
    spec,
  }
}

export function backend(name: string, port: number | string = 80): IngressBackend {
  return { service: { name, port: typeof port === 'number' ? { number: port } : { name: port } } }
}

export function rule(
  host: string | undefined,
  ...paths: readonly [type: string, path: string, service: string][]
): IngressRule {
  return {
    ...(host === undefined ? {} : { host }),
    http: {
      paths: paths.map(([type, path, service]) => ({
        pathType: type as 'Exact' | 'Prefix' | 'ImplementationSpecific',
        path,
        backend: backend(service),
      })),
    },
  }
}

export function ingressClass(
  name = 'bowline',
  { controller = 'bowline.dev/ingress', isDefault = true }: { controller?: string; isDefault?: boolean } = {},
): IngressClass {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: {
      name,
      ...(isDefault ? { annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } : {}),
    },
    spec: { controller },
  }
}
