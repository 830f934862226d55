// What a capture says about its interfaces.

import { Timestamp } from '../core/timestamp.ts'

/** One interface of a capture; its place in the reader's list is a packet's `interfaceId`. */
export interface InterfaceDescription {
  /** LINKTYPE_ value (https://www.tcpdump.org/linktypes.html). */
  readonly linkType: number
  /** Most bytes kept of a packet; 0 means no limit. */
  readonly snapshotLength: number
  /** The name on the capturing machine, not sanitised; '' if the file does not say (pcap never does). */
  readonly name: string
  readonly description: string
  /** See Packet.place. */
  readonly place: number
  /** The place's name, which a savefile keeps; '' for place 0. Not sanitised. */
  readonly placeName: string
}

/** Counters of one interface since its capture began. One object, reused by a reader. Unknown counters are -1. */
export class InterfaceStatistics {
  interfaceId = 0
  /** When the counters were read: moves the clock as a packet does. */
  readonly time = new Timestamp()
  /** Packets that the capture saw. */
  received = -1
  /** Packets lost because the capture did not read fast enough. */
  dropped = -1
  /** Packets lost by the network interface itself. */
  interfaceDropped = -1
}
