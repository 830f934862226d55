// One captured packet as the savefile reader hands it on.

import { Timestamp } from './timestamp.ts'

/**
 * A packet and where it was captured. One object, reused for every packet of a reader: valid, like the bytes that it
 * points into, only during the call that hands it over. Copy what you keep.
 */
export class Packet {
  readonly time = new Timestamp()
  /** LINKTYPE_ value of the interface (https://www.tcpdump.org/linktypes.html). */
  linkType = 0
  /** Index into the reader's interface list. */
  interfaceId = 0
  /** The network namespace as a number (places.ts): part of every connection's key. */
  place = 0
  /** Bytes on the wire; more than `end - start` when the capture cut the packet short. */
  originalLength = 0
  buf: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
}
