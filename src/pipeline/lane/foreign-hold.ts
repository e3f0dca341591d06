import { compareDiagnostics, type Diagnostic } from '../../kube/index.ts'
import type { AppOwnership } from '../ownership.ts'
import type { AppTarget } from '../source/app-target.ts'
import { foreignObjects } from './foreign-objects.ts'

/** A target that waits until apps of other repositories have let objects go. */
export class ForeignHold {
  readonly #target: AppTarget
  readonly #ownership: AppOwnership
  readonly #foreign: Map<string, Diagnostic>
  /** Nothing is looked at any more. */
  readonly end: () => void

  /** `onChange` is called when there may be another thing to wait for, or nothing. */
  constructor(
    target: AppTarget,
    foreign: ReadonlyMap<string, Diagnostic>,
    { ownership, onChange }: { readonly ownership: AppOwnership; readonly onChange: () => void },
  ) {
    this.#target = target
    this.#ownership = ownership
    this.#foreign = new Map(foreign)
    this.end = ownership.watch(foreign.keys(), key => {
      this.#look(key)
      onChange()
    })
  }

  /** The commit that is held. */
  get commit(): string {
    return this.#target.commit.id
  }

  /** The target with what it waits for as its diagnostics. */
  get target(): AppTarget {
    return { ...this.#target, diagnostics: [...this.#foreign.values()].sort(compareDiagnostics) }
  }

  /** Nobody else has any of it: the commit can be tried. */
  get isOver(): boolean {
    return this.#foreign.size === 0
  }

  #look(key: string): void {
    const diagnostic = foreignObjects(this.#target, { ownership: this.#ownership }, [key]).get(key)
    if (diagnostic === undefined) this.#foreign.delete(key)
    else this.#foreign.set(key, diagnostic)
  }
}
