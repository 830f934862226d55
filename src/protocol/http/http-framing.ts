// HTTP/1.x out of the two directions of a connection (RFC 9112), found by content and not by port: where each message
// begins and ends, pipelined or not, through gaps, and whatever else may be said on the connection in between.

import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { HeldMemory } from '../held-bytes.ts'
import { HttpDirection } from './http-direction.ts'
import type { HttpMessage, HttpMessageConsumer } from './http-message.ts'

/** Requests waiting for their responses; nobody pipelines more, but a capture of one direction sees no response. */
export const MAXIMUM_WAITING_REQUESTS = 256

/**
 * The framer of one connection. Feed it what a StreamConsumer gets; it tells `consumer`. Never throws for anything in
 * the bytes; holds back at most an incomplete start line, head or chunk size line.
 */
export class HttpFraming {
  readonly #directions: [HttpDirection, HttpDirection]
  readonly #conversation: HttpConversation

  /**
   * All framers of a run share one `memory`: where it is full, those that hold bytes back lose their thread. Where the
   * connection is known to be HTTP, `client` is the direction of its requests. Then odd start lines are taken where they
   * are due, and each response is the next request's, also after a loss: the consumer keeps account of those by itself.
   */
  constructor(connection: Connection, consumer: HttpMessageConsumer, memory: HeldMemory, client?: Direction) {
    const shared = new HttpConversation(client)
    this.#conversation = shared
    this.#directions = [
      new HttpDirection(connection, 0, consumer, shared, memory),
      new HttpDirection(connection, 1, consumer, shared, memory),
    ]
    shared.directions = this.#directions
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#directions[d].data(buf, start, end, t)
  }

  /** What was held back is told before this returns; the gap itself only where it lies in a body (`onBodyGap`). */
  onGap(d: Direction, missing: number, cause: GapCause, t: Timestamp): void {
    this.#directions[d].gap(missing, cause, t)
  }

  onClose(why: CloseReason, t: Timestamp): void {
    this.#directions[0].close(why, t)
    this.#directions[1].close(why, t)
  }

  /** The responses to come do not answer the requests that direction `d` has sent, except for `request`. */
  forgetRequests(d: Direction, request: HttpMessage | undefined): void {
    this.#conversation.forgetRequests(d, request)
  }

  /** What direction `d` is thought to say cannot be right. Not to be called while the consumer is told something. */
  lose(d: Direction, t: Timestamp): void {
    this.#directions[d].lose(t)
  }

  /** What answers the head that direction `d` is sending is no response: its start line is told if it names no version. */
  tellVersionlessHead(d: Direction): void {
    this.#directions[d].tellVersionlessHead()
  }

  /** True when the direction stands within a message whose head was complete. */
  inMessage(d: Direction): boolean {
    return this.#directions[d].message !== undefined
  }
}

/** What the two directions of a connection must know of each other. */
export class HttpConversation {
  directions: [HttpDirection, HttpDirection] | undefined = undefined
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
    // who is refused need not have said all of it: 414, 431, 408
    if (isFinal && waiting.length === 0) this.directions![asking].tellBegunHead()
    // a lost response or request has left the queue out of step: who does not pipeline asks one thing at a time
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
