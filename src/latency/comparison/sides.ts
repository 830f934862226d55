// Which of two captures is the client's: from nearer to the client, an exchange takes longer, by the network between them.

import type { PairedExchange } from './paired-exchange.ts'

/** Two captures of one place differ by less, in timestamps and in how packets were gathered. */
const NOISE_MICROS = 20
/** Clocks run apart by less than this share of the time that they measure. */
const MOST_DRIFT = 2e-4
const MOST_OTHERS = 0.1

/**
 * Whether `atClient` was taken nearer to the server: most exchanges are faster there by more than noise, and next to none is
 * slower. Where the network between the captures takes no time, nothing can tell, and nothing needs to.
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

/** In the order of the other clock. */
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
