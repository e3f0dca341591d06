/**
 * The container runtimes behind one contract (after CRI): Docker Engine, host processes, and none at all.
 * It knows no Kubernetes object: the agent turns pods into sandboxes and containers and asks for those.
 *
 *     const runtime = await openDockerRuntime({ socketPath, clusterUid, nodeName, clock, log })
 *     const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: pod.name, ports: [] })
 *     await runtime.startContainer(await runtime.createContainer(sandbox.id, config))
 */

export { type AwaitedRuntimeOptions, awaitRuntime } from './awaited-runtime.ts'
export { openDockerRuntime } from './docker/docker-runtime.ts'
export { detectEngine } from './docker/engine/detect-engine.ts'
export { ensureBusyboxImage } from './docker/images/busybox-image.ts'
export {
  createHollowRuntime,
  type HollowRuntime,
} from './hollow/hollow-runtime.ts'
export type { AttachTarget, PodNetwork } from './pod-network.ts'
export { openProcessRuntime } from './process/process-runtime.ts'
export type {
  ContainerConfig,
  ContainerMount,
  ContainerStatus,
  ExecResult,
  LogLine,
  NameConfig,
  OpenRuntime,
  PodIdentity,
  PortMapping,
  RegistryAuth,
  ResolverConfig,
  Runtime,
  RuntimeEvent,
  RuntimeInfo,
  RuntimeVolumes,
  SandboxStatus,
} from './runtime.ts'
export { SLOW_START_MS } from './runtime.ts'
