// A DNS query that waits for its answer.

import type { Exchange, ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import type { DnsMessage } from './dns-message.ts'
import { responseCodeName } from './dns-names.ts'

const NEVER = new Timestamp()

export class DnsQuery {
  readonly command: string
  readonly key: string
  /** What an answer has to repeat. */
  readonly question: string
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  retries = 0
  readonly lastRetry = new Timestamp()
  aheadInPipeline = 0
  /** Bytes that decide on its times or its outcome are missing. */
  unknown = false
  /** If no answer comes, it may have been in a gap. */
  answerMayBeMissing = false
  /** Answered by several messages (a zone transfer), the last of which is not known as such. */
  answered = false
  readonly responseStart = new Timestamp()
  readonly responseEnd = new Timestamp()
  responseBytes = 0
  responseCode = 0
  truncated = false
  /** As unanswered; only its answer is told still. */
  told = false

  constructor(command: string, key: string, question: string) {
    this.command = command
    this.key = key
    this.question = question
  }

  answer(message: DnsMessage, start: Timestamp, end: Timestamp, bytes: number): void {
    if (!this.answered) {
      this.responseStart.set(start)
      this.responseCode = message.responseCode
    }
    this.answered = true
    this.truncated = message.truncated
    this.responseEnd.set(end)
    this.responseBytes += bytes
  }

  /** Everything but who asked whom. */
  writeTo(exchange: Exchange): void {
    let status: ExchangeStatus = this.answerMayBeMissing ? 'unknown' : 'unanswered'
    if (this.unknown) status = 'unknown'
    else if (this.answered) status = this.responseCode === 0 ? 'ok' : 'error'
    const known = status === 'ok' || status === 'error'
    exchange.protocol = 'dns'
    exchange.command = this.command
    exchange.key = this.key
    exchange.request = `${this.command} ${this.key}`
    exchange.status = status
    exchange.late = this.told
    exchange.statusText = known ? `${responseCodeName(this.responseCode)}${this.truncated ? ' TC' : ''}` : ''
    exchange.aheadInPipeline = this.aheadInPipeline
    exchange.retries = this.retries
    exchange.lastRetry.set(this.lastRetry)
    exchange.requestStart.set(this.start)
    exchange.requestEnd.set(this.end)
    exchange.responseStart.set(known ? this.responseStart : NEVER)
    exchange.responseEnd.set(known ? this.responseEnd : NEVER)
    exchange.requestBytes = this.bytes
    exchange.responseBytes = known ? this.responseBytes : 0
  }
}

/** Name, type and class as they were asked: sameQuestion() compares. */
export function questionOf(message: DnsMessage, buf: Buffer): string {
  return buf.toString('latin1', message.nameStart, message.nameEnd + 4)
}

/** Servers may repeat the letters of a question in another case (draft-vixie-dnsext-dns0x20). */
export function sameQuestion(one: string, other: string): boolean {
  return one === other || (one.length === other.length && one.toLowerCase() === other.toLowerCase())
}
