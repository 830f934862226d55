// Decides when the pairing of requests and responses can be trusted on a connection where their order is all there is to pair
// them by.
//
// A connection that was seen from its SYN is certain. After a start in the middle, missing bytes, bytes that make no sense, or
// a response without a request, it is not known how many requests were under way, and a pairing that is off by one stays off.
// The pairing is then in doubt: we suppose that nothing was under way at that moment. A response too many, or one of the wrong
// kind, disproves that, and we suppose anew that nothing is under way now. The supposition counts as proven when it holds long
// enough. It is checked at each turn, that is when the client speaks after the server:
// - nothing must be waiting at four turns in a row; at two, if the client was silent before; at one, after a silence in which
// every answer would have come;
// - a client that sometimes waits at a turn (it multiplexes) must be found idle sixteen times, and each disproof doubles that;
// - a client that waits for the same number of answers at each turn shows that we missed these answers, and is believed to be
// idle. (A client that always has the same number of requests of the same kind under way looks like one that waits: nothing in
// the bytes tells them apart.)

/** Turns with nothing waiting that prove a client that waits, or one that multiplexes. */
const IDLE_TURNS_NEEDED = 4
const IDLE_TURNS_OF_MANY = 16
const MOST_IDLE_TURNS_NEEDED = 256
/** Two turns are enough after this much silence for each that is needed. */
const SILENCE_MICROS_PER_TURN = 12_500
/** One turn is enough after this much silence. */
const LONG_SILENCE_MICROS = 1e6
/** A silence proves nothing unless it is this many times as long as the slowest answer. */
const SLOWEST_ANSWERS = 4
/** Turns with the same number waiting, or with any, after which answers are taken to have been missed. */
const STUCK_TURNS = 4
const BUSY_TURNS = 256
/** A client that was found idle at so many turns, and never had two requests under way, is one that waits. */
const TURNS_OF_ONE_WHO_WAITS = 4

/** What a turn has shown. */
export const TURN_NOTHING = 0
/** The supposition is proven: the pairs made since are right. */
export const TURN_PROVEN = 1
/** The supposition is disproven: none of the waiting requests will be answered. */
export const TURN_DISPROVEN = 2

export class PairingTrust {
  /** Seen from its beginning, with nothing missing. */
  certain: boolean
  /** True while pairs are only supposed. */
  inDoubt: boolean
  /** While in doubt: turns with nothing waiting; turns since then with something, and with the same number as before. */
  #idleTurns = 0
  #busyTurns = 0
  #stuckTurns = 0
  #lastDepth = -1
  #turnsNeeded = IDLE_TURNS_NEEDED
  #slowestMicros = 0
  /** While not in doubt: turns at which nothing was waiting; -1: it had several requests under way. */
  #waitingTurns = 0

  constructor(certain: boolean) {
    this.certain = certain
    this.inDoubt = !certain
  }

  /** The client speaks after the server has. `depth` requests wait, and both sides stand between messages, or not. */
  turn(depth: number, betweenMessages: boolean, silenceMicros: number): number {
    if (!this.inDoubt) {
      if (depth > 0) this.#seenMany()
      else if (this.#waitingTurns >= 0) this.#waitingTurns++
      return TURN_NOTHING
    }
    if (betweenMessages && depth === 0) return this.#idleTurn(silenceMicros)
    if (depth > 0 && this.isOfOneWhoWaits) return TURN_DISPROVEN
    if (depth === this.#lastDepth) {
      this.#stuckTurns++
    } else {
      if (this.#lastDepth >= 0) this.#seenMany()
      this.#stuckTurns = 1
      this.#lastDepth = depth
    }
    return ++this.#busyTurns >= BUSY_TURNS || this.#stuckTurns >= STUCK_TURNS ? TURN_DISPROVEN : TURN_NOTHING
  }

  /** The client was seen to wait for each answer before it asks again, as long as that could be seen. */
  get isOfOneWhoWaits(): boolean {
    return this.#waitingTurns >= TURNS_OF_ONE_WHO_WAITS
  }

  /** A request came while others wait. */
  notePipeline(): void {
    if (!this.inDoubt) this.#waitingTurns = -1
  }

  /** An answer took so long. */
  noteAnswer(micros: number): void {
    if (micros > this.#slowestMicros) this.#slowestMicros = micros
  }

  /** Bytes are missing or make no sense. */
  lose(): void {
    this.certain = false
    this.inDoubt = true
  }

  /** A response came that nobody asked for, or that cannot be the oldest request's. */
  disprove(): void {
    if (!this.inDoubt) this.#turnsNeeded = Math.min(this.#turnsNeeded * 2, MOST_IDLE_TURNS_NEEDED)
    this.lose()
  }

  /** It is supposed (anew) that nothing is under way. */
  beginAnew(): void {
    this.#idleTurns = 0
    this.#busyTurns = 0
    this.#stuckTurns = 0
    this.#lastDepth = -1
  }

  #idleTurn(silenceMicros: number): number {
    if (this.#lastDepth > 0) this.#seenMany()
    this.#idleTurns++
    this.#busyTurns = 0
    this.#stuckTurns = 0
    this.#lastDepth = 0
    if (this.#idleTurns < this.#turnsNeeded && !this.#isSilent(silenceMicros)) return TURN_NOTHING
    this.inDoubt = false
    return TURN_PROVEN
  }

  #isSilent(micros: number): boolean {
    if (micros < this.#slowestMicros * SLOWEST_ANSWERS) return false
    if (micros >= LONG_SILENCE_MICROS) return true
    return this.#idleTurns > 1 && micros >= this.#turnsNeeded * SILENCE_MICROS_PER_TURN
  }

  #seenMany(): void {
    this.#waitingTurns = -1
    this.#turnsNeeded = Math.max(this.#turnsNeeded, IDLE_TURNS_OF_MANY)
  }
}
