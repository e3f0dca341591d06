import { copyFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isAborted, messageOf, systemClock } from '../../src/base/index.ts'
import { connect } from '../../src/cli/connect.ts'
import { durationText } from '../../src/cli/duration-text.ts'
import { purgeNodes, startCluster, stopCluster } from './cluster.ts'
import { DemoFolder, type DemoState } from './demo-folder.ts'
import { HelloRepository } from './hello-repository.ts'
import { MOST_HOSTS, runHostsDemo } from './hosts/hosts-demo.ts'
import { findLeftovers, traceOf } from './leftovers.ts'
import { createNarrator, type Narrator } from './narrator.ts'
import { choosePlace, type Place, type RuntimeWish, removeImage } from './place.ts'
import { Shell, storyEnvironment } from './shell.ts'
import { openCurtain, tellStory } from './story.ts'
import { World } from './world.ts'

const USAGE = `npm run demo -- [--runtime auto|docker|process] [--stay]   tell the story
npm run demo -- --stop                                      end every demo that stayed
npm run demo -- --hosts N                                   another story: three tiers on N hosts, 2 to ${MOST_HOSTS} (root, Docker, iproute2, nftables, haproxy)`

/** Answers with the exit code: 0 when every claim held and nothing is left, 1 when not, 128 + n after a signal. */
export async function runDemo(args: readonly string[]): Promise<number> {
  const narrator = createNarrator()
  const wishes = readWishes(args)
  if (wishes === undefined) {
    narrator.say(USAGE)
    return 64
  }
  if (process.platform !== 'linux') {
    narrator.failure('The demo needs Linux: elsewhere a machine does not reach the addresses of its pods')
    return 1
  }
  if (wishes.hosts !== undefined) return await tellOnHosts(narrator, wishes.hosts)
  return wishes.stop ? await stopStaying(narrator) : await runStory(narrator, wishes)
}

async function tellOnHosts(narrator: Narrator, count: number): Promise<number> {
  const interruption = catchSignals(narrator)
  try {
    const code = await runHostsDemo(narrator, count, interruption.signal)
    return interruption.code ?? code
  } finally {
    interruption.dispose()
  }
}

interface Wishes {
  readonly runtime: RuntimeWish
  readonly stay: boolean
  readonly stop: boolean
  readonly hosts: number | undefined
}

function readWishes(args: readonly string[]): Wishes | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        runtime: { type: 'string', default: 'auto' },
        stay: { type: 'boolean', default: false },
        stop: { type: 'boolean', default: false },
        hosts: { type: 'string' },
      },
    })
    const runtime = (['auto', 'docker', 'process'] as const).find(name => name === values.runtime)
    const hosts = values.hosts === undefined ? undefined : Number(values.hosts)
    if (hosts !== undefined && !(Number.isInteger(hosts) && hosts >= 2 && hosts <= MOST_HOSTS))
      return undefined
    return runtime === undefined ? undefined : { runtime, stay: values.stay, stop: values.stop, hosts }
  } catch {
    return undefined
  }
}

async function runStory(narrator: Narrator, { runtime, stay }: Wishes): Promise<number> {
  const began = systemClock.now()
  const interruption = catchSignals(narrator)
  const folder = await DemoFolder.create()
  const stories = new AbortController()
  let place: Place | undefined
  let staying = false
  let code = 0
  try {
    place = await choosePlace(runtime, folder.id)
    narrator.say(
      `Containers run ${place.runtime === 'docker' ? 'in Docker' : 'as host processes'}: ${place.why}.`,
    )
    narrator.say(`Everything is in ${folder.path} and goes away in the end.`)
    const signal = AbortSignal.any([interruption.signal, stories.signal])
    await tell({ narrator, folder, place, signal })
    staying = stay
  } catch (error) {
    code = interruption.code ?? 1
    if (!isAborted(error) || interruption.code === undefined) {
      narrator.failure(messageOf(error))
      const log = await keepLog(folder)
      if (log !== undefined) narrator.say(`what the server and its agents said: ${log}`)
    }
  }
  stories.abort()
  if (staying) sayHowToStay(narrator, folder)
  else code = Math.max(code, await endDemo(narrator, folder, place))
  interruption.dispose()
  if (code === 0) narrator.say(`The demo took ${durationText(systemClock.now() - began)}.`)
  return code
}

async function tell(parts: {
  readonly narrator: Narrator
  readonly folder: DemoFolder
  readonly place: Place
  readonly signal: AbortSignal
}): Promise<void> {
  const { narrator, folder, place, signal } = parts
  const environment = storyEnvironment(folder.path)
  const shell = new Shell(folder.path, { narrator, environment, signal })
  let client: Awaited<ReturnType<typeof connect>> | undefined
  try {
    const world = await openCurtain({ narrator, place, shell }, async () => {
      await startCluster(folder, place, shell, signal)
      client = await connect({ kubeconfig: folder.kubeconfig })
      const watched = new World(client, signal)
      await watched.start()
      return watched
    })
    if (client === undefined) return
    const image = place.runtime === 'docker' ? place.image : undefined
    const repository = await HelloRepository.open(shell, narrator, image)
    await tellStory({ ...parts, shell, client, world, repository })
  } finally {
    await client?.close()
  }
}

/** Ends what runs, removes what was made, and looks whether that was all. The exit code. */
async function endDemo(narrator: Narrator, folder: DemoFolder, place: Place | undefined): Promise<number> {
  narrator.progress('stopping everything')
  const left: string[] = []
  const complain = (what: string) => (error: unknown) => void left.push(`${what} (${messageOf(error)})`)
  const state = await folder.readState()
  if (state !== undefined)
    await removeCluster(folder, state).then(found => void left.push(...found), complain('the cluster'))
  if (place !== undefined) await removeImage(place).catch(complain('the image'))
  await folder.remove().catch(complain(folder.path))
  if (left.length > 0) {
    narrator.failure(`The demo could not remove ${left.join(', ')}`)
    return 1
  }
  narrator.say('Everything has ended, and nothing is left behind.')
  return 0
}

/** What is left all the same, in words. */
async function removeCluster(folder: DemoFolder, state: DemoState): Promise<readonly string[]> {
  const trace = await traceOf(folder)
  await stopCluster(folder, state)
  const left = await findLeftovers(folder, state.place, trace)
  if (left.length === 0 || trace.clusterUid === undefined) return left
  await purgeNodes(folder, state.place, trace.clusterUid)
  return await findLeftovers(folder, state.place, trace)
}

async function stopStaying(narrator: Narrator): Promise<number> {
  const folders = await DemoFolder.findStaying()
  if (folders.length === 0) narrator.say('No demo stayed.')
  let code = 0
  for (const folder of folders) {
    narrator.say(`stopping the demo in ${folder.path}`)
    code = Math.max(code, await endDemo(narrator, folder, (await folder.readState())?.place))
  }
  return code
}

function sayHowToStay(narrator: Narrator, folder: DemoFolder): void {
  narrator.chapter('It stays')
  narrator.say(`export KUBECONFIG=${folder.kubeconfig}`)
  narrator.say('kubectl get pods --all-namespaces --output wide')
  narrator.say('kubectl --namespace hello logs deployment/hello')
  narrator.say(`cd ${join(folder.path, 'hello')}   # edit hello.yaml, git commit, git push`)
  narrator.say(`npx bowline status --data-dir ${folder.dataDir}   # in this checkout`)
  narrator.say('npm run demo -- --stop   # ends it and removes everything')
}

/** Where the log is now that its folder goes away; undefined when there is none. */
async function keepLog(folder: DemoFolder): Promise<string | undefined> {
  const kept = join(tmpdir(), `bowline-demo-${folder.id}.log`)
  return await copyFile(folder.log, kept).then(
    () => kept,
    () => undefined,
  )
}

/** The first signal ends the story; what was made is still removed. The third ends that too. */
function catchSignals(narrator: Narrator): {
  readonly signal: AbortSignal
  readonly code: number | undefined
  dispose(): void
} {
  const controller = new AbortController()
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  let code: number | undefined
  let seen = 0
  function onSignal(name: (typeof names)[number]): void {
    seen += 1
    code ??= 128 + constants.signals[name]
    if (seen === 1) narrator.progress('stopping everything')
    if (seen === 3) process.exit(code)
    controller.abort()
  }
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    get code() {
      return code
    },
    dispose() {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
