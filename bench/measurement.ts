/** What a section has to measure with. */
export interface Bench {
  /** The folder of the built program, `dist`. */
  readonly dist: string
  /** A scratch folder that is removed at the end. */
  readonly folder: string
  /** Fewer runs: figures in a few minutes, less to be relied on. */
  readonly quick: boolean
  /** Tells whoever waits what is being done. */
  readonly note: (text: string) => void
}

export type Unit = 'ms' | 's' | 'MB' | '/s'

/** What a figure ought to be: at most or at least a ratio to the reference, or at most a value in the line's unit. */
export type Aim = { readonly ratio: number } | { readonly leastRatio: number } | { readonly value: number }

/** One line of the table. */
export interface Line {
  readonly what: string
  readonly unit: Unit
  /** In the line's unit. */
  readonly ours: number
  /** Measured in the same run: its value in the line's unit, and what it is. */
  readonly reference: { readonly value: number; readonly what: string }
  /** Absent: the line only informs. */
  readonly aim?: Aim
}

export interface Section {
  /** What `--only` names. */
  readonly name: string
  /** In one sentence, what it measures. */
  readonly about: string
  /** Why it cannot be measured here; undefined when it can. */
  readonly obstacle: () => string | undefined
  readonly measure: (bench: Bench) => Promise<readonly Line[]>
}

/** Whether a line is as it ought to be; undefined when it only informs. */
export function isMet({ ours, reference, aim }: Line): boolean | undefined {
  if (aim === undefined) return undefined
  const ratio = ours / reference.value
  if ('leastRatio' in aim) return ratio >= aim.leastRatio
  return 'ratio' in aim ? ratio <= aim.ratio : ours <= aim.value
}
