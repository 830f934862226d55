// What is gathered of one HTTP request and its response until both have ended.

import type { Connection } from '../../core/connection.ts'
import type { Exchange, ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import type { HttpMessage } from './http-message.ts'
import type { RequestLine } from './http-request-line.ts'

const NEVER = new Timestamp()

export class HttpExchange {
  line: RequestLine | undefined
  /** As HttpMessage.version. */
  version: number
  readonly requestStart: Timestamp
  readonly requestEnd: Timestamp
  readonly responseStart: Timestamp
  readonly responseEnd: Timestamp
  requestBytes: number
  /** Interim responses included. */
  responseBytes: number
  /** Of the final response. */
  status: number
  aheadInPipeline: number
  requestEnded: boolean
  /** The final response has begun; has ended. */
  answered: boolean
  answerEnded: boolean
  /** The connection ended within the request; within the response; within one that never ends by itself. */
  truncatedRequest: boolean
  truncated: boolean
  endless: boolean
  /** Bytes that decide on its times or its outcome are missing. */
  unknown: boolean
  /** Waits in the queue for its response. */
  queued: boolean
  /** Given up as unanswered: is in the queue only to take the response that may still come. */
  told: boolean

  constructor() {
    this.line = undefined
    this.version = 11
    this.requestStart = new Timestamp()
    this.requestEnd = new Timestamp()
    this.responseStart = new Timestamp()
    this.responseEnd = new Timestamp()
    this.requestBytes = 0
    this.responseBytes = 0
    this.status = 0
    this.aheadInPipeline = 0
    this.requestEnded = false
    this.answered = false
    this.answerEnded = false
    this.truncatedRequest = false
    this.truncated = false
    this.endless = false
    this.unknown = false
    this.queued = false
    this.told = false
  }

  /** Begins anew with a request whose head is complete. */
  begin(request: HttpMessage, aheadInPipeline: number): void {
    this.line = request.requestLine
    this.version = request.version
    this.requestStart.set(request.startTime)
    this.requestBytes = 0
    this.responseBytes = 0
    this.status = 0
    this.aheadInPipeline = aheadInPipeline
    this.requestEnded = false
    this.answered = false
    this.answerEnded = false
    this.truncatedRequest = false
    this.truncated = false
    this.endless = false
    this.unknown = false
    this.queued = false
    this.told = false
  }

  endRequest(request: HttpMessage): void {
    this.requestEnded = true
    this.requestEnd.set(request.endTime)
    this.requestBytes = wireBytes(request)
  }

  beginAnswer(response: HttpMessage): void {
    this.answered = true
    this.status = response.status
    this.responseStart.set(response.startTime)
  }

  endAnswer(response: HttpMessage, truncated: boolean): void {
    this.answerEnded = true
    this.truncated = truncated
    this.endless = response.contentType === 'text/event-stream'
    this.responseEnd.set(response.endTime)
    this.responseBytes += wireBytes(response)
  }

  /** Of one that was answered. What ends because the capture does has no outcome. */
  statusOn(connection: Connection): ExchangeStatus {
    if (this.unknown) return 'unknown'
    if (this.truncated || this.truncatedRequest) {
      const [a, b] = connection.streams
      if (!a.sawFin && !b.sawFin && !a.sawReset && !b.sawReset) return 'unknown'
      if (this.truncated && !this.endless) return 'error'
    }
    return this.status >= 500 ? 'error' : 'ok'
  }

  /** Everything but who asked whom. */
  writeTo(exchange: Exchange, status: ExchangeStatus): void {
    const line = this.line!
    const known = status === 'ok' || status === 'error'
    exchange.protocol = 'http'
    exchange.command = line.command
    exchange.key = line.path
    exchange.request = line.request
    exchange.version = nameOf(this.version)
    exchange.status = status
    exchange.statusText = known ? `${this.status}${this.truncated ? ' truncated' : ''}` : ''
    exchange.aheadInPipeline = this.aheadInPipeline
    exchange.requestStart.set(this.requestStart)
    exchange.requestEnd.set(this.requestEnd)
    exchange.responseStart.set(known ? this.responseStart : NEVER)
    exchange.responseEnd.set(known ? this.responseEnd : NEVER)
    exchange.requestBytes = this.requestBytes
    exchange.responseBytes = known ? this.responseBytes : 0
  }
}

function nameOf(version: number): string {
  if (version === 11) return 'HTTP/1.1'
  return `HTTP/${Math.floor(version / 10)}.${version % 10}`
}

/** As it was sent, whether or not all of it was captured. */
export function wireBytes(m: HttpMessage): number {
  return m.headBytes + m.bodyBytes + m.missingBodyBytes + m.framingBytes
}
