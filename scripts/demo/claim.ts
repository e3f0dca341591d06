/** Something that the demo says of Bowline and that did not come true. */
export class BrokenClaim extends Error {
  constructor(claim: string) {
    super(claim)
    this.name = 'BrokenClaim'
  }
}
