/** Told what costs more than the rest of an expression; each throws when it is too much. */
export interface Costs {
  /** A loop takes another turn, in an expression of so many operations. */
  turn(operations: number): void
  /** A regular expression of this size is compiled. */
  compiled(size: number): void
  /** A regular expression of this size is looked for in a text of this length; where it is found costs more than whether it is. */
  searched(length: number, size: number, forPlaces: boolean): void
  /** This value is compared. */
  weighed(value: unknown): void
  /** This value is given to a function, or was put together. */
  measured(value: unknown): void
}
