/** Where a router stands: the networks that its rules tell apart. All are `a.b.c.d/n`. */
export interface Place {
  /** The pods of this node. */
  readonly podCidr: string
  /** The pods of the cluster. */
  readonly clusterCidr: string
  readonly serviceCidr: string
  /** The nodes that are this host: this one, and others that share its address. */
  readonly localNodes: ReadonlySet<string>
}

/** What a pod of this node contributes: its address, labels for policies, and ports of the host that lead to it. */
export interface LocalPod {
  readonly namespace: string
  readonly name: string
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly LocalPodPort[]
}

export interface LocalPodPort {
  readonly name: string | undefined
  readonly protocol: 'SCTP' | 'TCP' | 'UDP'
  readonly containerPort: number
  readonly hostPort: number | undefined
  /** An address of the host; undefined: all of them. */
  readonly hostIP: string | undefined
}
