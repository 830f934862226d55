// Finds out which of two captures is the client's. Nearer to the client an exchange takes longer, by the network in between.

import type { PairedExchange } from './paired-exchange.ts'

/** Two captures at the same place differ by less than this, in timestamps and in how packets were gathered. */
const NOISE_MICROS = 20
/** Two clocks drift apart by less than this share of the time that passes. */
const MOST_DRIFT = 2e-4
const MOST_OTHERS = 0.1

/**
 * Whether `atClient` was really taken nearer to the server: then most exchanges are faster there by more than noise, and next
 * to none is slower. Where the network between the captures takes no time, this cannot be seen, and does not matter.
 */
export function areSidesSwapped(paired: readonly PairedExchange[]): boolean {
  let faster = 0
  let slower = 0
  for (const { atClient, atServer } of paired) {
    const latency = atServer.endMicros - atServer.startMicros
    const network = atClient.endMicros - atClient.startMicros - latency
    const noise = NOISE_MICROS + Math.abs(latency) * MOST_DRIFT
    if (network < -noise) faster++
    else if (network > noise) slower++
  }
  return faster * 2 > paired.length && slower < faster * MOST_OTHERS
}

/** Sorted by the other capture's clock. */
export function otherWayRound(paired: readonly PairedExchange[]): PairedExchange[] {
  return paired
    .map(({ atClient, atServer, client, server }) => ({
      atClient: atServer,
      atServer: atClient,
      client: server,
      server: client,
    }))
    .sort((a, b) => a.atClient.startMicros - b.atClient.startMicros)
}
