// Decodes single frames for the tests of this room and keeps copies of what the handlers got.

import { formatAddress } from '../../src/core/endpoint.ts'
import type { Packet } from '../../src/core/packet.ts'
import type { Arp, IcmpError, Transport } from '../../src/core/segment.ts'
import { Decoder } from '../../src/decode/decoder.ts'
import { type PacketOptions, packet } from '../support/packet-builder.ts'

export interface Seen {
  kind: 'tcp' | 'udp'
  time: string
  place: number
  interfaceId: number
  from: string
  to: string
  payload: string
  missing: number
  vlan: number
  macs: string
  ipId: number
  hopLimit: number
  seq: number
  ack: number
  flags: number
  window: number
}

/** A decoder that keeps what it found. */
export class Recorder {
  readonly seen: Seen[] = []
  readonly icmp: { from: string; type: number; code: number; mtu: number; quoted: string; sequence: number }[] = []
  readonly arps: { operation: number; sender: string; target: string; senderMac: string }[] = []
  readonly decoder: Decoder

  constructor(unwrapTunnels = true) {
    this.decoder = new Decoder(
      {
        onSegment: (s) => {
          const { sequence: seq, acknowledgement: ack, flags, window } = s
          this.seen.push({ ...transport('tcp', s), seq, ack, flags, window })
        },
        onDatagram: (d) => this.seen.push({ ...transport('udp', d), seq: 0, ack: 0, flags: 0, window: 0 }),
        onIcmpError: (e) => this.icmp.push(icmpError(e)),
        onArp: (a) => this.arps.push(arpMessage(a)),
      },
      { unwrapTunnels },
    )
  }

  decode(frame: Buffer | Packet, options: PacketOptions = {}): number {
    return this.decoder.decode(Buffer.isBuffer(frame) ? packet(frame, { margin: 16, ...options }) : frame)
  }

  get undecoded(): string[] {
    return this.decoder.counters
      .undecoded()
      .map(({ cause, packets }) => (packets === 1 ? cause : `${cause} ×${packets}`))
  }

  get others(): string[] {
    return this.decoder.counters.others().map(({ cause, packets }) => (packets === 1 ? cause : `${cause} ×${packets}`))
  }
}

function transport(kind: 'tcp' | 'udp', t: Transport): Omit<Seen, 'seq' | 'ack' | 'flags' | 'window'> {
  return {
    kind,
    time: `${t.time.seconds}.${String(t.time.nanos).padStart(9, '0')}`,
    place: t.place,
    interfaceId: t.interfaceId,
    from: `${formatAddress(t.family, t.sourceWord0, t.sourceWord1, t.sourceWord2, t.sourceWord3)}.${t.sourcePort}`,
    to: `${formatAddress(t.family, t.destinationWord0, t.destinationWord1, t.destinationWord2, t.destinationWord3)}.${t.destinationPort}`,
    payload: t.buf.toString('latin1', t.payloadStart, t.payloadEnd),
    missing: t.missingBytes,
    vlan: t.vlanId,
    macs: `${mac(t.sourceMacHigh, t.sourceMacLow)}>${mac(t.destinationMacHigh, t.destinationMacLow)}`,
    ipId: t.ipId,
    hopLimit: t.hopLimit,
  }
}

function icmpError(e: IcmpError) {
  const { quoted } = e
  return {
    from: formatAddress(e.family, e.reporterWord0, e.reporterWord1, e.reporterWord2, e.reporterWord3),
    type: e.type,
    code: e.code,
    mtu: e.nextHopMtu,
    quoted: e.quotedProtocol === 0 ? 'none' : `${e.quotedProtocol} ${endpoints(quoted)}`,
    sequence: quoted.sequence,
  }
}

function endpoints(t: Transport): string {
  const { from, to } = transport('tcp', t)
  return `${from}>${to}`
}

function arpMessage(a: Arp) {
  return {
    operation: a.operation,
    sender: formatAddress(4, 0, 0, 0, a.senderAddress),
    target: formatAddress(4, 0, 0, 0, a.targetAddress),
    senderMac: mac(a.senderMacHigh, a.senderMacLow),
  }
}

function mac(high: number, low: number): string {
  return high < 0 ? '-' : `${high.toString(16).padStart(6, '0')}${low.toString(16).padStart(6, '0')}`
}
