import { type Logger, messageOf } from '../../../base/index.ts'
import { Admission } from './admission.ts'
import { isBadQuery, type Query, readQuery } from './message.ts'
import { Networks } from './networks.ts'
import { failure, type Reply } from './responder.ts'

/** Answers that wait for a resolver or for the first list of services, in all and for one client. */
const MAX_WAITING = 1000
const MAX_WAITING_PER_CLIENT = 200

export interface AnsweringOptions {
  readonly respond: (query: Query, limit: number) => Reply
  /** Who is answered, as ranges. */
  readonly networks: readonly string[]
  /** Who else is. */
  readonly isClient: (address: string) => boolean
  readonly log: Logger
}

/** What both transports do with the bytes of a query: who is answered, and what waits how long for it, is decided here. */
export class Answering {
  readonly #respond: AnsweringOptions['respond']
  readonly #log: Logger
  readonly #networks: Networks
  readonly #isClient: AnsweringOptions['isClient']
  readonly #admission = new Admission(MAX_WAITING, MAX_WAITING_PER_CLIENT)

  constructor({ respond, networks, isClient, log }: AnsweringOptions) {
    this.#respond = respond
    this.#log = log
    this.#networks = new Networks(networks)
    this.#isClient = isClient
  }

  /** Whether a client is of the node; others get no answer, not even a refusal. */
  isServed(address: string): boolean {
    return this.#networks.includes(address) || this.#isClient(address)
  }

  /**
   * Calls `send` once with the answer, at once or later; false for bytes that deserve none. Never throws, whatever the bytes.
   * `limitOf` says how long the answer to a query may be.
   */
  answer(
    bytes: Buffer,
    client: string,
    limitOf: (query: Query) => number,
    send: (answer: Buffer) => void,
  ): boolean {
    try {
      const query = readQuery(bytes)
      if (query === undefined) return false
      if (isBadQuery(query)) send(query.answer)
      else this.#answerQuery(query, client, limitOf(query), send)
      return true
    } catch (error) {
      this.#log.error('a DNS query was not answered', { client, error: messageOf(error) })
      return false
    }
  }

  #answerQuery(query: Query, client: string, limit: number, send: (answer: Buffer) => void): void {
    const reply = this.#respond(query, limit)
    if (Buffer.isBuffer(reply)) return send(reply)
    const leave = this.#admission.enter(client)
    if (leave === undefined) return send(failure(query, limit))
    const told = (error: unknown) => {
      this.#log.error('a DNS query was not answered', { client, error: messageOf(error) })
    }
    void reply()
      .catch(error => {
        told(error)
        return failure(query, limit)
      })
      .then(send)
      .catch(told)
      .finally(leave)
  }
}
