// After a final response the client need not send the body that its request announced (RFC 9110 §10.1.1), but may. The next
// bytes decide: if they are a start line, the body was left out.

import type { Timestamp } from '../../core/timestamp.ts'
import type { HeldBytes } from '../held-bytes.ts'
import type { HttpMessage } from './http-message.ts'
import { beginsWithKnownMethod } from './http-request-line.ts'
import { holdLine, isStatusLine, MORE_NEEDED, matchStartLine, NO_MATCH } from './http-start-line.ts'

/** The values of `verdict`. */
export const BODY_IN_DOUBT = 0
/** A body has come; what was held of it by then is its beginning. */
export const IS_BODY = 1
/** The next request's start line is held. */
export const IS_NEXT_REQUEST = 2

/** One for all messages of a direction, one after the other. */
export class DoubtfulBody {
  /** After `read`. */
  verdict: number
  readonly #held: HeldBytes
  /** Of a start line: when its first byte came. */
  readonly #startTime: Timestamp
  /** When what is behind the body came. */
  readonly #behindTime: Timestamp

  /** Keeps what is read in `held` and sets both times; all three belong to the caller. */
  constructor(held: HeldBytes, startTime: Timestamp, behindTime: Timestamp) {
    this.verdict = BODY_IN_DOUBT
    this.#held = held
    this.#startTime = startTime
    this.#behindTime = behindTime
  }

  /** What comes in place of `message`'s body: the index up to which it was taken into `held`. */
  read(message: HttpMessage, buf: Buffer, start: number, end: number, t: Timestamp): number {
    const held = this.#held
    const before = held.length
    const pos = holdLine(held, buf, start, end)
    const length = matchStartLine(held.buf, 0, held.length, before)
    if (length === MORE_NEEDED && !this.#isShortBody(message)) {
      this.verdict = BODY_IN_DOUBT
      this.#noteTimes(message, before, t)
      return pos
    }
    if (
      length === MORE_NEEDED ||
      length === NO_MATCH ||
      isStatusLine(held.buf, 0) ||
      this.#beginsBehindBody(message, length)
    ) {
      held.length = before
      this.verdict = IS_BODY
      return start
    }
    if (before === 0) this.#startTime.set(t)
    this.verdict = IS_NEXT_REQUEST
    return pos
  }

  /** All of the body may be held, and it does not begin like a request. */
  #isShortBody({ framing, contentLength }: HttpMessage): boolean {
    if (framing !== 'length' || this.#held.length < contentLength) return false
    return !beginsWithKnownMethod(this.#held.buf, contentLength)
  }

  /** What looks like a start line may be a body without a line's end, and the next request's start line behind it. */
  #beginsBehindBody({ framing, contentLength }: HttpMessage, length: number): boolean {
    if (framing !== 'length' || contentLength >= length) return false
    return matchStartLine(this.#held.buf, contentLength, length, 0) > 0
  }

  /** When a start line that is held would begin, a body end, and what is behind the body begin. */
  #noteTimes({ framing, contentLength, endTime }: HttpMessage, before: number, t: Timestamp): void {
    if (before === 0) this.#startTime.set(t)
    if (framing !== 'length' || before < contentLength) endTime.set(t)
    if (framing === 'length' && before <= contentLength && this.#held.length > contentLength) this.#behindTime.set(t)
  }
}
