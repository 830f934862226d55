// What scripts get about packets and exchanges: copies, with the names of script-types.d.ts.

import { type Endpoint, formatAddress } from '../core/endpoint.ts'
import type { Names } from '../core/ports.ts'
import type { Segment, Transport } from '../core/segment.ts'
import type { TimedExchange } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { ScriptExchange, ScriptHost, ScriptPacket } from './script-types.d.ts'

const ADDRESSES_KEPT = 4096

/** Whole microseconds since 1970: a double has no room for fractions. */
export function microsOf(t: Timestamp): number {
  return t.seconds * 1e6 + Math.floor(t.nanos / 1e3)
}

/** Addresses as text, kept because the same few come again and again. */
export class AddressTexts {
  readonly #ipv4 = new Map<number, string>()

  source(t: Transport): string {
    if (t.family === 4) return this.#ipv4Text(t.sourceWord3)
    return formatAddress(t.family, t.sourceWord0, t.sourceWord1, t.sourceWord2, t.sourceWord3)
  }

  destination(t: Transport): string {
    if (t.family === 4) return this.#ipv4Text(t.destinationWord3)
    return formatAddress(t.family, t.destinationWord0, t.destinationWord1, t.destinationWord2, t.destinationWord3)
  }

  #ipv4Text(word: number): string {
    let text = this.#ipv4.get(word)
    if (text === undefined) {
      if (this.#ipv4.size >= ADDRESSES_KEPT) this.#ipv4.clear()
      text = formatAddress(4, 0, 0, 0, word)
      this.#ipv4.set(word, text)
    }
    return text
  }
}

/** `segment`: the same object as `t` if `t` is a segment, else undefined. */
export function packetView(t: Transport, segment: Segment | undefined, addresses: AddressTexts): ScriptPacket {
  return {
    timeMicros: microsOf(t.time),
    protocol: segment === undefined ? 'udp' : 'tcp',
    source: { address: addresses.source(t), port: t.sourcePort },
    destination: { address: addresses.destination(t), port: t.destinationPort },
    payload: copyOf(t.buf, t.payloadStart, t.payloadEnd),
    missingBytes: t.missingBytes,
    sequence: segment === undefined ? 0 : segment.sequence >>> 0,
    acknowledgement: segment === undefined ? 0 : segment.acknowledgement >>> 0,
    flags: segment === undefined ? 0 : segment.flags,
    window: segment === undefined ? 0 : segment.window,
  }
}

export function copyOf(buf: Buffer, start: number, end: number): Buffer {
  return Buffer.from(buf.subarray(start, end))
}

export function hostView(endpoint: Endpoint | undefined, place: number, names: Names | undefined): ScriptHost {
  if (endpoint === undefined) return { address: '', port: 0, name: '' }
  return { address: endpoint.address, port: endpoint.port, name: names?.hostOf(place, endpoint)?.name ?? '' }
}

export function exchangeView(timed: TimedExchange, names: Names | undefined): ScriptExchange {
  const e = timed.exchange
  return {
    connectionId: e.connection?.id ?? 0,
    client: hostView(e.client, e.place, names),
    server: hostView(e.server, e.place, names),
    protocol: e.protocol,
    command: e.command,
    key: e.key,
    request: e.request,
    status: e.status,
    statusText: e.statusText,
    blocking: e.blocking,
    aheadInPipeline: e.aheadInPipeline,
    late: e.late,
    retries: e.retries,
    requestStartMicros: microsOf(e.requestStart),
    requestEndMicros: microsOf(e.requestEnd),
    responseStartMicros: microsOf(e.responseStart),
    responseEndMicros: microsOf(e.responseEnd),
    latencyMicros: timed.latencyMicros,
    requestTransferMicros: timed.requestTransferMicros,
    firstByteMicros: timed.firstByteMicros,
    networkMicros: timed.networkMicros,
    serverMicros: timed.serverMicros,
    responseTransferMicros: timed.responseTransferMicros,
    clientNetworkMicros: timed.clientNetworkMicros,
    requestBytes: e.requestBytes,
    responseBytes: e.responseBytes,
  }
}
