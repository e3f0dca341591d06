import {
  type Clock,
  type Ids,
  type KeyValueStore,
  type Logger,
  messageOf,
  type Service,
  WorkQueue,
} from '../../../base/index.ts'
import { type Informer, untilSynced } from '../../../client/index.ts'
import { type Node, nodeRemovedError } from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'
import { nodeNameOf } from './identity.ts'

/**
 * Which certificates speak for which nodes. A host that joins becomes a member under its node's name, and its certificates carry the
 * membership's id. The membership ends for good when the Node object that was made under it is deleted, or when another host joins
 * under the name: from then on its certificates prove nothing, however long they are valid.
 */
export interface NodeMembers {
  /** A host joins: begins a membership, which ends the one before it. Answers with its id. */
  admit(nodeName: string): Promise<string>
  /** The id of the running membership; undefined for a node that was removed, or that joined before there were memberships. */
  idOf(nodeName: string): string | undefined
  /** Whether certificates with this id, or with none, do not speak for the node any more. */
  isRemoved(nodeName: string, id: string | undefined): boolean
  /** Whether a Node was made under the running membership. */
  hasNode(nodeName: string): boolean
  /** Follows the Nodes until the signal aborts. `onRemoved` is called when a membership has ended. */
  follow(nodes: Informer<Node>, onRemoved: (nodeName: string) => void): Service
}

/** Where memberships are kept; the API serves nothing under it. */
const PREFIX = '/bowline/node-members/'
const ID_LENGTH = 10
const RETRY_MS = 1_000

interface Member {
  /** Empty once the node was removed. */
  readonly id: string
  /** Of the Node that was made under it; empty until there is one. */
  readonly nodeUid: string
}

/** Loads the memberships of a store. The only writer of them. */
export async function openNodeMembers(options: {
  readonly store: KeyValueStore
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}): Promise<NodeMembers> {
  const { store, clock, ids, log } = options
  const members = new Map<string, Member>()
  for (const { key, value } of (await store.range(PREFIX)).items)
    members.set(key.slice(PREFIX.length), JSON.parse(Buffer.from(value).toString()) as Member)

  /** Durable before it counts. */
  async function write(nodeName: string, member: Member): Promise<void> {
    const value = Buffer.from(JSON.stringify(member))
    await store.txn([], [{ type: 'put', key: PREFIX + nodeName, value }])
    members.set(nodeName, member)
  }

  /** Compares a membership with the Node that there is. Returns whether the membership has ended by that. */
  async function reconcile(nodeName: string, node: Node | undefined): Promise<boolean> {
    const member = members.get(nodeName)
    const uid = node?.metadata.uid ?? ''
    if (member === undefined || member.id === '' || member.nodeUid === uid) return false
    if (member.nodeUid === '') {
      await write(nodeName, { ...member, nodeUid: uid })
      return false
    }
    await write(nodeName, { id: '', nodeUid: '' })
    log.info('a node was removed: its certificate counts no more', { node: nodeName })
    return true
  }

  return {
    async admit(nodeName) {
      const id = ids.suffix(ID_LENGTH)
      await write(nodeName, { id, nodeUid: '' })
      return id
    },
    idOf: nodeName => members.get(nodeName)?.id || undefined,
    isRemoved(nodeName, id) {
      const member = members.get(nodeName)
      // A store that was restored from an older copy does not lock out who joined since.
      return member !== undefined && member.id !== id
    },
    hasNode: nodeName => (members.get(nodeName)?.nodeUid ?? '') !== '',
    follow: (nodes, onRemoved) => ({
      async start(signal) {
        const queue = new WorkQueue(clock)
        const unsubscribe = nodes.subscribe({
          added: ({ metadata }) => queue.add(metadata.name ?? ''),
          deleted: ({ metadata }) => queue.add(metadata.name ?? ''),
        })
        signal.addEventListener('abort', () => queue.close(), { once: true })
        // A node that was deleted just before the server died is found only by looking at all.
        if (await untilSynced([nodes], signal)) for (const name of members.keys()) queue.add(name)
        for (let name = await queue.take(); name !== undefined; name = await queue.take()) {
          try {
            if (await reconcile(name, nodes.get(name))) onRemoved(name)
          } catch (error) {
            log.warn('a membership was not written', { node: name, error: messageOf(error) })
            queue.addAfter(name, RETRY_MS)
          }
          queue.done(name)
        }
        unsubscribe()
      },
    }),
  }
}

/** An agent makes one Node under a membership. One that was deleted it must not make again: that would undo the removal. */
export function oneNodePerMember(members: Pick<NodeMembers, 'hasNode'>): Admission {
  return {
    admit({ user, kind, verb, name, object }) {
      const nodeName = nodeNameOf(user)
      const isNode = kind.group === '' && kind.plural === 'nodes'
      if (isNode && verb === 'create' && nodeName === name && members.hasNode(nodeName))
        throw nodeRemovedError(nodeName)
      return object
    },
  }
}
