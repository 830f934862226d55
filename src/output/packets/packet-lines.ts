// A line for each packet, as tcpkit prints them where no protocol is named, and with -A what is in it:
//
//   19:23:06.258761 IP 192.168.0.1.51137 > 192.168.0.2.6379: Flags [P.], seq 1:6, ack 9, window 512, length 5

import type { DatagramConsumer, RawSegmentConsumer } from '../../core/consumers.ts'
import { formatAddress } from '../../core/endpoint.ts'
import type { Packet } from '../../core/packet.ts'
import {
  type Datagram,
  type Segment,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  type Transport,
} from '../../core/segment.ts'
import { TimePrefix } from '../writing/console-time.ts'
import type { OutputStream } from '../writing/output-stream.ts'

/** Where the time of day begins in a date with time. */
const CLOCK_AT = 11
/** All but printable ASCII, TAB and line ends. */
const UNPRINTABLE = /[^\t\n\x20-\x7e]/g
const FLAG_LETTERS = [
  [TCP_FIN, 'F'],
  [TCP_SYN, 'S'],
  [TCP_RST, 'R'],
  [TCP_PSH, 'P'],
  [TCP_ACK, '.'],
] as const

export class PacketLines implements RawSegmentConsumer, DatagramConsumer {
  readonly #stream: OutputStream
  readonly #ascii: boolean
  readonly #time = new TimePrefix()

  constructor(stream: OutputStream, ascii: boolean) {
    this.#stream = stream
    this.#ascii = ascii
  }

  onRawSegment(s: Segment, _packet: Packet): void {
    const length = lengthOf(s)
    const sequence = s.sequence >>> 0
    const flags = FLAG_LETTERS.map(([bit, letter]) => ((s.flags & bit) === 0 ? '' : letter)).join('')
    const range = length === 0 ? '' : ` seq ${sequence}:${(sequence + length) % 2 ** 32},`
    const ack = (s.flags & TCP_ACK) === 0 ? '' : ` ack ${s.acknowledgement >>> 0},`
    this.#print(s, ` Flags [${flags}],${range}${ack} window ${s.window},`, length)
  }

  onDatagram(datagram: Datagram, _packet: Packet): void {
    this.#print(datagram, '', lengthOf(datagram))
  }

  #print(t: Transport, middle: string, length: number): void {
    const clock = this.#time.format(t.time).slice(CLOCK_AT)
    const payload = this.#ascii && t.payloadEnd > t.payloadStart ? ` ${readable(t)}` : ''
    const who = `${sourceOf(t)}.${t.sourcePort} > ${destinationOf(t)}.${t.destinationPort}`
    this.#stream.writeText(`${clock} IP${t.family === 6 ? '6' : ''} ${who}:${middle} length ${length}${payload}\n`)
  }
}

function lengthOf(t: Transport): number {
  return t.payloadEnd - t.payloadStart + t.missingBytes
}

/** Keeps lines; writes a dot for everything that would act on a terminal or cannot be shown. */
function readable({ buf, payloadStart, payloadEnd }: Transport): string {
  return buf.toString('latin1', payloadStart, payloadEnd).replaceAll('\r\n', '\n').replace(UNPRINTABLE, '.')
}

function sourceOf(t: Transport): string {
  return formatAddress(t.family, t.sourceWord0, t.sourceWord1, t.sourceWord2, t.sourceWord3)
}

function destinationOf(t: Transport): string {
  return formatAddress(t.family, t.destinationWord0, t.destinationWord1, t.destinationWord2, t.destinationWord3)
}
