import { systemClock } from '../../../src/base/index.ts'
import { Kinds, type Pod } from '../../../src/kube/index.ts'
import { isReady } from '../../../test/e2e/support/installation.ts'
import type { Fleet } from '../../../test/support/fleet.ts'
import type { TestHost } from '../../../test/support/hosts.ts'
import { BrokenClaim } from '../claim.ts'
import type { Narrator } from '../narrator.ts'
import { display } from '../shell.ts'
import { guestbookFiles } from './guestbook-files.ts'
import { startVisitors } from './visitors.ts'

export interface Stage {
  readonly narrator: Narrator
  readonly fleet: Fleet
  readonly signal: AbortSignal
}

const SITE = 'guestbook.example.org'

/** The story itself. Throws at the first claim that does not hold. */
export async function tellGuestbook(stage: Stage): Promise<void> {
  await startHosts(stage)
  await pushGuestbook(stage)
  await sign(stage)
  await replaceStore(stage)
  await rollOut(stage)
  await drainHost(stage)
  await loseServer(stage)
  await readRecords(stage)
}

async function startHosts({ narrator, fleet, signal }: Stage): Promise<void> {
  narrator.chapter('A server, and hosts that join it')
  const began = systemClock.now()
  narrator.progress('waiting for the hosts')
  await fleet.start()
  signal.throwIfAborted()
  const names = fleet.hosts.all.map(({ name }) => name)
  narrator.claim(true, `${names.length} hosts are ready: ${names.join(', ')}`, systemClock.now() - began)
}

async function pushGuestbook(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  narrator.chapter('The first push: three tiers, a service each, a volume and an ingress')
  const commit = await fleet.repository.push('The guestbook', await guestbookFiles())
  await must(stage, 'bowline', 'follow', commit.slice(0, 12))
  const tiers = await podsOf(stage)
  narrator.claim(
    new Set(tiers.map(({ spec }) => spec?.nodeName)).size === fleet.hosts.all.length,
    `${tiers.length} pods run: ${tiers.map(({ metadata, spec }) => `${metadata.name} on ${spec?.nodeName}`).join(', ')}`,
  )
  for (const host of fleet.hosts.all) await pageAt(stage, host)
  narrator.claim(true, `http://${SITE}/ is served by every host`)
}

async function sign(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  narrator.chapter('Signed at one host, read at another')
  const [first, ...others] = fleet.hosts.all
  if (first === undefined) throw new BrokenClaim('there is a host')
  const { status } = await ask(first, '/cgi-bin/entries', 'Ada was here')
  narrator.claim(status === 200, `POST at ${first.name}: ${status}`)
  for (const host of others) {
    const { body } = await ask(host, '/cgi-bin/entries')
    narrator.claim(body.includes('Ada was here'), `GET at ${host.name}: ${body.trim()}`)
  }
}

async function replaceStore(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  narrator.chapter('The pod of the store is deleted, and another one takes its volume')
  const before = await storeOf(stage)
  narrator.command('kubectl delete pod store-0')
  narrator.say(await fleet.kubectlOk(['delete', 'pod', 'store-0']))
  const after = await fleet.until('another store-0', async () => {
    const pod = await storeOf(stage)
    return pod !== undefined && pod.metadata.uid !== before?.metadata.uid && isReady(pod) && pod
  })
  narrator.claim(
    after.spec?.nodeName === before?.spec?.nodeName,
    `store-0 is another pod, where its volume is: on ${after.spec?.nodeName}`,
  )
  for (const host of fleet.hosts.all)
    await fleet.until(`the entry at ${host.name}`, async () =>
      (await ask(host, '/cgi-bin/entries')).body.includes('Ada was here'),
    )
  narrator.claim(true, 'the entry is still read at every host')
}

async function rollOut(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  narrator.chapter('A rolling update, while visitors keep coming to every host')
  await whileVisited(stage, async () => {
    const commit = await fleet.repository.push(
      'Visitors',
      await guestbookFiles(text => text.replace('value: Guestbook', 'value: Visitors')),
    )
    await must(stage, 'bowline', 'follow', commit.slice(0, 12))
  })
  const [first] = fleet.hosts.all
  if (first !== undefined)
    narrator.claim((await pageAt(stage, first)).includes('<h1>Visitors</h1>'), 'the page has its new title')
}

async function drainHost(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  // A host with the volume keeps its pod: data does not wander by itself.
  const store = await storeOf(stage)
  const host = fleet.hosts.all.find(({ name }) => name !== store?.spec?.nodeName)
  if (host === undefined) return
  narrator.chapter(`${host.name} is drained for its maintenance, and comes back`)
  await whileVisited(stage, async () => {
    await must(stage, 'bowline', 'host', 'drain', host.name)
  })
  const left = (await podsOf(stage)).filter(({ spec }) => spec?.nodeName === host.name)
  narrator.claim(left.length === 0, `no pod is left on ${host.name}`)
  await must(stage, 'bowline', 'host', 'uncordon', host.name)
}

async function loseServer(stage: Stage): Promise<void> {
  const { narrator, fleet } = stage
  narrator.chapter('The server is gone, and a container is killed meanwhile')
  await fleet.stopServer('SIGKILL')
  narrator.say('kill -9 of the server')
  for (const host of fleet.hosts.all) await pageAt(stage, host)
  narrator.claim(true, 'names resolve and the page is served by every host all the same')
  const { host, before } = await busyHost(fleet.hosts.all)
  const [victim = ''] = before
  const began = systemClock.now()
  await host.engine.docker.getContainer(victim).kill()
  await fleet.until('another container in its place', async () => {
    const now = await runningOn(host)
    return !now.includes(victim) && now.length >= before.length
  })
  narrator.claim(true, `the agent of ${host.name} has started another one`, systemClock.now() - began)
  const running = await everyContainer(fleet.hosts.all)
  await fleet.startServer()
  await fleet.untilReady(...fleet.hosts.all)
  await must(stage, 'bowline', 'status')
  const after = await everyContainer(fleet.hosts.all)
  narrator.claim(
    running.every(id => after.includes(id)),
    'the server is back, and no container had to change',
  )
}

/** One with pods: who was drained has none. */
async function busyHost(
  hosts: readonly TestHost[],
): Promise<{ readonly host: TestHost; readonly before: readonly string[] }> {
  for (const host of hosts) {
    const before = await runningOn(host)
    if (before.length > 0) return { host, before }
  }
  throw new BrokenClaim('containers of pods run')
}

async function readRecords(stage: Stage): Promise<void> {
  stage.narrator.chapter('What happened, as recorded')
  await must(stage, 'bowline', 'history')
  await must(stage, 'bowline', 'audit', 'verify')
}

/** Does something while requests go to the ingress of every host, and claims that none of them fails. */
async function whileVisited({ narrator, fleet }: Stage, action: () => Promise<void>): Promise<void> {
  const visitors = startVisitors(fleet.hosts.all.map(host => () => ask(host, '/')))
  const { requests, failures } = await action()
    .catch(async error => {
      await visitors.stop()
      throw error
    })
    .then(() => visitors.stop())
  const [first] = failures
  narrator.claim(
    requests > 0 && failures.length === 0,
    `${requests} visits at ${fleet.hosts.all.length} hosts, ${failures.length} failed${first === undefined ? '' : ` (${first})`}`,
  )
}

/** Shows the command with what it says; another exit code than 0 ends the story. */
async function must({ narrator, fleet, signal }: Stage, ...command: readonly string[]): Promise<void> {
  signal.throwIfAborted()
  narrator.command(display(command))
  const { code, stdout, stderr } = await fleet.bowline(...command.slice(1))
  for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) narrator.say(line)
  if (code !== 0) throw new BrokenClaim(`${display(command)} ends with 0, not ${code}`)
}

/** The page once the host serves it. */
async function pageAt({ fleet, signal }: Stage, host: TestHost): Promise<string> {
  return await fleet.until(`the page at ${host.name}`, async () => {
    signal.throwIfAborted()
    const answer = await ask(host, '/').catch(() => undefined)
    return answer?.status === 200 && answer.body
  })
}

function ask(host: TestHost, path: string, body?: string) {
  return host.request(`http://${SITE}${path}`, {
    at: { host: host.address, port: 80 },
    timeoutMs: 10_000,
    ...(body === undefined ? {} : { method: 'POST', body }),
  })
}

async function podsOf({ fleet }: Stage): Promise<readonly Pod[]> {
  const { items } = await fleet.client.list(Kinds.Pod, { labelSelector: 'app=guestbook' })
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
}

async function storeOf(stage: Stage): Promise<Pod | undefined> {
  return (await podsOf(stage)).find(({ metadata }) => metadata.labels?.tier === 'store')
}

/** The ids of the containers of pods that run on a host, sandboxes left out. */
async function runningOn(host: TestHost): Promise<readonly string[]> {
  const filters = { label: ['bowline.dev/type=container'] }
  return (await host.engine.docker.listContainers({ filters })).map(({ Id }) => Id)
}

async function everyContainer(hosts: readonly TestHost[]): Promise<readonly string[]> {
  return (await Promise.all(hosts.map(runningOn))).flat()
}
