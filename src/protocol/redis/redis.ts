// Redis and what speaks like it (Valkey, KeyDB, Sentinel, proxies): RESP2, RESP3 and inline commands as exchanges. When the
// pairing may be trusted is ExchangePairing's; what answers nothing (pushes, messages, MONITOR's lines) is found here.

import type { Direction } from '../../core/connection.ts'
import { compareTime, Timestamp } from '../../core/timestamp.ts'
import { ExchangePairing } from '../exchange-pairing.ts'
import { type ExchangeParser, type ExchangeProtocol, firstWordOf, type ParserContext } from '../exchange-parser.ts'
import {
  ANSWER_ANY,
  ANSWER_ARRAY,
  ANSWER_INTEGER,
  ANSWER_SIMPLE,
  SPECIAL_CLIENT,
  SPECIAL_EXEC,
  SPECIAL_MONITOR,
  SPECIAL_MULTI,
  SPECIAL_NONE,
  SPECIAL_REPLCONF,
  SPECIAL_RESET,
  SPECIAL_SUBSCRIBE,
  SPECIAL_SYNC,
  SPECIAL_UNSUBSCRIBE,
} from './redis-commands.ts'
import { recogniseRedis } from './redis-recognition.ts'
import { RedisReplies } from './redis-replies.ts'
import type { RedisReply } from './redis-reply.ts'
import {
  MAP,
  NULL,
  REPLY_ARRAY,
  REPLY_BULK,
  REPLY_ERROR,
  REPLY_INTEGER,
  REPLY_PUSH,
  REPLY_SIMPLE,
  SET,
  VERBATIM,
} from './redis-reply-types.ts'
import type { RedisRequestText } from './redis-request-text.ts'
import { RedisRequests } from './redis-requests.ts'

export const redis: ExchangeProtocol = {
  name: 'redis',
  ports: [6379, 26379],
  recognise: recogniseRedis,
  createParser: (context) => new RedisParser(context),
  errorCodeOf: (statusText) => firstWordOf(statusText.startsWith('-') ? statusText.slice(1) : statusText),
}

/** Words that open an array or push of pub/sub: a confirmation answers the command of that name, a message nothing. */
const CONFIRMATIONS = new Set(['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'])
const MESSAGES = new Set(['message', 'pmessage', 'smessage'])

class RedisParser implements ExchangeParser {
  readonly #clientDirection: Direction
  readonly #pairing: ExchangePairing
  readonly #requests: RedisRequests
  readonly #replies: RedisReplies
  #inTransaction = false
  /** CLIENT REPLY OFF, and SKIP for the next request. */
  #repliesOff = false
  #skipsReply = false
  /** RESP2: the connection listens to channels. */
  #subscribed = false
  #monitoring = false
  /** The request that is being read began at a known boundary; when the latest one came that did not, and may be none. */
  #requestKnown = true
  readonly #guessedAt = new Timestamp()

  constructor(context: ParserContext) {
    this.#clientDirection = context.clientDirection
    this.#pairing = new ExchangePairing(context, 'redis', { guesses: true })
    this.#requests = new RedisRequests(this, this.#pairing.certain)
    this.#replies = new RedisReplies(this, this.#pairing.certain)
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (d === this.#clientDirection) {
      this.#pairing.clientSpeaks(t)
      this.#requests.read(buf, start, end, t)
    } else {
      this.#pairing.serverSpeaks(t)
      this.#replies.read(buf, start, end, t)
    }
  }

  onGap(d: Direction, missing: number, _t: Timestamp): void {
    if (d === this.#clientDirection) {
      if (!this.#requests.gap(missing)) this.onRequestsLost()
    } else if (!this.#replies.gap(missing)) {
      this.onRepliesLost()
    }
  }

  expire(before: Timestamp): void {
    if (this.#replies.underWay) return
    this.#pairing.expire(before)
    this.#lookAhead()
  }

  get waitsLonger(): boolean {
    return this.#pairing.waitsLonger
  }

  onClose(_t: Timestamp): void {
    this.#pairing.close(this.#replies.underWay)
  }

  onRequestBegin(known: boolean): void {
    this.#requestKnown = known
    this.#pairing.requestBegins(known && this.#replies.atBoundary)
  }

  onRequestsLost(): void {
    this.#inTransaction = false
    this.#pairing.loseRequests()
  }

  onRepliesLost(): void {
    this.#pairing.loseResponses()
    this.#lookAhead()
  }

  onRequest(text: RedisRequestText): void {
    const draft = text.draft
    const command = text.command
    draft.count = 1
    draft.flags = command.special
    draft.mark = command.answer
    // A value may look like a command; its answer shows that, where it has to be of a certain sort. What follows in the
    // same segment is no better known.
    if (!this.#requestKnown && command.answer === ANSWER_ANY) this.#guessedAt.set(draft.start)
    draft.unknown = this.#pairing.inDoubt && compareTime(draft.start, this.#guessedAt) === 0
    if (command.special !== SPECIAL_NONE) this.#special(text)
    if (this.#inTransaction) {
      draft.blocking = false
      draft.waitMicros = 0
    }
    if (this.#repliesOff) draft.count = 0
    if (this.#skipsReply) {
      draft.count = 0
      // SKIP itself gets no reply either, and does not use itself up.
      if (text.replyMode !== 'SKIP') this.#skipsReply = false
    }
    this.#pairing.request(draft)
    if (command.special === SPECIAL_SYNC) this.#lookAhead()
  }

  #special(text: RedisRequestText): void {
    switch (text.command.special) {
      case SPECIAL_CLIENT:
        if (text.replyMode === 'ON') this.#repliesOff = false
        else if (text.replyMode === 'OFF') this.#repliesOff = true
        else if (text.replyMode === 'SKIP') this.#skipsReply = !this.#repliesOff
        break
      case SPECIAL_MULTI:
        this.#inTransaction = true
        break
      case SPECIAL_EXEC:
        this.#inTransaction = false
        break
      case SPECIAL_RESET:
        this.#inTransaction = false
        this.#repliesOff = false
        break
      case SPECIAL_SUBSCRIBE:
        if (!this.#inTransaction) text.draft.count = Math.max(1, text.words - 1)
        break
      case SPECIAL_UNSUBSCRIBE:
        // Without a channel it is one answer for each that was open: the first counts, the others answer nothing.
        if (!this.#inTransaction) text.draft.count = Math.max(1, text.words - 1)
        break
      case SPECIAL_REPLCONF:
        if (text.subcommand === 'ACK') text.draft.count = 0
        break
    }
  }

  onReply(): void {
    const reply = this.#replies.reply
    const pairing = this.#pairing
    if (reply.type === REPLY_PUSH || (reply.type === REPLY_ARRAY && reply.firstWord !== '')) {
      if (this.#isUnasked(reply)) return
    } else if (this.#monitoring && reply.type === REPLY_SIMPLE && isMonitorLine(reply.statusText)) {
      return
    }
    if (!pairing.answersFirst) {
      pairing.respond(reply)
      return
    }
    const first = pairing.pending.first()!
    if (first.mark !== ANSWER_ANY && !pairing.certain && !fits(first.mark, reply)) {
      pairing.disprove()
      return
    }
    const special = first.flags
    if (special === SPECIAL_NONE) pairing.respond(reply)
    else this.#answerSpecial(special, reply)
  }

  #answerSpecial(special: number, reply: RedisReply): void {
    const pairing = this.#pairing
    if (special === SPECIAL_MONITOR && reply.type === REPLY_SIMPLE) this.#monitoring = true
    else if (special === SPECIAL_RESET) {
      this.#monitoring = false
      this.#subscribed = false
    }
    // An error, or QUEUED, stands for all the confirmations that would have come.
    if (isChannels(special) && !CONFIRMATIONS.has(reply.firstWord)) pairing.respondFinally(reply)
    else pairing.respond(reply)
    this.#lookAhead()
  }

  /** Whether an array or push answers nothing. */
  #isUnasked(reply: RedisReply): boolean {
    const isPush = reply.type === REPLY_PUSH
    const word = reply.firstWord
    const pairing = this.#pairing
    if (CONFIRMATIONS.has(word)) {
      const first = pairing.answersFirst ? pairing.pending.first()! : undefined
      const asked = first !== undefined && isChannels(first.flags) && first.command.toLowerCase() === word
      const listened = this.#subscribed
      if (!isPush && (asked || listened || !pairing.settled)) this.#subscribed = reply.lastInteger > 0
      return !asked && (isPush || listened) && pairing.settled
    }
    if (isPush) return true
    if (!MESSAGES.has(word) || (reply.elements !== 3 && reply.elements !== 4)) return false
    if (this.#subscribed) return true
    // From the middle of a connection the SUBSCRIBE was not seen.
    if (pairing.certain || pairing.answersFirst) return false
    this.#subscribed = true
    return true
  }

  onReplicationLine(): void {
    const reply = this.#replies.reply
    this.#pairing.respond(reply)
    if (reply.type === REPLY_ERROR) {
      this.#lookAhead()
      return
    }
    this.#replies.silence()
    this.#requests.silence()
  }

  /** Tells the framer of replies when the next answer is the beginning of replication. */
  #lookAhead(): void {
    const first = this.#pairing.answersFirst ? this.#pairing.pending.first() : undefined
    this.#replies.expectsReplication = first !== undefined && first.flags === SPECIAL_SYNC
  }
}

function isChannels(special: number): boolean {
  return special === SPECIAL_SUBSCRIBE || special === SPECIAL_UNSUBSCRIBE
}

/** What MONITOR prints begins with a time: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. */
function isMonitorLine(text: string): boolean {
  const first = text.charCodeAt(0)
  return first >= 0x30 && first <= 0x39
}

/** Whether a reply is of a sort that the command can get; it can always get an error, or QUEUED. */
function fits(answer: number, reply: RedisReply): boolean {
  const type = reply.type
  if (type === REPLY_ERROR || answer === ANSWER_ANY) return true
  if (type === REPLY_SIMPLE) return answer === ANSWER_SIMPLE || reply.statusText === 'QUEUED'
  if (answer === ANSWER_INTEGER) return type === REPLY_INTEGER
  if (answer === ANSWER_SIMPLE) return false
  if (answer === ANSWER_ARRAY) return type === REPLY_ARRAY || type === MAP || type === SET || type === NULL
  return type === REPLY_BULK || type === NULL || type === VERBATIM
}
