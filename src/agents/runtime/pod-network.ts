/**
 * What gives sandboxes their addresses and interfaces, where the agent makes them itself instead of the engine. The runtime asks
 * it for an address, starts a sandbox without a network, and has it wired.
 */
export interface PodNetwork {
  /**
   * Told when the runtime has found out whether its sandboxes are on this host. Those that are elsewhere are wired by their engine, and
   * nothing of this host reaches them, or is reached by them.
   */
  setReach(isHere: boolean): void
  /**
   * An address that no sandbox of this node has. The caller has it wired or releases it. Throws `unavailable` (retryable), with what
   * is missing, while the node has no range of addresses yet or all are in use.
   */
  reserve(): string
  /** The address is free again: its sandbox is gone, or never came to be. */
  release(address: string): void
  /** Gives a network namespace its interface. Throws `conflict` (retryable) when the address is somebody else's after all. */
  attach(target: AttachTarget): Promise<void>
  /** Removes the interface of a sandbox that was not completely wired. */
  detach(address: string, sandboxId: string): Promise<void>
  /** The sandboxes that are completely wired, with their addresses; what others took away from them is put right on the way. */
  attached(): Promise<ReadonlyMap<string, string>>
}

export interface AttachTarget {
  readonly sandboxId: string
  readonly address: string
  /** The sandbox's network namespace, open. */
  readonly namespaceFd: number
}
