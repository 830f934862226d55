// Memcached's binary protocol as exchanges. An answer repeats opcode and opaque of its request and comes in order, so it
// also shows which quiet requests before it were silent. Where quiet requests with the same opaque leave several
// candidates, none is paired.

import type { Direction } from '../../core/connection.ts'
import type { ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { ExchangePairing, type ResponseFacts } from '../exchange-pairing.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import { PendingRequest } from '../pending-requests.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'
import {
  type BinaryFrameConsumer,
  MemcachedBinaryFrames,
  REQUEST_MAGIC,
  RESPONSE_MAGIC,
} from './memcached-binary-frames.ts'
import { MAXIMUM_QUIET } from './memcached-text.ts'

const OPCODES =
  'get set add replace delete incr decr quit flush getq noop version getk getkq append prepend stat setq addq replaceq ' +
  'deleteq incrq decrq quitq flushq appendq prependq verbosity touch gat gatq 0x1f sasl_list sasl_auth sasl_step gatk gatkq'
const NAMES = OPCODES.split(' ')
const QUIET = new Set(NAMES.filter((name) => name.endsWith('q')))
const STAT = 0x10
const QUIT_QUIETLY = 0x17

/** Status → text; those of ERRORS are somebody's fault, a miss is not. */
const STATUS = new Map([
  [0x01, 'Not found'],
  [0x02, 'Exists'],
  [0x03, 'Too large'],
  [0x04, 'Invalid arguments'],
  [0x05, 'Not stored'],
  [0x06, 'Non-numeric'],
  [0x07, 'Not my vbucket'],
  [0x08, 'Authentication error'],
  [0x09, 'Authentication continues'],
  [0x20, 'Authentication required'],
  [0x21, 'Authentication continues'],
  [0x81, 'Unknown command'],
  [0x82, 'Out of memory'],
  [0x83, 'Not supported'],
  [0x84, 'Internal error'],
  [0x85, 'Busy'],
  [0x86, 'Temporary failure'],
])
const NO_ERRORS = new Set([0x00, 0x01, 0x02, 0x05, 0x09, 0x21])

const NONE = -1
const SEVERAL = -2
/** How far another candidate is looked for. */
const LOOK_AHEAD = 256

export class MemcachedBinaryParser implements ExchangeParser, BinaryFrameConsumer, ResponseFacts {
  // --- the response ---
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  status: ExchangeStatus = 'ok'
  statusText = ''

  readonly #clientDirection: Direction
  readonly #pairing: ExchangePairing
  readonly #requests: MemcachedBinaryFrames
  readonly #replies: MemcachedBinaryFrames
  readonly #draft = new PendingRequest()
  /** Frames of an answer to `stat` came, and the last is still to come. */
  #inStatistics = false

  constructor(context: ParserContext) {
    this.#clientDirection = context.clientDirection
    this.#pairing = new ExchangePairing(context, 'memcached', { guesses: true })
    this.#requests = new MemcachedBinaryFrames(this, REQUEST_MAGIC, this.#pairing.certain)
    this.#replies = new MemcachedBinaryFrames(this, RESPONSE_MAGIC, this.#pairing.certain)
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
    const frames = d === this.#clientDirection ? this.#requests : this.#replies
    if (!frames.gap(missing)) this.onFramesLost(frames)
  }

  expire(before: Timestamp): void {
    if (this.#replies.underWay || this.#inStatistics) return
    this.#pairing.expire(before)
    if (this.#pairing.owesAmongQuiet) this.#pairing.loseResponses()
  }

  onClose(_t: Timestamp): void {
    this.#pairing.close(this.#replies.underWay || this.#inStatistics)
  }

  onFrameBegin(frames: MemcachedBinaryFrames, known: boolean): void {
    if (frames !== this.#requests) return
    this.#pairing.requestBegins(known && this.#replies.atBoundary && !this.#inStatistics)
  }

  onFramesLost(frames: MemcachedBinaryFrames): void {
    if (frames === this.#requests) {
      this.#pairing.loseRequests()
    } else {
      this.#inStatistics = false
      this.#pairing.loseResponses()
    }
  }

  onFrame(frames: MemcachedBinaryFrames): void {
    if (frames === this.#requests) this.#onRequest(frames)
    else this.#onReply(frames)
  }

  #onRequest(frames: MemcachedBinaryFrames): void {
    const draft = this.#draft
    const pairing = this.#pairing
    const name = NAMES[frames.opcode] ?? `0x${frames.opcode.toString(16).padStart(2, '0')}`
    const key = keyOf(frames)
    draft.start.set(frames.start)
    draft.end.set(frames.end)
    draft.bytes = frames.bytes
    draft.command = name
    draft.key = key
    draft.request = key === '' ? name : `${name} ${key}`
    draft.quiet = QUIET.has(name)
    draft.flags = frames.opcode
    draft.mark = frames.opaque
    draft.count = frames.opcode === QUIT_QUIETLY ? 0 : 1
    if (pairing.pending.length >= MAXIMUM_QUIET && pairing.pending.first()!.quiet) pairing.passOver(true)
    pairing.request(draft)
  }

  #onReply(frames: MemcachedBinaryFrames): void {
    if (!this.#inStatistics) {
      this.start.set(frames.start)
      this.bytes = 0
    }
    this.bytes += frames.bytes
    // Statistics come one a frame; one without a name is the last.
    this.#inStatistics = frames.opcode === STAT && frames.status === 0 && frames.key.length > 0
    if (this.#inStatistics) return
    this.end.set(frames.end)
    this.status = NO_ERRORS.has(frames.status) ? 'ok' : 'error'
    this.statusText = frames.status === 0 ? '' : (STATUS.get(frames.status) ?? `0x${frames.status.toString(16)}`)
    const pairing = this.#pairing
    const index = pairing.answersFirst ? this.#whose(frames) : 0
    if (index === NONE) {
      pairing.disprove()
    } else if (index === SEVERAL) {
      pairing.loseResponses()
    } else {
      for (let i = 0; i < index; i++) pairing.passOver(true)
      pairing.respond(this)
    }
  }

  /** Index of the pending request that a reply answers: one of the quiet ones that lead, or the first other. */
  #whose(reply: MemcachedBinaryFrames): number {
    const pending = this.#pairing.pending
    const key = reply.key.length > 0 ? keyOf(reply) : ''
    let found = NONE
    for (let i = 0; i < pending.length && (found === NONE || i < found + LOOK_AHEAD); i++) {
      const request = pending.at(i)!
      const fits = request.flags === reply.opcode && request.mark === reply.opaque
      if (fits && (key === '' || request.key === key)) {
        if (found !== NONE) return SEVERAL
        found = i
      }
      if (!request.quiet) break
    }
    return found
  }
}

function keyOf(frames: MemcachedBinaryFrames): string {
  const { buf, length } = frames.key
  return length === 0 ? '' : wireText(buf, 0, length, isAscii(buf, 0, length), false)
}
