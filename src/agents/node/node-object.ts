import {
  formatQuantity,
  formatTime,
  type Node,
  type NodeAddress,
  type NodeCondition,
  type NodeStatus,
  parseQuantity,
} from '../../kube/index.ts'
import type { RuntimeInfo } from '../runtime/index.ts'

/** What this agent offers the cluster, and how it is now. */
export interface NodeFacts {
  readonly nodeName: string
  readonly info: RuntimeInfo
  /** The part of the machine that is this node's, above 0 and at most 1. */
  readonly capacityShare: number
  readonly addresses: readonly NodeAddress[]
  /** Of the file system that the data folder is on. */
  readonly storageBytes: number
  readonly machineId: string
  readonly bootId: string
  readonly agentVersion: string
}

/** What the conditions are made from. */
export interface NodeHealth {
  /** Why no container can be started; undefined when all is well. */
  readonly problem: string | undefined
  /** Why no pod can have a network; undefined when they can. */
  readonly networkProblem: string | undefined
  readonly memoryPressure: boolean
  readonly diskPressure: boolean
  readonly processes: number
  readonly processLimit: number
}

/** Pods per node, as kubelet's default. */
const MAX_PODS = 110

/** kubelet's hard eviction threshold for memory, which is kept out of what pods may be given. */
const RESERVED_MEMORY_BYTES = 100 * 2 ** 20
/** kubelet's threshold for the node's file system, kept out of it too. */
const RESERVED_STORAGE_SHARE = 0.1
const PROCESS_PRESSURE_SHARE = 0.05

/** What the agent says of itself when it registers. */
export function nodeLabels({ nodeName, info }: NodeFacts): { readonly [key: string]: string } {
  const arch = ARCHITECTURES[info.architecture] ?? info.architecture
  return {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': info.operatingSystem,
    'kubernetes.io/arch': arch,
    'beta.kubernetes.io/os': info.operatingSystem,
    'beta.kubernetes.io/arch': arch,
  }
}

/** Go's names of what `uname -m` says. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64' }

/** CPU, memory, storage and pods of this node's share of the machine. */
function nodeCapacity(facts: NodeFacts): {
  readonly capacity: { readonly [resource: string]: string }
  readonly allocatable: { readonly [resource: string]: string }
} {
  const { info, capacityShare, storageBytes } = facts
  const milliCpu = Math.floor(info.cpus * 1000 * capacityShare)
  const storage = Math.floor(storageBytes * capacityShare)
  const shared = {
    cpu: milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`,
    pods: String(MAX_PODS),
  }
  return {
    capacity: {
      ...shared,
      memory: bytesQuantity(info.memoryBytes * capacityShare),
      'ephemeral-storage': bytesQuantity(storage),
    },
    allocatable: {
      ...shared,
      memory: bytesQuantity(nodeAllocatable(facts).memoryBytes),
      'ephemeral-storage': bytesQuantity(storage * (1 - RESERVED_STORAGE_SHARE)),
    },
  }
}

/** What all pods together may be given. */
export function nodeAllocatable({ info, capacityShare }: NodeFacts): {
  readonly cpuCores: number
  readonly memoryBytes: number
} {
  return {
    cpuCores: info.cpus * capacityShare,
    memoryBytes: Math.max(0, info.memoryBytes * capacityShare - RESERVED_MEMORY_BYTES),
  }
}

/** The whole status; conditions keep their transition times from `published`. */
export function nodeStatus(
  facts: NodeFacts,
  health: NodeHealth,
  published: NodeStatus | undefined,
  nowMs: number,
): NodeStatus {
  const { info, addresses } = facts
  return {
    ...nodeCapacity(facts),
    conditions: nodeConditions(health, published?.conditions ?? [], nowMs),
    addresses,
    daemonEndpoints: {},
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.machineId,
      bootID: facts.bootId,
      kernelVersion: info.kernelVersion,
      osImage: info.osImage,
      containerRuntimeVersion: info.version,
      kubeletVersion: facts.agentVersion,
      kubeProxyVersion: '',
      operatingSystem: info.operatingSystem,
      architecture: ARCHITECTURES[info.architecture] ?? info.architecture,
    },
  }
}

/** The Node as it is first made. */
export function newNode(facts: NodeFacts): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.nodeName, labels: nodeLabels(facts) },
    spec: {},
  }
}

function nodeConditions(
  health: NodeHealth,
  published: readonly NodeCondition[],
  nowMs: number,
): readonly NodeCondition[] {
  const { problem, networkProblem } = health
  const conditions: readonly Verdict[] = [
    health.memoryPressure
      ? verdict(
          'MemoryPressure',
          'True',
          'KubeletHasInsufficientMemory',
          'kubelet has insufficient memory available',
        )
      : verdict(
          'MemoryPressure',
          'False',
          'KubeletHasSufficientMemory',
          'kubelet has sufficient memory available',
        ),
    health.diskPressure
      ? verdict('DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : verdict('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    health.processes > health.processLimit * (1 - PROCESS_PRESSURE_SHARE)
      ? verdict('PIDPressure', 'True', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : verdict('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    networkProblem === undefined
      ? verdict('NetworkUnavailable', 'False', 'NetworkReady', 'pods of this node have a network')
      : verdict('NetworkUnavailable', 'True', 'NetworkNotReady', networkProblem),
    problem === undefined
      ? verdict('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
      : verdict('Ready', 'False', 'KubeletNotReady', problem),
  ]
  return conditions.map(condition => {
    const before = published.find(({ type }) => type === condition.type)
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined
    return {
      ...condition,
      lastHeartbeatTime: formatTime(nowMs),
      lastTransitionTime: since ?? formatTime(nowMs),
    }
  })
}

interface Verdict {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** The reasons and messages are kubelet's: tools look for them. */
function verdict(type: string, status: Verdict['status'], reason: string, message: string): Verdict {
  return { type, status, reason, message }
}

/** Bytes as the server writes them: a status that only looks different would be written again and again. */
function bytesQuantity(bytes: number): string {
  return formatQuantity(parseQuantity(`${Math.floor(bytes / 1024)}Ki`))
}
