import { systemClock } from '../../src/base/index.ts'
import type { Client } from '../../src/client/index.ts'
import type { Pod, RecordObject } from '../../src/kube/index.ts'
import { BrokenClaim } from './claim.ts'
import { upCommand } from './cluster.ts'
import type { DemoFolder } from './demo-folder.ts'
import { containerId, killContainer, scaleByHand } from './disturb.ts'
import { HelloRepository } from './hello-repository.ts'
import type { Narrator } from './narrator.ts'
import type { Place } from './place.ts'
import { display, type Shell } from './shell.ts'
import { ask } from './traffic.ts'
import { underLoad } from './under-load.ts'
import type { World } from './world.ts'

/** What every chapter needs. */
export interface Scene {
  readonly narrator: Narrator
  readonly folder: DemoFolder
  readonly place: Place
  readonly shell: Shell
  readonly client: Client
  readonly world: World
  readonly repository: HelloRepository
}

const REPLICAS = 3
const HELD = 3

/** Makes the repository and starts the hosts; `start` resolves when the server serves. */
export async function openCurtain(
  { narrator, place, shell }: Pick<Scene, 'narrator' | 'place' | 'shell'>,
  start: () => Promise<World>,
): Promise<World> {
  narrator.chapter('A repository, and three hosts that follow it')
  await HelloRepository.init(shell)
  narrator.command(`${display(upCommand(place))} &`)
  narrator.progress('waiting for the server')
  const began = systemClock.now()
  const world = await start()
  narrator.progress('waiting for the hosts')
  const nodes = await world.until('three hosts are ready', () => {
    const ready = world.nodes
      .list()
      .filter(({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
    return ready.length === 3 && ready
  })
  const names = nodes.map(({ metadata }) => metadata.name).sort()
  narrator.claim(true, `3 hosts are ready: ${names.join(', ')}`, systemClock.now() - began)
  return world
}

/** The story itself. Throws at the first claim that does not hold. */
export async function tellStory(scene: Scene): Promise<void> {
  await pushFirst(scene)
  const second = await pushSecond(scene)
  await killOne(scene)
  await editByHand(scene)
  await breakManifest(scene)
  await revertBroken(scene)
  await rollBack(scene, second)
  await readRecords(scene)
}

async function pushFirst({ narrator, world, repository }: Scene): Promise<void> {
  narrator.chapter('The first push: from nothing to running')
  await repository.push('Say hello')
  await repository.shell.must('bowline', 'follow')
  const pods = await settled(world, narrator)
  const hosts = new Set(pods.map(({ spec }) => spec?.nodeName))
  narrator.claim(hosts.size === REPLICAS, `${REPLICAS} replicas are ready, each on a host of its own`)
  const [address = ''] = addresses(pods)
  const answer = await ask(address)
  narrator.claim(answer.startsWith('Hello from hello-'), `http://${address}:8080 answers: ${answer}`)
}

/** The id of its commit. */
async function pushSecond({ narrator, world, repository }: Scene): Promise<string> {
  narrator.chapter('The second push: a rolling update, while requests keep coming')
  await repository.edit(/(?<=value: )Hello$/, 'Good morning')
  const report = await underLoad({ world, narrator }, REPLICAS, async () => {
    await repository.push('Say good morning')
    await repository.shell.must('bowline', 'follow')
    await settled(world, narrator)
  })
  narrator.claim(report.answers.has('Good morning'), 'the pods say "Good morning" now')
  return await repository.head()
}

async function killOne(scene: Scene): Promise<void> {
  const { narrator, world } = scene
  narrator.chapter('A container is killed behind Bowline’s back')
  const [victim] = world.readyPods()
  if (victim === undefined) throw new BrokenClaim('a pod is ready')
  const { name } = victim.metadata
  const killed = containerId(victim)
  const known = world.records().length
  const began = systemClock.now()
  await killContainer(victim, scene)
  const healed = await world.until('the killed container is replaced', () =>
    world.readyPods().find(pod => pod.metadata.name === name && containerId(pod) !== killed),
  )
  narrator.claim(
    healed.status?.podIP === victim.status?.podIP,
    `${name} is ready again, in a new container, at the same address`,
    systemClock.now() - began,
  )
  await recordOf(world, known, 'the repair is recorded', record => isRepairBy(record, 'unknown'))
  narrator.claim(true, 'the repair is recorded; who did it cannot be known')
}

async function editByHand(scene: Scene): Promise<void> {
  const { narrator, world, client } = scene
  narrator.chapter('Somebody edits the cluster by hand')
  const known = world.records().length
  await underLoad({ world, narrator }, undefined, async () => {
    const began = systemClock.now()
    const generation = world.deployment()?.metadata.generation ?? 0
    await scaleByHand(client, 1, scene)
    await world.until('Git’s 3 replicas are back', () => {
      const { metadata, spec } = world.deployment() ?? {}
      // One more for the edit, one more for the repair.
      return (metadata?.generation ?? 0) >= generation + 2 && spec?.replicas === REPLICAS
    })
    narrator.claim(true, 'put back to what Git says: 3 replicas', systemClock.now() - began)
    const { metadata, spec } = await recordOf(world, known, 'the repair is recorded with the user', record =>
      isRepairBy(record, 'bowline-admin'),
    )
    narrator.claim(true, `record ${metadata.name} names the user: ${spec.actor}`)
    await settled(world, narrator)
  })
}

async function breakManifest({ narrator, world, repository }: Scene): Promise<void> {
  narrator.chapter('A broken manifest is pushed')
  const before = identities(world)
  const line = await repository.edit(/(?<=replicas: )3/, 'four')
  await underLoad({ world, narrator }, REPLICAS, async () => {
    await repository.push('Four replicas')
    const code = await repository.shell.show('bowline', 'follow')
    narrator.claim(code === HELD, `the app is held at this commit (exit code ${code})`)
  })
  const app = await world.until('the app is held', () =>
    world.apps.list().find(({ status }) => status?.phase === 'Held'),
  )
  const [diagnostic] = app.status?.diagnostics ?? []
  narrator.claim(
    diagnostic?.file === 'hello.yaml' && diagnostic.line === line,
    `it says where: ${diagnostic?.file}:${diagnostic?.line}:${diagnostic?.column}`,
  )
  narrator.claim(identities(world) === before, 'the same containers are running as before')
}

async function revertBroken({ narrator, world, repository }: Scene): Promise<void> {
  narrator.chapter('git revert takes it back')
  const before = identities(world)
  await repository.shell.must('git', 'revert', '--no-edit', 'HEAD')
  await repository.shell.must('git', 'push', '--quiet')
  await repository.shell.must('bowline', 'follow')
  await world.until('the app is healthy', () => world.apps.list()[0]?.status?.phase === 'Healthy')
  narrator.claim(identities(world) === before, 'the app is healthy; no container had to change')
}

async function rollBack({ narrator, world, repository }: Scene, commit: string): Promise<void> {
  narrator.chapter('bowline rollback: a revert and its push in one command, without a work tree')
  const report = await underLoad({ world, narrator }, REPLICAS, async () => {
    await repository.shell.must('bowline', 'rollback', commit.slice(0, 7))
    await settled(world, narrator)
  })
  narrator.claim(report.answers.has('Hello'), 'the pods say "Hello" again')
  await repository.shell.must('git', 'pull', '--quiet')
}

async function readRecords({ narrator, world, repository }: Scene): Promise<void> {
  narrator.chapter('What happened, as recorded')
  await repository.shell.must('bowline', 'history')
  await repository.shell.must('bowline', 'audit', 'verify')
  const told = world.records().map(({ spec, status }) => `${spec.commit.subject}: ${status?.state}`)
  const expected = [
    'Say hello: Healthy',
    'Say good morning: Healthy',
    'Four replicas: Held',
    'Revert "Four replicas": Healthy',
    'Revert "Say good morning": Healthy',
  ]
  const missing = expected.filter(line => !told.includes(line))
  narrator.claim(
    missing.length === 0,
    `every commit has its record, and the chain of records is whole${missing.map(line => `, but not of ${line}`).join('')}`,
  )
}

/** Waits until all replicas are ready and nothing else is left, as after every rollout. */
async function settled(world: World, narrator: Narrator): Promise<readonly Pod[]> {
  narrator.progress('waiting for the last old pods to end')
  return await world.until('3 replicas are ready and no other pod is left', () => {
    const ready = world.readyPods()
    return ready.length === REPLICAS && world.allPods().length === REPLICAS && ready
  })
}

/** The first record beyond those known that fits and is closed. */
async function recordOf(
  world: World,
  known: number,
  claim: string,
  fits: (record: RecordObject) => boolean,
): Promise<RecordObject> {
  return await world.until(claim, () =>
    world
      .records()
      .slice(known)
      .find(record => record.status?.state === 'Healthy' && fits(record)),
  )
}

function isRepairBy({ spec }: RecordObject, actor: string): boolean {
  return spec.trigger === 'drift' && spec.actor === actor
}

function addresses(pods: readonly Pod[]): readonly string[] {
  return pods.map(({ status }) => status?.podIP ?? '')
}

/** Which containers run; the same text means that none was replaced. */
function identities(world: World): string {
  return world.readyPods().map(containerId).sort().join(' ')
}
