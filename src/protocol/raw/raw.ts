// Any request/response protocol, by turns: what the client sends until the server speaks is one request, what the server sends
// until the client speaks again is its response.
//
// So requests that overlap their responses (pipelines, pushes, both sides talking at once) are told as one, or as `unknown`
// where that can be seen. What a server says before any request (a greeting) answers nothing.

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import { Exchange, type ExchangeConsumer, type ExchangeStatus } from '../../core/exchange.ts'
import { compareTime, Timestamp } from '../../core/timestamp.ts'
import { type ExchangeParser, type ExchangeProtocol, type ParserContext, RECOGNISED_NO } from '../exchange-parser.ts'
import { RAW } from '../names.ts'
import { asksToWait } from './raw-waits.ts'

const COMMAND_CHARACTERS = 32
const REQUEST_CHARACTERS = 128

/** Lent to consumers; one for all parsers, as they tell one exchange at a time. */
const lent = new Exchange()
const NEVER = new Timestamp()

/** A request and, once the server has spoken, its response. */
class Turn {
  /** False: there was no request yet. */
  begun = false
  answered = false
  /** Bytes that decide on its times are missing, or came out of turn. */
  unknown = false
  /** The last bytes of the request so far are missing. */
  tailMissing = false
  told = false
  /** It was told as unanswered, and answered after all. */
  late = false
  readonly requestStart = new Timestamp()
  readonly requestEnd = new Timestamp()
  readonly responseStart = new Timestamp()
  readonly responseEnd = new Timestamp()
  requestBytes = 0
  responseBytes = 0
  /** The request's first bytes. */
  readonly head = Buffer.alloc(REQUEST_CHARACTERS)
  headBytes = 0

  begin(t: Timestamp): void {
    this.begun = true
    this.answered = false
    this.unknown = false
    this.tailMissing = false
    this.told = false
    this.late = false
    this.requestStart.set(t)
    this.requestBytes = 0
    this.responseBytes = 0
    this.headBytes = 0
  }

  ask(buf: Buffer, start: number, end: number, t: Timestamp): void {
    const count = Math.min(end - start, REQUEST_CHARACTERS - this.headBytes)
    for (let i = 0; i < count; i++) this.head[this.headBytes + i] = buf[start + i]!
    this.headBytes += count
    this.requestBytes += end - start
    this.requestEnd.set(t)
    this.tailMissing = false
  }

  answer(bytes: number, t: Timestamp): void {
    if (!this.answered) this.responseStart.set(t)
    this.answered = true
    this.responseEnd.set(t)
    this.responseBytes += bytes
  }
}

class RawExchanges implements ExchangeParser {
  readonly #connection: Connection
  readonly #client: Direction
  readonly #consumer: ExchangeConsumer
  #turn: Turn
  /** The turn before it, if it waits for the proof that nothing of its response is missing: the next one's first byte. */
  #previous: Turn
  #previousWaits: boolean
  /** The server's latest byte. */
  readonly #serverTime: Timestamp

  constructor(context: ParserContext) {
    this.#connection = context.connection
    this.#client = context.clientDirection
    this.#consumer = context.consumer
    this.#turn = new Turn()
    this.#previous = new Turn()
    this.#previousWaits = false
    this.#serverTime = new Timestamp()
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (d === this.#client) this.#ask(buf, start, end, t)
    else this.#answer(end - start, t)
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    if (d === this.#client) {
      this.#gapOfClient(missing, t)
      return
    }
    const turn = this.#turn
    this.#previous.unknown = true
    this.#tellPrevious()
    if (!turn.begun) return
    turn.unknown = true
    turn.answer(missing, t)
  }

  expire(before: Timestamp): void {
    if (this.#previousWaits && compareTime(this.#previous.responseEnd, before) < 0) this.#tellPrevious()
    const turn = this.#turn
    if (!turn.begun || turn.told) return
    if (compareTime(turn.answered ? turn.responseEnd : turn.requestEnd, before) >= 0) return
    this.#tell(turn)
  }

  onClose(_t: Timestamp): void {
    this.#tellPrevious()
    if (this.#turn.begun && !this.#turn.told) this.#tell(this.#turn)
  }

  #ask(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let turn = this.#turn
    // these bytes waited behind a hole while later bytes of the server were delivered: it is not known whose turn it was
    const late = compareTime(t, this.#serverTime) < 0
    if (!turn.begun || (turn.answered && !late) || turn.told) {
      // the answer that was given up may still come and be taken for this request's
      const doubtful = turn.told && !turn.answered
      if (turn.begun) turn = this.#nextTurn()
      turn.begin(t)
      turn.unknown = doubtful
    }
    if (!late || !turn.answered) turn.ask(buf, start, end, t)
    if (late) {
      turn.unknown = true
      turn.answer(0, this.#serverTime)
    }
  }

  #gapOfClient(missing: number, t: Timestamp): void {
    let turn = this.#turn
    if (turn.begun && !turn.answered) {
      turn.tailMissing = true
    } else {
      // the beginning of the next request, at the least
      if (turn.begun) {
        turn.unknown = true
        turn = this.#nextTurn()
      }
      turn.begin(t)
      turn.unknown = true
      turn.requestEnd.set(t)
    }
    turn.requestBytes += missing
  }

  #nextTurn(): Turn {
    const turn = this.#turn
    this.#tellPrevious()
    this.#turn = this.#previous
    this.#previous = turn
    this.#previousWaits = !turn.told
    return this.#turn
  }

  #answer(bytes: number, t: Timestamp): void {
    const turn = this.#turn
    this.#serverTime.set(t)
    if (!turn.begun) return
    if (!turn.answered) {
      if (compareTime(t, turn.requestEnd) < 0) {
        // held back behind a hole while the next request was delivered
        if (this.#previousWaits) this.#previous.answer(bytes, t)
        return
      }
      this.#tellPrevious()
      if (turn.told) turn.late = true
      turn.told = false
    }
    turn.answer(bytes, t)
  }

  #tellPrevious(): void {
    if (this.#previousWaits) this.#tell(this.#previous)
    this.#previousWaits = false
  }

  #tell(turn: Turn): void {
    turn.told = true
    if (turn.late && (turn.unknown || turn.tailMissing)) return
    const connection = this.#connection
    const text = turn.head.toString('latin1', 0, turn.headBytes).replace(/[^ -~]/g, '.')
    let status: ExchangeStatus = turn.answered ? 'ok' : 'unanswered'
    if (turn.unknown || turn.tailMissing) status = 'unknown'
    const known = status === 'ok'
    lent.connection = connection
    lent.requestDirection = this.#client
    lent.place = connection.place
    lent.client = connection.endpoints[this.#client]
    lent.server = connection.endpoints[opposite(this.#client)]
    lent.protocol = RAW
    lent.command = text.slice(0, COMMAND_CHARACTERS)
    lent.request = text
    lent.status = status
    lent.late = turn.late
    lent.blocking = asksToWait(turn.head, turn.headBytes, turn.requestBytes)
    lent.requestStart.set(turn.requestStart)
    lent.requestEnd.set(turn.requestEnd)
    lent.responseStart.set(known ? turn.responseStart : NEVER)
    lent.responseEnd.set(known ? turn.responseEnd : NEVER)
    lent.requestBytes = turn.requestBytes
    lent.responseBytes = known ? turn.responseBytes : 0
    this.#consumer.onExchange(lent)
  }
}

/** Never recognised: it is what is left when nothing else is. */
export const raw: ExchangeProtocol = {
  name: RAW,
  ports: [],
  recognise: () => RECOGNISED_NO,
  createParser: (context) => new RawExchanges(context),
  // the first word, if there is one
  grouping: { commandOf: (command) => /^[A-Za-z][\w-]*/.exec(command)?.[0] ?? '(binary)' },
}
