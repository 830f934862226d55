// tcpkit's latency buckets: names as scripts know them, upper bounds inclusive.

/** In microseconds; the last bucket has none. */
const UPPER_MICROS = [
  100, 200, 500, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 3_000_000,
  5_000_000, 10_000_000, 20_000_000,
] as const

export const LATENCY_BUCKET_NAMES = [
  '<0.1ms',
  '0.1ms~0.2ms',
  '0.2~0.5ms',
  '0.5ms~1ms',
  '1ms~5ms',
  '5ms~10ms',
  '10ms~20ms',
  '20ms~50ms',
  '50ms~100ms',
  '100ms~200ms',
  '200ms~500ms',
  '0.5s~1s',
  '1s~2s',
  '2s~3s',
  '3s~5s',
  '5s~10s',
  '10s~20s',
  '+inf',
] as const

/** Index into LATENCY_BUCKET_NAMES. */
export function latencyBucketOf(micros: number): number {
  let bucket = 0
  while (bucket < UPPER_MICROS.length && micros > UPPER_MICROS[bucket]!) bucket++
  return bucket
}
