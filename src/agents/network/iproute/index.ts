/**
 * The host's network through iproute2: batches of commands that change it, and what is there as data. What is read comes over
 * netlink and from the process's own /proc, never from /sys, which may show another network namespace than the agent's.
 *
 *     await runIp(['link add bowline-1a2b3c4 type dummy', 'link set bowline-1a2b3c4 up'])
 *     const names = (await readInterfaces()).map(({ name }) => name)
 */
export { type HostAddress, hostAddresses } from './host-addresses.ts'
export { KeptShell } from './kept-shell.ts'
export {
  type FdbEntry,
  type Interface,
  type Neighbour,
  type Route,
  readFdb,
  readHostRoutes,
  readInterfaces,
  readNeighbours,
  readRoutes,
} from './read.ts'
export { type RunOptions, runIp, runIpAcross, runProgram, startDaemon } from './run.ts'
export { writeSysctl } from './sysctl.ts'
