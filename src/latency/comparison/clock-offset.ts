// How far the clocks of two captures are apart, from exchanges that both have seen (as NTP does it, RFC 5905 §8).

import type { PairedExchange } from './paired-exchange.ts'

export interface ClockOffset {
  /** The server's clock less the client's, in microseconds. */
  readonly micros: number
  /** The fastest way there and the fastest way back, added up. The offset is known to half of this. */
  readonly roundTripMicros: number
}

/**
 * A request takes time to get there, a response to get back. Measured with two clocks that differ, one way looks longer by the
 * difference and the other shorter. The fastest of each way are taken to be equally fast, and so tell the difference. Where the
 * way there is slower than the way back, half of that goes into the offset: two captures cannot show it.
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
