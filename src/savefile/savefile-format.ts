// What the reader and its formats have agreed on.

/** More input is needed: fill, then ask again. */
export const READ_NEED_INPUT = 0
/** `packet` holds the next packet. */
export const READ_PACKET = 1
/** `statistics` holds counters of an interface. */
export const READ_STATISTICS = 2
/** Nothing more will come. */
export const READ_END = 3

/**
 * A packet that claims to be larger is damage; this bounds memory. (The largest packet that any interface sends is
 * about 64 KiB.)
 */
export const MAXIMUM_PACKET_BYTES = 16 * 1024 * 1024

/** Takes packets out of an InputWindow. */
export interface SavefileFormat {
  /** One of the READ_ codes. Never throws for what is in the file. */
  next(): number
  /** What is wrong with the file and where, after this has ended it. */
  readonly damage: string | undefined
}
