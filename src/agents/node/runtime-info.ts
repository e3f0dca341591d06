import { arch, availableParallelism, type as osType, platform, release, totalmem } from 'node:os'
import type { HostShape } from '../pods/means.ts'
import type { RuntimeInfo } from '../runtime/index.ts'
import { type NodeFacts, nodeAllocatable } from './node-object.ts'

/** What the machine itself says, for a runtime that does not answer. */
export function fallbackRuntimeInfo(runtimeName: string): RuntimeInfo {
  return {
    version: `${runtimeName}://unknown`,
    operatingSystem: platform(),
    osImage: osType(),
    kernelVersion: release(),
    architecture: arch(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  }
}

/** The node as its pods need to know it; its address is the one that it has when a pod starts. */
export function hostShape(facts: NodeFacts, address: { readonly current: string }, home: string): HostShape {
  return {
    get hostIP() {
      return address.current
    },
    allocatable: nodeAllocatable(facts),
    memoryBytes: facts.info.memoryBytes,
    home,
  }
}
