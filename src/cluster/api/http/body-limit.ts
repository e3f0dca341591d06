/** Upstream's bound on request bodies (apiserver `pkg/server/config.go`). */
export const MAX_BODY_BYTES: number = 3 * 1024 * 1024
