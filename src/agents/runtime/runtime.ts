/**
 * A start takes a second or two on a busy host (seen: at most 6 s with 100 at once). One that takes so long waits for something else,
 * such as the server of a share, and must not hold up others.
 */
export const SLOW_START_MS = 10_000

/**
 * The container runtime contract, after CRI: what the agent needs of an engine, not what the engine offers.
 * Docker, the process runtime and the hollow one pass one suite (`test/agents/runtime/conformance.ts`).
 *
 * A sandbox is a pod's shared network; containers run in one. Every call is safe to repeat. A restart of a container is a
 * new container with the next attempt number. A runtime lists and touches only what carries its own cluster UID and node name.
 */
export interface Runtime {
  /** `docker`, `process`, `hollow`. */
  readonly name: string
  info(signal?: AbortSignal): Promise<RuntimeInfo>
  /** Absent where containers cannot mount volumes of an engine. */
  readonly volumes?: RuntimeVolumes | undefined
  /** How to make room on its host; undefined for a runtime that keeps no images, or is not there yet. */
  readonly room: HostRoom | undefined

  /** Every sandbox of this cluster and node, whatever its state. */
  listSandboxes(signal?: AbortSignal): Promise<readonly SandboxStatus[]>
  /** Creates and starts a pod's sandbox. When this pod and attempt already has a live one, that one is the answer. */
  runSandbox(config: SandboxConfig, signal?: AbortSignal): Promise<SandboxStatus>
  /** Kills what still runs in it, then stops it. Done already is fine. */
  stopSandbox(id: string): Promise<void>
  /** Removes it with its containers and their logs. Gone already is fine. */
  removeSandbox(id: string): Promise<void>

  /** Every container of this cluster and node, whatever its state. */
  listContainers(signal?: AbortSignal): Promise<readonly ContainerStatus[]>
  containerStatus(id: string): Promise<ContainerStatus | undefined>
  createContainer(sandboxId: string, config: ContainerConfig, signal?: AbortSignal): Promise<string>
  startContainer(id: string): Promise<void>
  /** Sends the stop signal, after `graceMs` the kill signal; resolves when the container has exited. */
  stopContainer(id: string, graceMs: number): Promise<void>
  removeContainer(id: string): Promise<void>

  imageStatus(image: string): Promise<ImageStatus | undefined>
  /** Throws a BowlineError `not-found`, `unauthorized` or `unavailable` that says what the registry said. */
  pullImage(image: string, auth: RegistryAuth | undefined, signal?: AbortSignal): Promise<ImageStatus>

  /** Runs a command in a running container; output beyond 16 KiB is dropped. Throws `timeout` when it takes longer. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  /** The container's output, oldest first; with `follow` until it ends or the signal aborts. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>
  /** What happened from now on; ends when the signal aborts, throws when the engine goes away (relist, then follow again). */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>
}

/** The named volumes of an engine. None is ever removed: what lies in them is not the agent's. */
export interface RuntimeVolumes {
  exists(name: string): Promise<boolean>
  /** Makes a volume whose content the engine mounts by these options when a container needs it. One of that name stays as it is. */
  create(name: string, options: Readonly<Record<string, string>>): Promise<void>
}

/** What an engine keeps on its host, and what its containers take. */
export interface HostRoom {
  /** The folder that images and containers lie in; undefined when it cannot be seen from here. */
  imageFolder(): Promise<string | undefined>
  listImages(): Promise<readonly StoredImage[]>
  /** The ids of images that any container of the engine is made from, whoever made it. */
  imagesInUse(): Promise<ReadonlySet<string>>
  /** False when somebody uses it, or has given it another name. Gone already is fine. */
  removeImage(id: string): Promise<boolean>
  /** What a container has written into its own layer; 0 when it is gone. */
  layerBytes(id: string): Promise<number>
  /** What the containers of this cluster and node take, by id. Costly: for who has to make room. */
  usage(): Promise<ReadonlyMap<string, ContainerUsage>>
}

export interface StoredImage {
  readonly id: string
  readonly bytes: number
}

export interface ContainerUsage {
  /** The working set: memory that cannot be taken back at once. */
  readonly memoryBytes: number
  /** What it has written into its own layer. */
  readonly diskBytes: number
}

/** A runtime as opened: its owner closes it. */
export interface OpenRuntime extends Runtime {
  /** Ends every stream and forgets the engine. Containers stay. */
  close(): Promise<void>
  /** Removes every container and sandbox of this cluster and node, and whatever was made for them. */
  purge(): Promise<void>
}

export interface RuntimeInfo {
  /** As in `node.status.nodeInfo.containerRuntimeVersion`: `docker://20.10.24`. */
  readonly version: string
  readonly operatingSystem: string
  readonly osImage: string
  readonly kernelVersion: string
  readonly architecture: string
  readonly cpus: number
  readonly memoryBytes: number
}

/** Who a sandbox or container belongs to. */
export interface PodIdentity {
  readonly uid: string
  readonly namespace: string
  readonly name: string
}

export interface PortMapping {
  readonly hostIp?: string
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'TCP' | 'UDP'
}

/** What a resolv.conf says. */
export interface ResolverConfig {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  /** As in the file: `ndots:5`, `edns0`. */
  readonly options: readonly string[]
}

/** What a pod's `/etc/hosts` and `/etc/resolv.conf` say. */
export interface NameConfig {
  /** One label, whatever the kernel says. */
  readonly hostname: string
  /** Behind the hostname it is the pod's full name; undefined: it has none. */
  readonly domain: string | undefined
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[]
  readonly resolver: ResolverConfig
}

export interface SandboxConfig {
  readonly pod: PodIdentity
  readonly attempt: number
  /** What the kernel says. */
  readonly hostname: string
  readonly ports: readonly PortMapping[]
  /** Absent: the hostname alone, and the host's resolvers as far as a pod can reach them. */
  readonly names?: NameConfig
}

export interface SandboxStatus {
  readonly id: string
  readonly pod: PodIdentity
  readonly attempt: number
  readonly state: 'ready' | 'not-ready'
  /** The pod's address; stable as long as the sandbox lives. Absent when not ready. */
  readonly ip?: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

export interface ContainerMount {
  readonly hostPath: string
  /** The name of one of the engine's volumes, which is mounted in place of a path. */
  readonly volume?: string
  readonly containerPath: string
  readonly readOnly: boolean
}

export interface ContainerConfig {
  readonly pod: PodIdentity
  /** The container's name in the pod. */
  readonly name: string
  /** 0 for the first, one more for every restart. */
  readonly attempt: number
  readonly image: string
  /** Replaces the image's entrypoint; absent keeps it. */
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly workingDir?: string
  /** Complete: nothing is inherited from the agent. */
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly ContainerMount[]
  readonly cpuShares?: number
  /** Microseconds of CPU per 100 ms. */
  readonly cpuQuotaMicros?: number
  readonly memoryBytes?: number
  readonly oomScoreAdj: number
  /** `uid` or `uid:gid`; absent: the image's user. */
  readonly runAsUser?: string
  /** Groups that the container's processes have besides their own. */
  readonly supplementalGroups?: readonly number[]
  /** No process of the container may gain privileges that its parent lacks (`allowPrivilegeEscalation: false`). */
  readonly noNewPrivileges?: boolean
  readonly readOnlyRootFilesystem: boolean
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] }
  readonly privileged: boolean
  readonly tty: boolean
  readonly stdin: boolean
  /** Identifies the container's spec: a container whose hash differs from the pod's must be replaced. */
  readonly specHash: string
  /** The folders that its mounts are from, as one word: those of an agent whose folders were moved are no longer kept up to date. */
  readonly home?: string
}

export interface ContainerStatus {
  readonly id: string
  readonly sandboxId: string
  readonly pod: PodIdentity
  readonly name: string
  readonly attempt: number
  readonly state: 'created' | 'running' | 'exited'
  readonly image: string
  /** What the image resolved to, for `status.containerStatuses[].imageID`. */
  readonly imageId: string
  readonly specHash: string
  /** As it was described; absent where it was not. */
  readonly home?: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly exitCode?: number
  /** `OOMKilled`, `Completed`, `Error`, `ContainerCannotRun`. */
  readonly reason?: string
  readonly message?: string
}

export interface ImageStatus {
  readonly id: string
  readonly digests: readonly string[]
  /** The user that the image's containers run as unless the pod names one; absent or empty: root. */
  readonly user?: string
}

export interface RegistryAuth {
  readonly username: string
  readonly password: string
  readonly server: string
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface LogOptions {
  readonly follow: boolean
  /** Only the last so many lines. */
  readonly tailLines?: number
  /** Milliseconds since the epoch. */
  readonly sinceMs?: number
}

/** One line (or, without a line end, the rest) of a container's output. */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as the engine stamped it. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** With its line end. */
  readonly text: string
}

export interface RuntimeEvent {
  readonly type: 'container-started' | 'container-exited' | 'container-removed' | 'sandbox-stopped'
  /** Of the container or sandbox. */
  readonly id: string
  readonly podUid: string
}
