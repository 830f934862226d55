// quic: HTTP/3 goes by in datagrams that cannot be read (RFC 9000 §17.2, RFC 9369 §3).

import { Endpoint } from '../../core/endpoint.ts'
import { counted } from '../../core/plain-numbers.ts'
import type { Datagram } from '../../core/segment.ts'
import type { FindingKind, Judge, Judgement, Rule } from '../rule.ts'

export const QUIC: FindingKind = {
  id: 'quic',
  severity: 'note',
  title: 'HTTP/3 is spoken, and cannot be looked into',
  meaning:
    'Requests go by QUIC: over UDP, and encrypted from the first packet on. They appear in no other finding, and in no latency.',
  told: 'QUIC’s first packets on UDP port 443.',
  limits: 'Which server name is asked for, and whether it works, is not read.',
  advice: 'To see the requests, switch HTTP/3 off in the client for the time of the capture.',
}

const QUIC_PORT = 443
/** Long header, fixed bit, and the type that begins a connection: 0 in version 1, 1 in version 2. */
const FIRST_BYTE_MASK = 0xf0
const INITIAL_1 = 0xc0
const INITIAL_2 = 0xd0
const VERSION_1 = 1
const VERSION_2 = 0x6b3343cf
/** A client fills up its first datagrams (RFC 9000 §14.1). */
const LEAST_BYTES = 1200
const HEADER_BYTES = 5

export const quic: Rule = {
  kinds: [QUIC],
  begin(judge: Judge): Judgement {
    let connections = 0
    return {
      onDatagram(datagram) {
        if (datagram.destinationPort !== QUIC_PORT || !isInitial(datagram)) return
        connections++
        const { client, server } = endsOf(datagram)
        judge.find(QUIC, { place: datagram.place, client, server }, 'certain', () => ({
          cause: `${judge.hostOf(datagram.place, client)} speaks QUIC (HTTP/3) with ${judge.hostOf(datagram.place, server)}: what is said there cannot be looked into.`,
          next: 'to see the requests, switch HTTP/3 off in the client for the time of the capture',
          evidence: [
            { micros: judge.nowMicros, text: `first packet of QUIC; ${counted(connections, 'such packet')} so far` },
          ],
        }))
      },
    }
  },
}

function isInitial({ buf, payloadStart, payloadEnd, missingBytes }: Datagram): boolean {
  if (payloadEnd - payloadStart < HEADER_BYTES || payloadEnd - payloadStart + missingBytes < LEAST_BYTES) return false
  const first = buf[payloadStart]! & FIRST_BYTE_MASK
  const version = buf.readUInt32BE(payloadStart + 1)
  return (first === INITIAL_1 && version === VERSION_1) || (first === INITIAL_2 && version === VERSION_2)
}

function endsOf(d: Datagram): { client: Endpoint; server: Endpoint } {
  return {
    client: new Endpoint(d.family, d.sourceWord0, d.sourceWord1, d.sourceWord2, d.sourceWord3, d.sourcePort),
    server: new Endpoint(
      d.family,
      d.destinationWord0,
      d.destinationWord1,
      d.destinationWord2,
      d.destinationWord3,
      d.destinationPort,
    ),
  }
}
