/** How much one text may ask for. Each bound is reported as one problem of its own code. */
export interface YamlLimits {
  /** UTF-8 bytes of the text. */
  readonly bytes: number
  /** Documents in the text, and objects that the documents' lists hold. */
  readonly documents: number
  /** Collections inside one another. */
  readonly depth: number
  /** Uses of an anchor in one document. What all uses in the text add is bounded by `bytes`. */
  readonly aliases: number
  /** Lexical tokens of the text; ordinary manifests have one for every two characters. */
  readonly tokens: number
}

/** Kubernetes' own bound on a request is 3 MiB (apiserver); a manifest of 1 MiB does not fit an etcd value either. */
export const yamlLimits: YamlLimits = {
  bytes: 1024 * 1024,
  documents: 1000,
  depth: 64,
  aliases: 1000,
  tokens: 600_000,
}
