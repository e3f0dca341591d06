import type { Pod, Service } from '../../../../src/kube/index.ts'

/** Builders of services and of the pods behind them. */

export function service(spec: Partial<NonNullable<Service['spec']>> = {}, metadata: object = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', uid: 'web-uid', resourceVersion: '1', ...metadata },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.43.0.9',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...spec,
    },
  }
}

export interface BackendFacts {
  readonly ip?: string | readonly string[]
  readonly node?: string
  readonly ready?: boolean
  readonly ending?: boolean
  readonly phase?: NonNullable<Pod['status']>['phase']
  readonly hostname?: string
  readonly subdomain?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Ports of its one container by name. */
  readonly ports?: Readonly<Record<string, number>>
}

export function backend(name: string, facts: BackendFacts = {}): Pod {
  const { ip = '10.42.0.2', node = 'n1', ready = true, ending = false, phase = 'Running' } = facts
  const { hostname, subdomain, labels = { app: 'web' }, ports = {} } = facts
  const podIPs = [ip].flat().map(address => ({ ip: address }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: `${name}-uid`,
      labels,
      ...(ending ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'web:1',
          ports: Object.entries(ports).map(([portName, containerPort]) => ({
            name: portName,
            containerPort,
          })),
        },
      ],
      ...(node === '' ? {} : { nodeName: node }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(subdomain === undefined ? {} : { subdomain }),
    },
    status: {
      phase,
      ...(podIPs[0] === undefined || podIPs[0].ip === '' ? {} : { podIP: podIPs[0].ip, podIPs }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}
