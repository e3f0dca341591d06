import { rm } from 'node:fs/promises'
import { messageOf } from '../../../src/base/index.ts'
import { Fleet } from '../../../test/support/fleet.ts'
import { TestHosts, testHostsAvailability } from '../../../test/support/hosts.ts'
import type { Narrator } from '../narrator.ts'
import { BOWLINE } from '../shell.ts'
import { tellGuestbook } from './guestbook-story.ts'

/** More hosts than this take longer than anybody watches. */
export const MOST_HOSTS = 9

/**
 * Tells the story of examples/guestbook on several hosts: network namespaces of this machine, each with an engine of its own, and
 * one for the server. Touches nothing else of the machine. 0 when every claim held and everything was removed, 1 when not.
 */
export async function runHostsDemo(narrator: Narrator, count: number, signal: AbortSignal): Promise<number> {
  const { available, reason } = testHostsAvailability()
  if (!available) {
    narrator.failure(`Cannot make several hosts of this machine: ${reason}`)
    return 1
  }
  narrator.say(
    `${count} hosts and a server, each a network namespace of this machine; each host has its own engine.`,
  )
  let hosts: TestHosts | undefined
  let fleet: Fleet | undefined
  let code = 0
  try {
    narrator.progress('making the hosts')
    hosts = await TestHosts.start({ hosts: count })
    fleet = await Fleet.create({ main: BOWLINE, hosts })
    await tellGuestbook({ narrator, fleet, signal })
  } catch (error) {
    code = 1
    if (!signal.aborted) narrator.failure(messageOf(error))
  }
  narrator.progress('stopping everything')
  try {
    await fleet?.destroy()
    await hosts?.destroy()
    if (fleet !== undefined) await rm(fleet.folder, { recursive: true, force: true })
    narrator.say('Everything has ended, and nothing is left behind.')
  } catch (error) {
    narrator.failure(`The demo could not remove everything: ${messageOf(error)}`)
    code = 1
  }
  return code
}
