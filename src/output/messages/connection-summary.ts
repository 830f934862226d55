// `--summary`: one line for each connection when it ends: who, how long, how much each way, and how it ended.

import type { CloseReason, Connection } from '../../core/connection.ts'
import type { ConnectionConsumer } from '../../core/consumers.ts'
import { byteSize, counted, duration } from '../../core/plain-numbers.ts'
import type { Names } from '../../core/ports.ts'
import { elapsedMicros, type Timestamp } from '../../core/timestamp.ts'
import { nameAndAddress } from '../names/host-names.ts'

/** Takes a finished line, without its newline. */
export type LineWriter = (line: string) => void

const ENDS: Readonly<Record<CloseReason, string>> = {
  finished: 'finished',
  reset: 'reset',
  timeout: 'timed out',
  evicted: 'still open, forgotten to make room',
  replaced: 'replaced by a new connection',
  jump: 'sequence numbers jumped',
  'capture-ended': 'still open',
  'interface-gone': 'interface gone',
  'container-gone': 'container gone',
}

export class ConnectionSummary implements ConnectionConsumer {
  readonly #write: LineWriter
  readonly #names: Names | undefined

  constructor(write: LineWriter, names?: Names) {
    this.#write = write
    this.#names = names
  }

  onOpen(): void {}

  onClose(c: Connection, why: CloseReason, _t: Timestamp): void {
    this.#write(summaryLine(c, why, this.#names))
  }
}

/**
 * `10.0.0.1:40000 -> 10.0.0.2:80, 1.2 s, -> 318 bytes in 2 packets, <- 12.4 kB in 9 packets, finished`; `<->` between the
 * two where it is not known who opened the connection; `web (10.0.0.2:80)` where a host has a name.
 */
export function summaryLine(c: Connection, why: CloseReason, names?: Names): string {
  const [toServer, toClient] = c.streams
  const parts = [
    whoToWhom(c, names, c.openerKnown ? '->' : '<->'),
    duration(elapsedMicros(c.openTime, c.lastPacketTime)),
    `-> ${byteSize(toServer.bytes)} in ${counted(toServer.packets, 'packet')}`,
    `<- ${byteSize(toClient.bytes)} in ${counted(toClient.packets, 'packet')}`,
  ]
  const retransmitted = toServer.retransmittedBytes + toClient.retransmittedBytes
  if (retransmitted > 0) parts.push(`${byteSize(retransmitted)} retransmitted`)
  const missing = toServer.missingBytes + toClient.missingBytes
  const gaps = toServer.gaps + toClient.gaps
  if (gaps > 0) parts.push(`${byteSize(missing)} missing in ${counted(gaps, 'gap')}`)
  if (c.handshakeMicros >= 0) parts.push(`handshake ${duration(c.handshakeMicros)}`)
  parts.push(endOf(c, why))
  return parts.join(', ')
}

/** Client and server with an arrow between them. */
export function whoToWhom(c: Connection, names: Names | undefined, arrow = '->'): string {
  const [client, server] = c.endpoints
  return `${nameAndAddress(names, c.place, client)} ${arrow} ${nameAndAddress(names, c.place, server)}`
}

function endOf(c: Connection, why: CloseReason): string {
  if (why === 'timeout' && c.streams[0].sawSyn && c.streams[1].packets === 0) return 'unanswered'
  if (why !== 'reset') return ENDS[why]
  const [client, server] = c.streams
  if (client.sawSyn && !server.sawSyn && server.sawReset) return 'refused'
  if (!client.sawReset && !server.sawReset) return 'reset'
  return `reset by the ${client.sawReset ? 'client' : 'server'}`
}
