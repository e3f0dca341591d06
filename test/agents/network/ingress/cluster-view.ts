import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterView } from '../../../../src/agents/network/ingress/model.ts'
import type {
  Endpoint,
  EndpointSlice,
  Ingress,
  Secret,
  Service,
  ServicePort,
} from '../../../../src/kube/index.ts'

/** What an agent may know of a cluster, made by hand. */

export function service(
  name: string,
  ports: readonly ServicePort[] = [{ port: 80 }],
  spec: object = {},
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports, ...spec },
  }
}

/** `10.0.0.1`, `-10.0.0.1` (not ready), `~10.0.0.1` (ending, and still serving). */
export function slice(
  service: string,
  addresses: readonly string[],
  ports: EndpointSlice['ports'] = [{ port: 8080 }],
  rest: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${service}-x`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
    },
    endpoints: addresses.map(endpoint),
    ports,
    ...rest,
  }
}

function endpoint(text: string): Endpoint {
  const address = text.replace(/^[-~]/, '')
  if (text.startsWith('~'))
    return { addresses: [address], conditions: { ready: false, serving: true, terminating: true } }
  return { addresses: [address], conditions: { ready: !text.startsWith('-') } }
}

export function tlsSecret(name: string, pair: TestPair, namespace = 'default'): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name, namespace },
    data: {
      'tls.crt': Buffer.from(pair.certificate).toString('base64'),
      'tls.key': Buffer.from(pair.key).toString('base64'),
    },
  }
}

export function clusterView(parts: {
  readonly ingresses?: readonly Ingress[]
  readonly services?: readonly Service[]
  readonly slices?: readonly EndpointSlice[]
  readonly secrets?: readonly Secret[]
  readonly challenges?: ClusterView['challenges']
  readonly podsAreProcesses?: boolean
}): ClusterView {
  const { ingresses = [], services = [], slices = [], secrets = [], challenges = [] } = parts
  const find = <T extends { metadata: { name?: string; namespace?: string } }>(
    objects: readonly T[],
    namespace: string,
    name: string,
  ) => objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  return {
    ingresses,
    service: (namespace, name) => find(services, namespace, name),
    slices: (namespace, name) =>
      slices.filter(
        ({ metadata }) =>
          metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
      ),
    secret: (namespace, name) => find(secrets, namespace, name),
    keptPair: () => undefined,
    challenges,
    podsAreProcesses: parts.podsAreProcesses ?? false,
  }
}

export interface TestPair {
  readonly certificate: string
  readonly key: string
}

/** A self-signed certificate; `openssl` makes what nobody should use too. */
export function selfSigned(
  commonName: string,
  {
    key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    options = [],
  }: { key?: string[]; options?: string[] } = {},
): TestPair {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-pair-'))
  try {
    const at = (name: string) => join(folder, name)
    const names = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=DNS:${commonName}`]
    const out = ['-keyout', at('key'), '-out', at('crt')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', ...key, '-nodes', '-days', '30', ...names, ...out, ...options],
      {
        stdio: 'ignore',
      },
    )
    return { certificate: readFileSync(at('crt'), 'utf8'), key: readFileSync(at('key'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
