// Finds HTTP/1.x messages in the two directions of a connection (RFC 9112), by content and not by port: where each begins and
// ends, pipelined or not, through gaps, and with other bytes in between.

import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { HeldMemory } from '../held-bytes.ts'
import { HttpConversation } from './http-conversation.ts'
import { HttpDirection } from './http-direction.ts'
import type { HttpMessage, HttpMessageConsumer } from './http-message.ts'

/**
 * The framer of one connection. Feed it what a StreamConsumer gets; it tells `consumer`. Never throws for anything in
 * the bytes; holds back at most an incomplete start line, head or chunk size line.
 */
export class HttpFraming {
  readonly #directions: [HttpDirection, HttpDirection]
  readonly #conversation: HttpConversation

  /**
   * All framers of a run share one `memory`: when it is full, those that hold bytes back give up the message. Where the
   * connection is known to be HTTP, `client` is the direction of its requests. Then odd start lines are taken where they are
   * due, and each response is the next request's, also after a loss: the consumer keeps account of those by itself.
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

  /** The message of direction `d` cannot be right. Not to be called from within the consumer. */
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
