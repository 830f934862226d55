// Redis and what speaks like it (Valkey, KeyDB, Sentinel, proxies): RESP2, RESP3 and inline commands as exchanges.
// ExchangePairing pairs them; here is found what answers no request (pushes, messages, MONITOR's lines).

import type { Direction } from '../../core/connection.ts'
import { compareTime, Timestamp } from '../../core/timestamp.ts'
import { ExchangePairing } from '../exchange-pairing.ts'
import type { ExchangeParser, ExchangeProtocol, ParserContext } from '../exchange-parser.ts'
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
  SPECIAL_UNSUBSCRIBE_ALL,
} from './redis-commands.ts'
import { redisErrorCodeOf, redisFailureOf } from './redis-failures.ts'
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
import { isConfirmation, RedisSubscriptions } from './redis-subscriptions.ts'

export const redis: ExchangeProtocol = {
  name: 'redis',
  ports: [6379, 26379],
  recognise: recogniseRedis,
  createParser: (context) => new RedisParser(context),
  errorCodeOf: redisErrorCodeOf,
  failureOf: redisFailureOf,
}

/** Words that open an array or push of pub/sub that answers nothing. A confirmation answers the command of its name. */
const MESSAGES = new Set(['message', 'pmessage', 'smessage'])
/** The refusal of a MULTI after which the transaction goes on. */
const NESTED_MULTI = '-ERR MULTI calls can not be nested'

const REFUSED_WHILE_LISTENING = /Can't execute '([^']+)': only /
/** What MONITOR prints: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. */
const MONITOR_LINE = /^\d+\.\d{6} \[/

class RedisParser implements ExchangeParser {
  readonly #clientDirection: Direction
  readonly #pairing: ExchangePairing
  readonly #requests: RedisRequests
  readonly #replies: RedisReplies
  #inTransaction = false
  /** CLIENT REPLY OFF, and SKIP for the next request. */
  #repliesOff = false
  #skipsReply = false
  /** RESP2: what the connection listens to. */
  readonly #subscriptions = new RedisSubscriptions()
  /** And it may therefore do nothing else (RESP2). */
  #onlyListens = false
  /** MONITOR was asked for, and said OK. */
  #asksToMonitor = false
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
    if (command.special === SPECIAL_REPLCONF && text.subcommand === 'ACK' && !this.#pairing.certain) {
      this.#hearReplication()
      return
    }
    draft.count = 1
    draft.flags = command.special
    draft.mark = command.answer
    // A value may look like a command. Where a command's answer must be of a certain kind, the answer shows that. What follows
    // in the same segment is as uncertain.
    if (!this.#requestKnown && command.answer === ANSWER_ANY) this.#guessedAt.set(draft.start)
    draft.unknown = this.#pairing.inDoubt && compareTime(draft.start, this.#guessedAt) === 0
    if (command.special !== SPECIAL_NONE) this.#special(text)
    if (this.#inTransaction) {
      draft.blocking = false
      draft.waitMicros = 0
    }
    draft.quiet = false
    if (this.#repliesOff || this.#skipsReply) {
      // confirmations come all the same, since Redis 7
      if (isChannels(draft.flags) && !this.#inTransaction) draft.quiet = true
      else draft.count = 0
      if (draft.flags === SPECIAL_MONITOR && !this.#inTransaction) this.#monitoring = true
      // SKIP itself gets no reply either, and does not count as the request that is skipped.
      if (text.replyMode !== 'SKIP') this.#skipsReply = false
    }
    this.#pairing.request(draft)
    if (command.special === SPECIAL_SYNC) this.#lookAhead()
  }

  #special(text: RedisRequestText): void {
    const { special } = text.command
    // where nothing is under way that may change this
    const isRefused = this.#onlyListens && !this.#pairing.answersFirst
    if (isRefused && !isChannels(special) && special !== SPECIAL_RESET) return
    switch (special) {
      case SPECIAL_CLIENT:
        this.#setReplyMode(text)
        break
      case SPECIAL_MONITOR:
        // a second one gets no answer
        if (this.#inTransaction) break
        if (this.#asksToMonitor) text.draft.count = 0
        this.#asksToMonitor = true
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
        this.#asksToMonitor = false
        break
      case SPECIAL_SUBSCRIBE:
        if (!this.#inTransaction) text.draft.count = Math.max(1, text.words - 1)
        break
      case SPECIAL_UNSUBSCRIBE:
        if (!this.#inTransaction) text.draft.count = Math.max(1, text.words - 1)
        if (text.words === 1) text.draft.flags = SPECIAL_UNSUBSCRIBE_ALL
        break
      case SPECIAL_REPLCONF:
        if (text.subcommand === 'ACK') text.draft.count = 0
        break
    }
  }

  #setReplyMode(text: RedisRequestText): void {
    if (text.words !== 3) return
    if (text.replyMode === 'ON') {
      this.#repliesOff = false
      this.#skipsReply = false
    } else if (text.replyMode === 'OFF') {
      this.#repliesOff = true
    } else if (text.replyMode === 'SKIP') {
      this.#skipsReply = !this.#repliesOff
    }
  }

  onReply(): void {
    const reply = this.#replies.reply
    const pairing = this.#pairing
    if (isConfirmation(reply.firstWord)) this.#passOverQuiet(reply.firstWord)
    if (reply.type === REPLY_PUSH || (reply.type === REPLY_ARRAY && reply.firstWord !== '')) {
      if (reply.firstWord === 'REPLCONF' && !pairing.certain) {
        this.#hearReplication()
        return
      }
      if (this.#isUnasked(reply)) return
    } else if (
      reply.type === REPLY_SIMPLE &&
      (this.#monitoring || !pairing.certain) &&
      MONITOR_LINE.test(reply.statusText)
    ) {
      this.#hearMonitor()
      return
    }
    if (reply.type === REPLY_ERROR && this.#isRefusalOfSilent(reply.statusText)) {
      pairing.disprove()
      return
    }
    this.#passOverQuiet(reply.firstWord)
    if (reply.type === REPLY_SIMPLE && reply.statusText === 'RESET') this.#passOverToReset()
    if (!pairing.answersFirst) {
      // that CLIENT REPLY OFF was refused
      this.#repliesOff = false
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

  /**
   * Whether the error names a command that was taken to get no answer, because it was not known that the connection listens.
   * What was asked since is not known either.
   */
  #isRefusalOfSilent(text: string): boolean {
    const refused = REFUSED_WHILE_LISTENING.exec(text)?.[1]
    const pairing = this.#pairing
    if (refused === undefined) return false
    if (pairing.answersFirst && pairing.pending.first()!.command.toLowerCase().replace(' ', '|') === refused)
      return false
    this.#repliesOff = false
    this.#skipsReply = false
    this.#inTransaction = false
    this.#asksToMonitor = false
    this.#monitoring = false
    return true
  }

  /** Subscriptions while replies are off that were not confirmed: the server is past them. `word` opens its reply. */
  #passOverQuiet(word: string): void {
    const pairing = this.#pairing
    while (pairing.answersFirst) {
      const first = pairing.pending.first()!
      if (!first.quiet || first.command.toLowerCase() === word) return
      pairing.passOver(true)
      this.#lookAhead()
    }
  }

  /** RESET alone is answered so: what is still before it was refused, or not answered, while replies were off. */
  #passOverToReset(): void {
    const { pending } = this.#pairing
    let index = 0
    while (index < pending.length && pending.at(index)!.flags !== SPECIAL_RESET) index++
    if (index === pending.length) return
    for (; index > 0; index--) this.#pairing.passOver(false)
  }

  #answerSpecial(special: number, reply: RedisReply): void {
    const pairing = this.#pairing
    if (special === SPECIAL_MONITOR) {
      if (reply.statusText === 'OK') this.#monitoring = true
      else if (reply.type === REPLY_ERROR) this.#asksToMonitor = false
    } else if (special === SPECIAL_MULTI) {
      if (reply.type === REPLY_ERROR && !reply.statusText.startsWith(NESTED_MULTI)) this.#inTransaction = false
    } else if (special === SPECIAL_RESET) {
      this.#monitoring = false
      this.#subscriptions.reset()
      this.#onlyListens = false
    }
    if (isChannels(special)) this.#answerChannels(special, reply)
    else pairing.respond(reply)
    this.#lookAhead()
  }

  /** From the middle of a connection its MONITOR was not seen; one that is asked for then is the second. */
  #hearMonitor(): void {
    const pairing = this.#pairing
    this.#monitoring = true
    if (pairing.certain) return
    this.#asksToMonitor = true
    if (!pairing.answersFirst || pairing.pending.first()!.flags !== SPECIAL_MONITOR) return
    pairing.passOver(false)
    this.#lookAhead()
  }

  #answerChannels(special: number, reply: RedisReply): void {
    const pairing = this.#pairing
    const word = reply.firstWord
    if (!isConfirmation(word)) {
      // An error, or QUEUED, stands for all the confirmations that would have come.
      pairing.respondFinally(reply)
      return
    }
    // One confirmation comes for each channel that was open. Where their number is not known, the first counts as the answer
    // and the others answer nothing.
    if (special === SPECIAL_UNSUBSCRIBE_ALL && pairing.certain) {
      pairing.pending.first()!.count = this.#subscriptions.openOf(word) + 1
    }
    pairing.respond(reply)
  }

  /** Whether an array or push answers nothing. */
  #isUnasked(reply: RedisReply): boolean {
    const isPush = reply.type === REPLY_PUSH
    const word = reply.firstWord
    const pairing = this.#pairing
    const subscriptions = this.#subscriptions
    if (isConfirmation(word)) {
      const first = pairing.answersFirst ? pairing.pending.first()! : undefined
      const asked = first !== undefined && isChannels(first.flags) && first.command.toLowerCase() === word
      // CLIENT REPLY OFF does not keep it back, nor does EXEC count it
      const isUnaskedFor = isPush || subscriptions.any || (pairing.certain && !pairing.answersFirst)
      if (asked || isUnaskedFor || !pairing.settled) {
        subscriptions.confirmed(word, reply.lastInteger)
        this.#onlyListens = !isPush && subscriptions.any
      }
      return !asked && isUnaskedFor && pairing.settled
    }
    if (isPush) return true
    if (!MESSAGES.has(word) || (reply.elements !== 3 && reply.elements !== 4)) return false
    if (subscriptions.any) return true
    // From the middle of a connection the SUBSCRIBE was not seen.
    if (pairing.certain || pairing.answersFirst) return false
    subscriptions.heard()
    return true
  }

  onReplicationLine(): void {
    const reply = this.#replies.reply
    this.#pairing.respond(reply)
    if (reply.type === REPLY_ERROR) {
      this.#lookAhead()
      return
    }
    this.#beSilent()
  }

  /**
   * In the middle of a replication the replica acknowledges what its master sends. Neither is a request, whichever side was
   * taken for the client.
   */
  #hearReplication(): void {
    this.#pairing.loseResponses()
    this.#beSilent()
  }

  #beSilent(): void {
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
  return special === SPECIAL_SUBSCRIBE || special === SPECIAL_UNSUBSCRIBE || special === SPECIAL_UNSUBSCRIBE_ALL
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
