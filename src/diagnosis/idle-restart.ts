// Whether a sender begins slowly again after a pause (RFC 5681 §4.1): its first data is a few segments, and more follows only
// as acknowledgements come, though it had far more under way before.

import { sequenceDistance } from '../core/sequence.ts'
import type { SideFacts } from './side-facts.ts'

/** Linux's least time-out is 200 ms: after so much its window collapses. */
const IDLE_MICROS = 250_000
/** Ten segments, and a little. */
const FIRST_BURST_BYTES = 18_000
const SMALLER_TIMES = 4
const ROUNDS_TO_TELL = 3
/** On a shorter way it costs nothing to speak of. */
const LONG_WAY_MICROS = 10_000
const AFTER_ACKNOWLEDGEMENT_MICROS = 3_000

/** Takes over new data of `own`, before it is counted as its latest. */
export function noteBurst(own: SideFacts, peer: SideFacts, payload: number, micros: number): void {
  const flight = sequenceDistance(own.furthest, peer.acknowledged)
  const pause = micros - own.lastDataMicros
  if (own.lastDataMicros !== 0 && pause >= IDLE_MICROS && flight === payload) beginRestart(own, micros)
  else if (own.restartSinceMicros !== 0 && goesOnByAcknowledgement(own, peer, pause, micros))
    noteRound(own, peer, micros)
  if (own.restartSinceMicros !== 0 && own.restartRounds === 1 && flight > own.restartFlight) own.restartFlight = flight
  if (flight > own.largestFlight) own.largestFlight = flight
}

function beginRestart(own: SideFacts, micros: number): void {
  own.restartSinceMicros = micros
  own.restartRounds = 1
  own.restartFlight = 0
  own.flightBeforeRestart = own.largestFlight
}

function goesOnByAcknowledgement(own: SideFacts, peer: SideFacts, pause: number, micros: number): boolean {
  if (own.roundTripMicros < LONG_WAY_MICROS || peer.lastDataMicros > own.restartSinceMicros) return false
  return pause >= own.roundTripMicros / 2 && micros - peer.acknowledgedMicros <= AFTER_ACKNOWLEDGEMENT_MICROS
}

function noteRound(own: SideFacts, peer: SideFacts, micros: number): void {
  own.restartRounds++
  const isSmall = own.restartFlight <= Math.min(FIRST_BURST_BYTES, own.flightBeforeRestart / SMALLER_TIMES)
  if (!isSmall || peer.window < own.restartFlight * 2) {
    own.restartSinceMicros = 0
    return
  }
  if (own.restartRounds < ROUNDS_TO_TELL) return
  own.slowRestarts++
  own.slowRestartMicros += micros - own.restartSinceMicros
  own.latestSlowRestartMicros = own.restartSinceMicros
  own.restartSinceMicros = 0
}
