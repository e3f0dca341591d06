import { hasCode } from '../../../base/index.ts'
import type { RunProgram } from '../nft/index.ts'
import type { Place } from './place.ts'

/**
 * What a host needs besides the table, each put right when it is found wrong: a route, so that its own processes may send to
 * service addresses at all, and leave to forward pods' packets where another firewall forbids it by default.
 */
export async function ensureHostPaths(run: RunProgram, place: Place, mark: string): Promise<void> {
  await ensureServiceRoute(run, place)
  for (const rule of await missingAccepts(run, place, mark)) await iptables(run, ['-I', ...rule])
}

/** Takes back what {@link ensureHostPaths} put into the firewall, known by its mark. The route goes with the node's address. */
export async function removeHostPaths(run: RunProgram, mark: string): Promise<void> {
  const rules = (await iptables(run, ['-S'])) ?? ''
  for (const rule of rules.split('\n')) {
    const words = rule.split(' ')
    if (words[0] === '-A' && words.includes(mark)) await iptables(run, ['-D', ...words.slice(1)])
  }
}

/**
 * Packets to service addresses never leave: they are translated on their way out, and dropped if they are not. The source is the
 * node's own address among the pods', which every pod can answer on every way between hosts.
 */
async function ensureServiceRoute(run: RunProgram, { serviceCidr, podCidr }: Place): Promise<void> {
  const { output } = await run('ip', ['-4', 'route', 'show', 'exact', serviceCidr])
  if (output.trim() !== '') return
  const route = ['-4', 'route', 'add', serviceCidr, 'dev', 'lo']
  const { code } = await run('ip', [...route, 'src', hostAddress(podCidr)])
  if (code !== 0) await run('ip', route)
}

/** The first address of a node's pod range is the host's. */
function hostAddress(podCidr: string): string {
  const [base = ''] = podCidr.split('/')
  return base.replace(/\d+$/, last => String(Number(last) + 1))
}

/**
 * Docker sets the policy of iptables' FORWARD to DROP, and names DOCKER-USER as the place for rules of others. A rule in a table of
 * our own cannot help: a packet must be accepted by every table.
 */
async function missingAccepts(
  run: RunProgram,
  place: Place,
  mark: string,
): Promise<readonly (readonly string[])[]> {
  const listed = await iptables(run, ['-S', 'FORWARD'])
  if (listed === undefined || !listed.includes('-P FORWARD DROP')) return []
  const chain = listed.includes('-j DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD'
  const missing: (readonly string[])[] = []
  for (const rule of acceptsOf(place, mark))
    if ((await iptables(run, ['-C', chain, ...rule])) === undefined) missing.push([chain, ...rule])
  return missing
}

function acceptsOf({ clusterCidr }: Place, mark: string): readonly (readonly string[])[] {
  const comment = ['-m', 'comment', '--comment', mark]
  return ['-s', '-d'].map(side => [side, clusterCidr, ...comment, '-j', 'ACCEPT'])
}

/** What it printed; undefined when it failed or is not installed. */
async function iptables(run: RunProgram, args: readonly string[]): Promise<string | undefined> {
  try {
    const { code, output } = await run('iptables', ['-w', ...args])
    return code === 0 ? output : undefined
  } catch (error) {
    if (hasCode(error, 'unsupported')) return undefined
    throw error
  }
}
