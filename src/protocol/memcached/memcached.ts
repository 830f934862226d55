// Memcached: which of its two protocols a connection speaks, text (with the meta commands) or binary.

import type { Direction } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { isFromBeginning } from '../exchange-pairing.ts'
import {
  type ExchangeParser,
  type ExchangeProtocol,
  type ParserContext,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
} from '../exchange-parser.ts'
import { MemcachedBinaryParser } from './memcached-binary.ts'
import { REQUEST_MAGIC, RESPONSE_MAGIC } from './memcached-binary-frames.ts'
import { memcachedFailureOf } from './memcached-failures.ts'
import { recogniseMemcached } from './memcached-recognition.ts'
import { MemcachedTextParser } from './memcached-text.ts'

export const memcached: ExchangeProtocol = {
  name: 'memcached',
  ports: [11211],
  recognise: recogniseMemcached,
  createParser: (context) => new MemcachedParser(context),
  failureOf: memcachedFailureOf,
}

/**
 * Decides by the first bytes. At a connection's beginning they tell at once. In its middle, bytes are skipped until some are
 * recognised: nothing before those could be paired.
 */
class MemcachedParser implements ExchangeParser {
  readonly #context: ParserContext
  #parser: ExchangeParser | undefined = undefined
  /** Missing before it was decided, by direction. */
  readonly #missing: [number, number] = [0, 0]

  constructor(context: ParserContext) {
    this.#context = context
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#parser === undefined) this.#parser = this.#choose(buf, start, end, t)
    this.#parser?.onData(d, buf, start, end, t)
  }

  #choose(buf: Buffer, start: number, end: number, t: Timestamp): ExchangeParser | undefined {
    const [there, back] = this.#missing
    const binary = buf[start] === REQUEST_MAGIC || buf[start] === RESPONSE_MAGIC
    if (there + back > 0 || !isFromBeginning(this.#context.connection)) {
      const recognised = recogniseMemcached(buf, start, end)
      if (recognised === RECOGNISED_NO || (binary && recognised === RECOGNISED_MAYBE)) return undefined
    }
    const parser = binary ? new MemcachedBinaryParser(this.#context) : new MemcachedTextParser(this.#context)
    if (there > 0) parser.onGap(0, there, t)
    if (back > 0) parser.onGap(1, back, t)
    return parser
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    if (this.#parser === undefined) this.#missing[d] += missing
    else this.#parser.onGap(d, missing, t)
  }

  expire(before: Timestamp): void {
    this.#parser?.expire(before)
  }

  onClose(t: Timestamp): void {
    this.#parser?.onClose(t)
  }
}
