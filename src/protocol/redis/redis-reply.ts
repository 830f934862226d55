// What is kept of one Redis reply.

import type { ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import type { ResponseFacts } from '../exchange-pairing.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'

export const MAXIMUM_TEXT = 256

export class RedisReply implements ResponseFacts {
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  status: ExchangeStatus = 'ok'
  /** An error from its `-` on, or a simple string. */
  statusText = ''
  /** Its type byte: a REPLY_ value, or another of RESP3's; attributes do not count. */
  type = 0
  /** Elements of the outermost aggregate. */
  elements = 0
  /** First element of an array or push, where it is a string as long as those of pub/sub: `message`, `subscribe`. */
  firstWord = ''
  lastInteger = 0

  begin(t: Timestamp): void {
    this.start.set(t)
    this.status = 'ok'
    this.statusText = ''
    this.type = 0
    this.elements = 0
    this.firstWord = ''
    this.lastInteger = 0
  }

  /** It is an error, and `buf[start..end)` its text without the `-`. */
  fail(buf: Buffer, start: number, end: number, truncated: boolean): void {
    this.status = 'error'
    const stop = Math.min(end, start + MAXIMUM_TEXT - 1)
    this.statusText = `-${wireText(buf, start, stop, isAscii(buf, start, stop), truncated || stop < end)}`
  }

  /** It is the simple string `buf[start..end)`. */
  say(buf: Buffer, start: number, end: number, truncated: boolean): void {
    const length = end - start
    if (length === 2 && buf[start] === 0x4f && buf[start + 1] === 0x4b) this.statusText = 'OK'
    else if (length === 6 && buf[start] === 0x51 && buf[start + 1] === 0x55 && buf[start + 5] === 0x44) {
      this.statusText = 'QUEUED'
    } else this.statusText = wireText(buf, start, end, isAscii(buf, start, end), truncated)
  }
}
