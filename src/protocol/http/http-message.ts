// What the HTTP/1.x framer tells: messages and their parts. The interface that latency, decoding and body files share.

import type { Connection, Direction, GapCause } from '../../core/connection.ts'
import { Timestamp } from '../../core/timestamp.ts'
import type { RequestLine } from './http-request-line.ts'

/**
 * How a message ended. `complete`: as its framing says (it may still have a hole, see `missingBodyBytes`). `truncated`:
 * the connection or the capture ended before it did. `lost`: a gap or a framing error made its end unknowable.
 */
export type HttpMessageEnd = 'complete' | 'truncated' | 'lost'

/** How the end of a body is known (RFC 9112 §6.3). */
export type HttpBodyFraming = 'none' | 'length' | 'chunked' | 'until-close'

const NO_CODINGS: readonly string[] = []

/**
 * One request or response, from its complete head on. The object belongs to whoever keeps it: the framer makes one per
 * message and writes the counters while the message lasts.
 */
export class HttpMessage {
  readonly isRequest: boolean
  /** Its first byte follows the message before, or is the connection's first: no part of it can be missing. */
  startKnown: boolean
  /** The protocol's version, 10 times the major one and the minor one: 11 for HTTP/1.1; 0 where none is named. */
  version: number
  /** Of a request; '' for a response. */
  method: string
  /** Method and target, and what they are called in exchanges; undefined for a response. */
  requestLine: RequestLine | undefined
  /** Of a request: it asks the server to say whether the body is wanted (RFC 9110 §10.1.1). */
  expectsContinue: boolean
  /** Of a response; 0 for a request. 100 to 199 is interim: the final response to the same request follows. */
  status: number
  /** As sent, without what follows the media type's `;`, in lower case; '' when there is none. */
  contentType: string
  /** Content codings, then transfer codings other than chunked, lower case, in the order in which they were applied. */
  codings: readonly string[]
  framing: HttpBodyFraming
  /** Of `framing` length: how many bytes were announced; else -1. */
  contentLength: number
  /** Of a response: the request that it answers, where one was seen. */
  request: HttpMessage | undefined
  /** False when a gap may have swallowed messages, so that `request` is the likeliest one and not a certain one. */
  requestCertain: boolean
  /** Size of the head as sent, blank line included; so far, where it is not complete. */
  headBytes: number
  /** Body bytes seen, without chunk framing. */
  bodyBytes: number
  /** Bytes of chunk framing and trailers. */
  framingBytes: number
  /** Body bytes that the capture misses. */
  missingBodyBytes: number
  /** When the first byte, the end of the head, and the last byte was captured. */
  readonly startTime: Timestamp
  readonly headTime: Timestamp
  readonly endTime: Timestamp

  constructor(isRequest: boolean) {
    this.isRequest = isRequest
    this.startKnown = false
    this.version = 11
    this.method = ''
    this.requestLine = undefined
    this.expectsContinue = false
    this.status = 0
    this.contentType = ''
    this.codings = NO_CODINGS
    this.framing = 'none'
    this.contentLength = -1
    this.request = undefined
    this.requestCertain = true
    this.headBytes = 0
    this.bodyBytes = 0
    this.framingBytes = 0
    this.missingBodyBytes = 0
    this.startTime = new Timestamp()
    this.headTime = new Timestamp()
    this.endTime = new Timestamp()
  }

  /** Of a request, its first 1024 bytes; '' for a response. */
  get target(): string {
    return this.requestLine?.target ?? ''
  }
}

/**
 * Told what a connection's HTTP consists of, synchronously, per direction in order. Every byte of the stream is told
 * exactly once as other, head, body or trailer bytes, except chunk framing (sizes, extensions, the last empty chunk).
 * Buffers are lent, and how the bytes are cut into pieces depends on how they came; nothing else does.
 * Per message: onHeadBytes (once or more), onHead, any number of onBody and onBodyGap, perhaps onTrailers, onEnd.
 */
export interface HttpMessageConsumer {
  /** Bytes that belong to no message: not HTTP, a tunnel, blank lines between messages, what follows a loss. */
  onOther(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void
  /** Bytes of start line and header fields, as sent, as they come. */
  onHeadBytes(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void
  /**
   * Of `m` the start line is known and no more, but it was answered all the same, or its head has no end: onHead may still
   * follow, and onEnd will. Where this is left out, such a message has onHeadBytes only.
   */
  onHeadBegun?(c: Connection, d: Direction, m: HttpMessage, t: Timestamp): void
  /** The head is complete. Its bytes were told by onHeadBytes before. */
  onHead(c: Connection, d: Direction, m: HttpMessage, t: Timestamp): void
  /** Bytes of the body, without chunk framing, still compressed. */
  onBody(c: Connection, d: Direction, m: HttpMessage, buf: Buffer, start: number, end: number, t: Timestamp): void
  /** `missing` bytes of the body, the message goes on after them. Other gaps are not told: they end messages. */
  onBodyGap(c: Connection, d: Direction, m: HttpMessage, missing: number, cause: GapCause, t: Timestamp): void
  /** Trailer fields of a chunked body, as sent, without the blank line; only when there are some. */
  onTrailers(c: Connection, d: Direction, m: HttpMessage, buf: Buffer, start: number, end: number, t: Timestamp): void
  onEnd(c: Connection, d: Direction, m: HttpMessage, how: HttpMessageEnd, t: Timestamp): void
  /** What follows in this direction need not follow directly on what was told: whole messages may be missing between. */
  onLost?(c: Connection, d: Direction, t: Timestamp): void
}
