/**
 * Liveness, readiness and startup: asks containers how they are and says what follows from the answers. It decides nothing about
 * pods; whoever follows a container here is told of changes and of a container that should be restarted.
 *
 *     const prober = createProber({ clock, exec, observer })
 *     prober.follow({ id, startedAt, container, ip, ready: false, graceMs })
 */
export { runHttp } from './network.ts'
export { type ProbeAnswer, portNumber } from './probe.ts'
export { createProber, type ProbeObserver, type Prober } from './prober.ts'
