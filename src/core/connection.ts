// A TCP connection as the flow table sees it and as consumers may read it.

import type { Endpoint } from './endpoint.ts'
import { Timestamp } from './timestamp.ts'

/** 0: from `endpoints[0]` (the client) to `endpoints[1]`; 1: the way back. */
export type Direction = 0 | 1

/**
 * Why a connection ended: both sides finished; one side reset it; it stayed silent too long after it was half-closed or
 * unanswered; the table was full; a SYN with a new initial sequence number took its 4-tuple; the sequence number jumped
 * further than allowed; the capture ended; the interface vanished; the container that one of its ends was has stopped, or
 * has left the network.
 */
export type CloseReason =
  | 'finished'
  | 'reset'
  | 'timeout'
  | 'evicted'
  | 'replaced'
  | 'jump'
  | 'capture-ended'
  | 'interface-gone'
  | 'container-gone'

/**
 * Who lost the bytes of a gap. `capture`: the receiver acknowledged the bytes, so they arrived and only the capture missed
 * them. `network`: never acknowledged. `snaplen`: the capture cut the packet short. `limit`: we gave up the hole to stay in
 * bounds.
 */
export type GapCause = 'capture' | 'network' | 'snaplen' | 'limit'

/** What a connection went on after: see `StreamConsumer.onWentOn`. */
export type WentOnAfter = 'reset' | 'syn'

/** One direction of a connection: a flow, in tcpflow's sense. Counters are readable by everyone, written by flow/. */
export class Stream {
  /** First and last packet of this direction; seconds 0 until there was one. */
  readonly firstPacketTime = new Timestamp()
  readonly lastPacketTime = new Timestamp()
  packets = 0
  /**
   * Stream offset of the next byte to be delivered, gaps included. During `onData` and `onGap` it is the offset of the
   * first byte of that delivery; it moves on after the call. A number, so exact far past 4 GiB.
   */
  offset = 0
  /** Payload bytes delivered, each once. */
  bytes = 0
  retransmittedBytes = 0
  outOfOrderSegments = 0
  /** Bytes that came twice with different contents; the first copy was delivered. */
  conflictingBytes = 0
  gaps = 0
  missingBytes = 0
  /** This side sent SYN / FIN / RST. */
  sawSyn = false
  sawFin = false
  sawReset = false
  /** How often the SYN was sent. */
  synPackets = 0
  sourceMacHigh = -1
  sourceMacLow = -1
  destinationMacHigh = -1
  destinationMacLow = -1

  /**
   * Bytes from `offset` on that the receiver has acknowledged and that were not delivered: they are missing, so far. (A single
   * one may be a FIN that was not captured.)
   */
  get acknowledgedAhead(): number {
    return 0
  }

  /** Bytes wait behind a hole until it is filled or given up. */
  get holdsBack(): boolean {
    return false
  }
}

/**
 * A connection. Belongs to the flow table, which may use the object again after `onClose` has returned: consumers drop
 * their reference then. Everything is readable by consumers, written only by flow/.
 */
export class Connection {
  /** 1, 2, 3 … in the order of their first packets. */
  id = 0
  /** A small number, unique among open connections and used again later: consumers may index arrays with it. */
  slot = 0
  place = 0
  /** Of the first packet. */
  interfaceId = 0
  vlanId = -1
  /** Client (who opened it, or the best guess) and server. */
  readonly endpoints: [Endpoint, Endpoint]
  readonly streams: [Stream, Stream]
  /** True when the SYN or SYN-ACK was seen, so that client and server are facts and not a guess. */
  openerKnown = false
  /** Earlier connections of this run on the same place and 4-tuple: tcpflow's `c1`, `c2` … */
  occurrence = 0
  /**
   * True when this connection had left the table ('evicted', 'timeout') and then sent again. It keeps its `occurrence`, and
   * `streams[d].offset` goes on where the earlier part ended.
   */
  resumed = false
  /** First packet's and latest packet's time. */
  readonly openTime = new Timestamp()
  readonly lastPacketTime = new Timestamp()
  /** Latest packet that carried payload, for "reset after 12 s idle"; seconds 0 when none did. */
  readonly lastDataTime = new Timestamp()
  /** How long there had been no data when it was reset; meaningful when it closes for that. */
  resetIdleMicros = 0
  /** Resets and SYNs that seemed to come from one side, but after which both sides went on. */
  refutedResets = 0
  straySyns = 0
  /** Microseconds from SYN to the client's ACK of the SYN-ACK; -1 until known. */
  handshakeMicros = -1
  /** An ICMP error quoted a packet of this connection: its type and code, and who said so; '' when none did. */
  icmpFamily = 0
  icmpType = 0
  icmpCode = 0
  icmpReporter = ''

  constructor(client: Endpoint, server: Endpoint, toServer: Stream, toClient: Stream) {
    this.endpoints = [client, server]
    this.streams = [toServer, toClient]
  }
}

/** The other direction. */
export function opposite(d: Direction): Direction {
  return d === 0 ? 1 : 0
}
