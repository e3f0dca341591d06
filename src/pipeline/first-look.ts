/**
 * When everything that Git follows at a start has been looked at for the first time: every root App's source was read, or could not
 * be, and each of its apps has decided what there is to do.
 */
export class FirstLook {
  /** Resolves once, and never rejects. */
  readonly over: Promise<void>
  readonly #roots = new Set<string>()
  readonly #apps = new Set<string>()
  #end: () => void = () => {}

  constructor() {
    this.over = new Promise(resolve => {
      this.#end = resolve
    })
  }

  /** Says which root Apps there are; called once. */
  begin(roots: Iterable<string>): void {
    for (const root of roots) this.#roots.add(root)
    this.#check()
  }

  /** What a root App's source declares is known, and these apps are told; none: it cannot be known now. */
  read(root: string, apps: readonly string[]): void {
    if (!this.#roots.delete(root)) return
    for (const app of apps) this.#apps.add(app)
    this.#check()
  }

  /** An app has decided what there is to do, or is no more. */
  decided(app: string): void {
    if (this.#apps.delete(app)) this.#check()
  }

  #check(): void {
    if (this.#roots.size === 0 && this.#apps.size === 0) this.#end()
  }
}
