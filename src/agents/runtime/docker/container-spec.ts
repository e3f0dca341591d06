import type { ContainerConfig, ContainerMount } from '../runtime.ts'
import { type CreateBody, Labels, type Owner, ownerLabels, podLabels } from './names.ts'

/** The period that `cpuQuotaMicros` refers to. */
const CPU_PERIOD_MICROS = 100_000

/** What is the host's to decide about a container, beside its own description. */
export interface ContainerSurroundings {
  /** Files that the engine would have made, had it wired the sandbox; the pod's own mounts win over them. */
  readonly extraMounts: readonly ContainerMount[]
  /** Processes and threads; undefined: as many as the host can have. */
  readonly pidsLimit: number | undefined
}

export function containerBody(
  owner: Owner,
  sandboxId: string,
  config: ContainerConfig,
  { extraMounts, pidsLimit }: ContainerSurroundings,
): CreateBody {
  const own = new Set(config.mounts.map(mount => mount.containerPath))
  const mounts = [...config.mounts, ...extraMounts.filter(mount => !own.has(mount.containerPath))]
  return {
    Image: config.image,
    Labels: {
      ...ownerLabels(owner, 'container'),
      ...podLabels(config.pod, config.attempt),
      [Labels.container]: config.name,
      [Labels.specHash]: config.specHash,
      ...(config.home !== undefined && { [Labels.home]: config.home }),
      [Labels.sandbox]: sandboxId,
    },
    // As Kubernetes reads it: `command` replaces the entrypoint and then the image's arguments are dropped too.
    ...(config.command && { Entrypoint: config.command }),
    ...(config.args && { Cmd: config.args }),
    ...(config.workingDir !== undefined && { WorkingDir: config.workingDir }),
    ...(config.runAsUser !== undefined && { User: config.runAsUser }),
    Env: config.env.map(({ name, value }) => `${name}=${value}`),
    Tty: config.tty,
    OpenStdin: config.stdin,
    // Probes are the agent's; an image's own health check would only cost.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...hostConfig(sandboxId, config, mounts),
      ...(pidsLimit !== undefined && { PidsLimit: pidsLimit }),
    },
  }
}

function hostConfig(
  sandboxId: string,
  config: ContainerConfig,
  mounts: readonly ContainerMount[],
): Record<string, unknown> {
  return {
    NetworkMode: `container:${sandboxId}`,
    IpcMode: `container:${sandboxId}`,
    Mounts: mounts.map(mount => ({
      ...(mount.volume === undefined
        ? { Type: 'bind', Source: mount.hostPath }
        : // What the image has at that path is not copied into somebody's data.
          { Type: 'volume', Source: mount.volume, VolumeOptions: { NoCopy: true } }),
      Target: mount.containerPath,
      ReadOnly: mount.readOnly,
    })),
    // A restart is a new container, made by the agent.
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    ...(config.cpuShares !== undefined && { CpuShares: config.cpuShares }),
    ...(config.cpuQuotaMicros !== undefined && {
      CpuQuota: config.cpuQuotaMicros,
      CpuPeriod: CPU_PERIOD_MICROS,
    }),
    // Memory and swap together: the limit is one of memory only when they are equal.
    ...(config.memoryBytes !== undefined && { Memory: config.memoryBytes, MemorySwap: config.memoryBytes }),
    OomScoreAdj: config.oomScoreAdj,
    ReadonlyRootfs: config.readOnlyRootFilesystem,
    CapAdd: config.capabilities.add,
    CapDrop: config.capabilities.drop,
    Privileged: config.privileged,
    ...(config.noNewPrivileges && { SecurityOpt: ['no-new-privileges'] }),
    ...(config.supplementalGroups && { GroupAdd: config.supplementalGroups.map(String) }),
  }
}
