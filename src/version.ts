import { createRequire } from 'node:module'

/** The version of this package; the same text in `bowline version`, the User-Agent and the API's build metadata. */
export const VERSION: string = (createRequire(import.meta.url)('../package.json') as { version: string })
  .version

/** The Kubernetes version whose API Bowline serves. */
export const KUBERNETES_VERSION = 'v1.32.0'
