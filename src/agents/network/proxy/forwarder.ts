/** Something that listens on one address and port for as long as it is not closed. */
export interface Forwarder {
  /** The backends have changed. */
  update(): void
  close(): Promise<void>
}
