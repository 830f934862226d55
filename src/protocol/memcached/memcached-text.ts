// Memcached's text protocol as exchanges. Answers come in order, but quiet meta commands get one only when there is news: an
// answer is paired with a quiet command only when its opaque, its key or its kind leaves one candidate. Where several remain,
// none is paired. `mn` is always answered, and shows that the quiet commands before it got no answer.

import type { Direction } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { ExchangePairing } from '../exchange-pairing.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import type { PendingRequest } from '../pending-requests.ts'
import { ANSWER_ANY, ANSWER_ERROR, ANSWER_META, ANSWER_NOOP, ANSWER_STORED } from './memcached-text-commands.ts'
import { MemcachedTextReplies } from './memcached-text-replies.ts'
import {
  MARK_KEY,
  MARK_OPAQUE,
  MemcachedTextRequests,
  REFUSED,
  REST,
  RETURNS_KEY,
  SILENT_BEFORE,
} from './memcached-text-requests.ts'

const NONE = -1
const SEVERAL = -2
/** Most quiet requests in a row; older ones are taken to be silent. */
export const MAXIMUM_QUIET = 8192

export class MemcachedTextParser implements ExchangeParser {
  readonly #clientDirection: Direction
  readonly #pairing: ExchangePairing
  readonly #requests: MemcachedTextRequests
  readonly #replies: MemcachedTextReplies
  /** The latest request asked for no answer. */
  #silentLast = false
  /** An answer fitted several requests: answers are not paired until the one to `mn`. */
  #untilNoop = false
  /** A storage command was refused although it looked valid: its data will be refused too, line by line. */
  #refusesData = false

  constructor(context: ParserContext) {
    this.#clientDirection = context.clientDirection
    this.#pairing = new ExchangePairing(context, 'memcached', { guesses: true })
    this.#requests = new MemcachedTextRequests(this, this.#pairing.certain)
    this.#replies = new MemcachedTextReplies(this, this.#pairing.certain)
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (d === this.#clientDirection) {
      this.#pairing.clientSpeaks(t)
      this.#requests.lines.read(buf, start, end, t)
    } else {
      this.#pairing.serverSpeaks(t)
      this.#replies.lines.read(buf, start, end, t)
    }
  }

  onGap(d: Direction, missing: number, _t: Timestamp): void {
    if (d === this.#clientDirection) {
      if (!this.#requests.lines.gap(missing)) this.onRequestsLost()
    } else if (!this.#replies.gap(missing)) {
      this.onRepliesLost()
    }
  }

  expire(before: Timestamp): void {
    if (this.#replies.underWay) return
    this.#pairing.expire(before)
    if (this.#pairing.owesAmongQuiet) this.#pairing.loseResponses()
  }

  onClose(_t: Timestamp): void {
    this.#pairing.close(this.#replies.underWay)
  }

  onRequestBegin(known: boolean): void {
    this.#pairing.requestBegins(known && this.#replies.atBoundary)
  }

  onRequestsLost(): void {
    this.#pairing.loseRequests()
  }

  onRepliesLost(): void {
    this.#untilNoop = false
    this.#pairing.loseResponses()
  }

  /** while the pairing is in doubt, bad data more likely mean a wrong guess */
  get inStep(): boolean {
    return !this.#pairing.inDoubt
  }

  onRequest(draft: PendingRequest): void {
    const pairing = this.#pairing
    if (draft.count === 0) {
      this.#silentLast = true
    } else {
      if (this.#silentLast) draft.flags |= SILENT_BEFORE
      this.#silentLast = false
      if (pairing.pending.length >= MAXIMUM_QUIET && pairing.pending.first()!.quiet) pairing.passOver(true)
    }
    pairing.request(draft)
  }

  onReply(): void {
    const reply = this.#replies
    const pairing = this.#pairing
    if (reply.answer !== ANSWER_ERROR) this.#skipRest()
    if (this.#isOfRefusedData(reply)) return
    if (!pairing.answersFirst) {
      // Even a request that asked for no answer can get an error.
      if (reply.answer === ANSWER_ERROR && this.#silentLast && pairing.pending.length === 0) return
      pairing.respond(reply)
      return
    }
    if (this.#untilNoop) {
      if (reply.answer !== ANSWER_NOOP) return
      this.#untilNoop = false
    }
    const index = this.#whose(reply)
    if (index === NONE) {
      pairing.disprove()
    } else if (index === SEVERAL) {
      this.#giveUpQuiet()
    } else {
      for (let i = 0; i < index; i++) pairing.passOver(true)
      if (pairing.pending.first()!.command === 'watch' && reply.statusText === 'OK') this.#replies.lines.silence()
      const { flags } = pairing.pending.first()!
      const isRefused = reply.statusText.startsWith('CLIENT_ERROR') && !reply.statusText.includes('bad data chunk')
      if (isRefused && (flags & REFUSED) === 0 && (flags & ANSWER_STORED) !== 0) this.#refusesData = true
      pairing.respond(reply)
    }
  }

  /** Lines that should have got an error as commands, and got none, were data. */
  #skipRest(): void {
    const pairing = this.#pairing
    while (pairing.answersFirst && (pairing.pending.first()!.flags & REST) !== 0) pairing.passOver(false)
  }

  /** Only what the server takes for an unknown command gets a mere ERROR. */
  #isOfRefusedData(reply: MemcachedTextReplies): boolean {
    if (!this.#refusesData) return false
    if (reply.statusText !== 'ERROR') {
      this.#refusesData = false
      return false
    }
    const first = this.#pairing.pending.first()
    return first === undefined || ((first.flags & (REFUSED | REST)) === 0 && (first.flags & ANSWER_ANY) !== ANSWER_ANY)
  }

  /** Index of the pending request that a reply answers: one of the quiet ones that lead, or the first other. */
  #whose(reply: MemcachedTextReplies): number {
    const pending = this.#pairing.pending
    const first = pending.first()!
    if (!first.quiet) {
      if (reply.answer === ANSWER_ERROR) return isErrorOf(first, reply) ? 0 : SEVERAL
      return (this.#pairing.certain && reply.opaque === 0) || fits(first, reply) ? 0 : NONE
    }
    let found = NONE
    for (let i = 0; i < pending.length; i++) {
      const request = pending.at(i)!
      if (fits(request, reply)) {
        if (found !== NONE || (reply.answer === ANSWER_ERROR && !isErrorOf(request, reply))) return SEVERAL
        found = i
      }
      if (!request.quiet) break
    }
    return found
  }

  #giveUpQuiet(): void {
    const pairing = this.#pairing
    const pending = pairing.pending
    while (pending.length > 0 && pending.first()!.quiet) pairing.passOver(false)
    if (pending.length > 0 && pairing.settled && (pending.first()!.flags & ANSWER_ANY) === ANSWER_NOOP) {
      this.#untilNoop = true
    } else {
      pairing.loseResponses()
    }
  }
}

/** Whether an error is that of a request, and not of one before it that asked for no answer. */
function isErrorOf({ flags }: PendingRequest, reply: MemcachedTextReplies): boolean {
  if ((flags & SILENT_BEFORE) === 0 || (flags & (REFUSED | REST)) !== 0) return true
  // who asks for no answer gets none for words that are unknown or too many
  return reply.statusText === 'ERROR' && (flags & ANSWER_ANY) === ANSWER_ANY
}

/** Whether a command is well-formed and cannot fail by the client's fault. */
function isBlameless({ flags, command }: PendingRequest): boolean {
  return (flags & REFUSED) === 0 && (command === 'get' || command === 'gets' || command === 'mn')
}

/** Whether a request can get this reply, by its sort and what it says of key and opaque. */
function fits(request: PendingRequest, reply: MemcachedTextReplies): boolean {
  const { flags, mark } = request
  if (reply.answer === ANSWER_ERROR) return !isBlameless(request) || !reply.statusText.startsWith('CLIENT_ERROR')
  if ((flags & reply.answer) === 0) return false
  if (reply.opaque !== 0) return (flags & MARK_OPAQUE) !== 0 && mark === reply.opaque
  if (reply.answer === ANSWER_META) {
    // What quiet hides in all versions: the miss of mg, the success of the others. (NF only in later ones.)
    if (request.quiet && reply.statusText === (request.command === 'mg' ? 'EN' : 'HD')) return false
    // A reply names its request's opaque, except where the protocol has no room for it.
    if (reply.statusText === 'EN') return true
    if ((flags & MARK_OPAQUE) !== 0 && reply.statusText !== 'ME') return false
    return reply.key === 0 || ((flags & RETURNS_KEY) !== 0 && ((flags & MARK_KEY) === 0 || mark === reply.key))
  }
  return reply.key === 0 || (flags & MARK_KEY) === 0 || mark === reply.key
}
