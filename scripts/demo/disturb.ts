import type { Client } from '../../src/client/index.ts'
import type { Pod } from '../../src/kube/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import type { DemoFolder } from './demo-folder.ts'
import { mainProcess } from './leftovers.ts'
import type { Narrator } from './narrator.ts'
import { engineOf, type Place, programs } from './place.ts'
import type { Shell } from './shell.ts'

/** The id that the runtime gave to a pod's only container. */
export function containerId(pod: Pod): string {
  return pod.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? ''
}

/** Kills a pod's container behind Bowline's back. */
export async function killContainer(
  pod: Pod,
  {
    place,
    folder,
    shell,
    narrator,
  }: {
    readonly place: Place
    readonly folder: DemoFolder
    readonly shell: Shell
    readonly narrator: Narrator
  },
): Promise<void> {
  const id = containerId(pod)
  if (place.runtime === 'process') {
    const pid = await mainProcess(folder, pod.spec?.nodeName ?? '', id)
    await shell.must('sh', '-c', `kill -9 ${pid}`)
  } else if (programs('docker').length > 0) {
    await shell.must('docker', '--host', `unix://${place.socketPath}`, 'rm', '--force', id.slice(0, 12))
  } else {
    narrator.say(
      `no docker command on this machine: the demo itself has the engine remove container ${id.slice(0, 12)}`,
    )
    await engineOf(place).getContainer(id).remove({ force: true })
  }
}

/** Scales the Deployment by hand, past Git. */
export async function scaleByHand(
  client: Client,
  replicas: number,
  { shell, narrator }: { readonly shell: Shell; readonly narrator: Narrator },
): Promise<void> {
  if (programs('kubectl').length > 0)
    return await shell.must(
      'kubectl',
      '--namespace',
      'hello',
      'scale',
      'deployment/hello',
      `--replicas=${replicas}`,
    )
  narrator.say(
    `no kubectl on this machine: the demo itself sets spec.replicas of deployment/hello to ${replicas}`,
  )
  await client.patch(
    Kinds.Deployment,
    'hello',
    { type: 'merge', body: { spec: { replicas } } },
    { namespace: 'hello', fieldManager: 'by-hand' },
  )
}
