// The interface of a protocol that has exchanges. It recognises itself in a connection's first bytes, and its parser turns the
// two streams of a connection into exchanges. Each protocol has a folder and a line in the registry.

import type { Connection, Direction } from '../core/connection.ts'
import type { Exchange, ExchangeConsumer } from '../core/exchange.ts'
import type { ExchangeFailure } from '../core/exchange-failure.ts'
import type { ExchangeGrouping } from '../core/exchange-grouping.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { DatagramsContext, ExchangeDatagrams } from './exchange-datagrams.ts'
import type { ParserMemory } from './parser-memory.ts'

/** Not this protocol. */
export const RECOGNISED_NO = 0
/** Could be: more bytes will tell. */
export const RECOGNISED_MAYBE = 1
/** It is, and these bytes are a client's. */
export const RECOGNISED_CLIENT = 2
/** It is, and these bytes are a server's. */
export const RECOGNISED_SERVER = 3
/**
 * It is, but both sides send such bytes, one side more often. The order of question and answer then decides. Only where the
 * side is not known.
 */
export const RECOGNISED_LIKELY_CLIENT = 4
export const RECOGNISED_LIKELY_SERVER = 5

/** Which side sent the bytes that are judged, where the capture shows it; otherwise the bytes have to tell. */
export const SIDE_UNKNOWN = 0
export const SIDE_CLIENT = 1
export const SIDE_SERVER = 2

/** One connection's parser. Nothing on the wire makes it throw, and what it keeps is bounded. */
export interface ExchangeParser {
  /** `buf[start..end)`, lent; in order within a direction (StreamConsumer.onData). */
  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void
  /** `missing` bytes of direction `d` are not in the capture: finds the next boundary by itself, tells no wrong latency. */
  onGap(d: Direction, missing: number, t: Timestamp): void
  /** Requests whose `requestEnd` lies before `before` and that wait for an answer are told as unanswered and forgotten. */
  expire(before: Timestamp): void
  /** True when requests that `expire` left will be due later, because the server was asked to wait. Left out: no. */
  readonly waitsLonger?: boolean
  /** The connection has ended: tells what is unanswered. The parser is not used afterwards. */
  onClose(t: Timestamp): void
}

export interface ParserContext {
  readonly connection: Connection
  /** Whose bytes are requests: 0 as the connection says, 1 when it was guessed the wrong way round. */
  readonly clientDirection: Direction
  readonly consumer: ExchangeConsumer
  /** Shared by all parsers of a run. */
  readonly memory: ParserMemory
}

export interface ExchangeProtocol {
  readonly name: string
  /** Ports where it is usually found, to settle a doubt; content decides. */
  readonly ports: readonly number[]
  /**
   * A form of this protocol that is only assumed when no other protocol makes sense of the server's answer; it says
   * RECOGNISED_MAYBE at most. Left out: none. Only for connections that were seen from their beginning.
   */
  readonly byAnswer?: ExchangeProtocol
  /**
   * Judges the first bytes of one direction (at most 512, from the connection's beginning or from anywhere in its middle): a
   * RECOGNISED_ value. `side` is a SIDE_ value, SIDE_UNKNOWN when left out.
   */
  recognise(buf: Buffer, start: number, end: number, side?: number): number
  createParser(context: ParserContext): ExchangeParser
  /** Left out: it is spoken over TCP alone. */
  createDatagrams?(context: DatagramsContext): ExchangeDatagrams
  /** Left out: by command and key as they are told. */
  readonly grouping?: ExchangeGrouping
  /**
   * Of the `statusText` of an exchange that failed: what failures of one sort have in common, `503`, `WRONGTYPE`, `NXDOMAIN`; ''
   * where it names none. Left out: the text's first word.
   */
  errorCodeOf?(statusText: string): string
  /** Left out: each exchange with the status `error` is a failure, by its error code. */
  failureOf?(exchange: Exchange): ExchangeFailure | undefined
}

/** What the outcome of an exchange of `protocol` says of its health. */
export function failureOf(protocol: ExchangeProtocol, exchange: Exchange): ExchangeFailure | undefined {
  if (protocol.failureOf !== undefined) return protocol.failureOf(exchange)
  if (exchange.status !== 'error') return undefined
  return { id: 'protocol-error', code: errorCodeOf(protocol, exchange.statusText), meaning: '' }
}

/** Of an exchange of `protocol` that failed. */
export function errorCodeOf(protocol: ExchangeProtocol | undefined, statusText: string): string {
  return protocol?.errorCodeOf?.(statusText) ?? firstWordOf(statusText)
}

export function firstWordOf(text: string): string {
  const space = text.indexOf(' ')
  return space < 0 ? text : text.slice(0, space)
}
