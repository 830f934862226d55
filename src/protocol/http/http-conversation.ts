// What the two directions of an HTTP connection share: which request a response answers, and whether it is HTTP at all.

import type { Direction } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { HttpMessage } from './http-message.ts'

/** Requests waiting for their responses; nobody pipelines more, but a capture of one direction sees no response. */
export const MAXIMUM_WAITING_REQUESTS = 256

/** What a conversation asks of each direction. */
export interface ConversationSide {
  /** The message that the direction is sending now. */
  readonly message: HttpMessage | undefined
  tellBegunHead(): void
  answered(request: HttpMessage, t: Timestamp): void
  expectHttp(): void
  becomeOpaque(t: Timestamp): void
}

export class HttpConversation {
  directions: [ConversationSide, ConversationSide] | undefined = undefined
  /** Some message was seen: worth searching on after a loss. */
  isHttp = false
  /** Per direction that sent them: requests without a final response yet, oldest first. */
  readonly #waiting: [HttpMessage[], HttpMessage[]] = [[], []]
  #certain = true
  /** Who sends requests, where that is known. */
  readonly client: Direction | undefined

  constructor(client: Direction | undefined) {
    this.client = client
  }

  forgetRequests(d: Direction, except: HttpMessage | undefined): void {
    this.#waiting[d].length = 0
    if (except !== undefined) this.#waiting[d].push(except)
  }

  addRequest(d: Direction, request: HttpMessage): void {
    const waiting = this.#waiting[d]
    if (waiting.length === MAXIMUM_WAITING_REQUESTS) waiting.length = 0
    // nothing is outstanding in either direction: from here on both are in step again
    if (waiting.length === 0 && this.directions![d === 0 ? 1 : 0].message === undefined) this.#certain = true
    waiting.push(request)
  }

  /** Gives `response`, sent in direction `d`, its request; a final one uses it up. */
  pair(d: Direction, response: HttpMessage, t: Timestamp): void {
    const asking = d === 0 ? 1 : 0
    const waiting = this.#waiting[asking]
    const isFinal = response.status >= 200 || response.status === 101
    // a request may be refused before it is complete: 414, 431, 408
    if (isFinal && waiting.length === 0) this.directions![asking].tellBegunHead()
    // a lost message has left the queue out of step; a client that does not pipeline has one open request at a time
    if (!this.#certain && this.client === undefined && waiting.length > 1) waiting.splice(0, waiting.length - 1)
    response.requestCertain = this.#certain
    response.request = waiting[0]
    if (!isFinal || response.request === undefined) return
    waiting.shift()
    this.directions![asking].answered(response.request, t)
  }

  /** A gap may have swallowed whole messages. */
  lost(): void {
    this.#certain = false
  }

  /** The first message: the other direction is HTTP too, though what was seen of it may have begun in mid-body. */
  foundHttp(d: Direction): void {
    if (this.isHttp) return
    this.isHttp = true
    this.directions![d === 0 ? 1 : 0].expectHttp()
  }

  /** The connection changes its protocol: neither direction is HTTP any more. */
  becomeTunnel(t: Timestamp): void {
    this.directions![0].becomeOpaque(t)
    this.directions![1].becomeOpaque(t)
  }
}
