// What the reader and the formats that it reads agree on.

import type { InputWindow } from './input-window.ts'

/** More input is needed: fill, then ask again. */
export const READ_NEED_INPUT = 0
/** `packet` holds the next packet. */
export const READ_PACKET = 1
/** `statistics` holds counters of an interface. */
export const READ_STATISTICS = 2
/** Nothing more will come. */
export const READ_END = 3

/** A packet that claims more is damage: it bounds memory. (The largest that any interface sends is 64 KiB or so.) */
export const MAXIMUM_PACKET_BYTES = 16 * 1024 * 1024

/** Records of a little-endian pcap file: seconds, fractions, captured and original length in 32 bits each, then the frame. */
export interface PlainRecords {
  /** Whoever takes a record moves `start` behind it and counts it. */
  readonly window: InputWindow
  readonly linkType: number
  readonly nanosPerTick: number
}

/** Takes packets out of an InputWindow. */
export interface SavefileFormat {
  /** One of the READ_ codes. Never throws for what is in the file. */
  next(): number
  /** What is wrong with the file and where, once that has ended it. */
  readonly damage: string | undefined
  /** Between two calls of `next`, somebody else may take records like these out of the window; undefined in other formats. */
  readonly plainRecords?: PlainRecords | undefined
}
