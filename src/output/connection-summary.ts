// One line for each connection at its close (--summary): who, how long, how much each way, and how it ended.

import type { CloseReason, Connection, Direction, Stream } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import { elapsedMicros, type Timestamp } from '../core/timestamp.ts'
import { formatDuration } from './duration.ts'

/**
 * `10.0.0.1:40000 -> 10.0.0.2:80: 1.23 s, 520 bytes (6 packets) sent, 14301 bytes (12 packets) received, closed by both
 * sides`; sent and received as the client sees it. `<->` where it is not known who opened the connection.
 */
export function connectionSummary(c: Connection, why: CloseReason, _t: Timestamp): string {
  const [client, server] = c.endpoints
  const parts = [
    formatDuration(elapsedMicros(c.openTime, c.lastPacketTime)),
    `${amount(c.streams[0])} sent`,
    `${amount(c.streams[1])} received`,
  ]
  const retransmitted = c.streams[0].retransmittedBytes + c.streams[1].retransmittedBytes
  if (retransmitted > 0) parts.push(`${count(retransmitted, 'byte')} retransmitted`)
  const gaps = c.streams[0].gaps + c.streams[1].gaps
  const missing = c.streams[0].missingBytes + c.streams[1].missingBytes
  if (gaps > 0) parts.push(`${count(missing, 'byte')} missing in ${count(gaps, 'gap')}`)
  parts.push(ending(c, why))
  return `${client} ${c.openerKnown ? '->' : '<->'} ${server}: ${parts.join(', ')}`
}

/** Hands each connection's summary to `put`, for runs without a console. */
export class ConnectionSummary implements StreamConsumer {
  readonly #put: (line: string) => void

  constructor(put: (line: string) => void) {
    this.#put = put
  }

  onOpen(): void {}
  onData(): void {}
  onGap(): void {}
  onLateData(): void {}

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#put(connectionSummary(c, why, t))
  }
}

/** Which side reset a connection; undefined when none did. Both: the one whose last packet came later counts as second. */
export function resetBy(c: Connection): Direction | undefined {
  if (c.streams[0].sawReset) return 0
  return c.streams[1].sawReset ? 1 : undefined
}

function ending(c: Connection, why: CloseReason): string {
  switch (why) {
    case 'finished':
      return 'closed by both sides'
    case 'reset':
      return resetText(c)
    case 'timeout':
      return silence(c)
    case 'evicted':
      return 'no longer followed (too many connections)'
    case 'replaced':
      return 'replaced by a new connection between the same ports'
    case 'jump':
      return 'ended by a jump of the sequence number'
    case 'capture-ended':
      return 'open when the capture ended'
    case 'interface-gone':
      return 'open when the interface vanished'
  }
}

function resetText(c: Connection): string {
  const by = resetBy(c)
  if (by === undefined) return 'reset'
  if (by === 1 && c.streams[0].sawSyn && !c.streams[1].sawSyn) return 'refused by the server'
  return by === 0 ? 'reset by the client' : 'reset by the server'
}

function silence(c: Connection): string {
  if (c.streams[0].sawSyn && c.streams[1].packets === 0) return 'never answered'
  return 'given up after a long silence'
}

function amount(stream: Stream): string {
  return `${count(stream.bytes, 'byte')} (${count(stream.packets, 'packet')})`
}

/** `1 byte`, `2 bytes`. */
export function count(number: number, noun: string): string {
  return `${number} ${number === 1 ? noun : `${noun}s`}`
}
