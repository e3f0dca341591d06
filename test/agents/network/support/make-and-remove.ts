/**
 * Makes what an agent makes of a network in the namespace that it runs in, beside what others have there, and removes it as an agent
 * that takes its containers along. Prints `made` before, and `removed` after; both with everything that is there then.
 */
import { createNft, programRunner } from '../../../../src/agents/network/nft/index.ts'
import { ROUTE_PROTOCOL } from '../../../../src/agents/network/pods/pod-interface.ts'
import { nodeHash, RoutedPods } from '../../../../src/agents/network/pods/routed-pods.ts'
import { removeNetwork } from '../../../../src/agents/network/remove-network.ts'
import { ensureHostPaths } from '../../../../src/agents/network/services/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'

const owner = { clusterUid: 'cluster', nodeName: 'one' }
const mark = `bowline-${nodeHash(owner)}`
const run = programRunner()
const place = {
  podCidr: '10.77.1.0/24',
  clusterCidr: '10.77.0.0/16',
  serviceCidr: '10.78.0.0/16',
  localNodes: new Set<string>(),
}

async function everything(): Promise<string> {
  const commands = [
    ['nft', 'list', 'tables', 'ip'],
    ['ip', '-brief', 'link'],
    ['ip', '-4', 'route', 'show'],
    ['ip', '-4', 'address', 'show'],
    ['iptables', '-S', 'FORWARD'],
  ] as const
  const outputs = await Promise.all(commands.map(([program, ...args]) => run(program, args)))
  return outputs.map(({ output }) => output).join('')
}

const pods = new RoutedPods({ ...owner, clock: systemClock, ids: systemIds, log: silentLogger })
await pods.prepare()
await pods.setRange(place.podCidr)
await ensureHostPaths(run, place, mark)
await createNft(run).load(`add table ip ${mark}\n`)
await run('ip', [
  'route',
  'add',
  '10.77.2.0/24',
  'via',
  process.argv[2] ?? '',
  'proto',
  String(ROUTE_PROTOCOL),
])
await run('ip', ['link', 'add', mark.replace('bowline-', 'bovx-'), 'type', 'bridge'])
const made = await everything()
await removeNetwork({ ...owner, pods, log: silentLogger })
console.log(JSON.stringify({ mark, made, removed: await everything() }))
