// How far the clocks of two captures are apart, from exchanges that both have seen (as NTP does it, RFC 5905 §8).

import type { PairedExchange } from './paired-exchange.ts'

export interface ClockOffset {
  /** The server's clock less the client's, in microseconds. */
  readonly micros: number
  /** Fastest way there and back together: the offset is known to half of this. */
  readonly roundTripMicros: number
}

/**
 * A request takes some time to get there and a response some to get back. By two clocks, the first looks longer by what they
 * differ and the second shorter; the fastest of each, taken to be equally fast, tell by how much. Where the way there is
 * slower than the way back, half the difference goes into the offset: nothing in two captures can tell.
 */
export function clockOffset(paired: readonly PairedExchange[]): ClockOffset {
  let there = Number.POSITIVE_INFINITY
  let back = Number.POSITIVE_INFINITY
  for (const { atClient, atServer } of paired) {
    there = Math.min(there, atServer.startMicros - atClient.startMicros)
    back = Math.min(back, atClient.endMicros - atServer.endMicros)
  }
  if (paired.length === 0) return { micros: 0, roundTripMicros: 0 }
  return { micros: (there - back) / 2, roundTripMicros: there + back }
}
