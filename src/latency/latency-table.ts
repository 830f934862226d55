// The run so far by groups: counts and an HdrHistogram each. Bounded, so that it can go on for weeks.

import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { epochMicros } from '../core/timestamp.ts'

/** HdrHistogram, as far as it is used: of microseconds, three significant digits; counts are doubles, as a 32-bit one is full after hours. */
export interface LatencyHistogram {
  recordValue(value: number): void
  getValueAtPercentile(percent: number): number
  /** Adds all of another one's values. */
  add(other: LatencyHistogram): void
}
export type MakeHistogram = () => LatencyHistogram

const MAXIMUM_GROUPS = 500
export const OTHER_GROUPS = '(other)'
/** Longer ones count as this: an hour. */
const LONGEST_MICROS = 3_600_000_000
const MAXIMUM_GROUP_CHARACTERS = 160
/** Powers of two of microseconds, up to the hour. */
export const SHAPE_BUCKETS = 32

export class LatencyGroup {
  readonly name: string
  requests = 0
  errors = 0
  unanswered = 0
  unknown = 0
  /** Blocking commands that were answered: counted, but how long they waited is what they were asked to. */
  blocking = 0
  requestBytes = 0
  responseBytes = 0
  /** Sums over `timed` exchanges. */
  timed = 0
  totalMicros = 0
  maximumMicros = 0
  /** Parts, summed over those `split` exchanges of which all parts are known. */
  split = 0
  transferMicros = 0
  networkMicros = 0
  serverMicros = 0
  /** How many took 2ⁱ to 2ⁱ⁺¹ microseconds: the shape that is drawn. */
  readonly shape = new Float64Array(SHAPE_BUCKETS)
  readonly histogram: LatencyHistogram

  constructor(name: string, histogram: LatencyHistogram) {
    this.name = name
    this.histogram = histogram
  }

  record(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    this.requests++
    this.requestBytes += exchange.requestBytes
    this.responseBytes += exchange.responseBytes
    const { status } = exchange
    if (status === 'error') this.errors++
    else if (status === 'unanswered') this.unanswered += exchange.blocking ? 0 : 1
    else if (status === 'unknown') this.unknown++
    if (latencyMicros < 0) return
    if (exchange.blocking) {
      this.blocking++
      return
    }
    this.timed++
    this.totalMicros += latencyMicros
    if (latencyMicros > this.maximumMicros) this.maximumMicros = latencyMicros
    recordMicros(this.histogram, latencyMicros)
    this.shape[31 - Math.clz32(Math.min(LONGEST_MICROS, latencyMicros) | 1)]!++
    if (timed.networkMicros < 0) return
    this.split++
    this.transferMicros += timed.requestTransferMicros + timed.responseTransferMicros
    this.networkMicros += timed.networkMicros
    this.serverMicros += timed.serverMicros
  }

  /** Counts what another one has counted, too. */
  add(other: LatencyGroup): void {
    this.requests += other.requests
    this.errors += other.errors
    this.unanswered += other.unanswered
    this.unknown += other.unknown
    this.blocking += other.blocking
    this.requestBytes += other.requestBytes
    this.responseBytes += other.responseBytes
    this.timed += other.timed
    this.totalMicros += other.totalMicros
    this.maximumMicros = Math.max(this.maximumMicros, other.maximumMicros)
    this.split += other.split
    this.transferMicros += other.transferMicros
    this.networkMicros += other.networkMicros
    this.serverMicros += other.serverMicros
    for (let i = 0; i < SHAPE_BUCKETS; i++) this.shape[i]! += other.shape[i]!
    if (other.timed > 0) this.histogram.add(other.histogram)
  }

  /** Microseconds that so many per cent of the timed exchanges took at most; -1 when there are none. */
  percentile(percent: number): number {
    return this.timed === 0 ? -1 : Math.min(this.histogram.getValueAtPercentile(percent), this.maximumMicros)
  }
}

/** Whole microseconds, at least one. */
export function recordMicros(histogram: LatencyHistogram, micros: number): void {
  histogram.recordValue(micros < 1 ? 1 : micros > LONGEST_MICROS ? LONGEST_MICROS : Math.round(micros))
}

export class LatencyTable implements TimedExchangeConsumer {
  readonly groups = new Map<string, LatencyGroup>()
  /** Added up from the groups when it is asked for; undefined when exchanges came since. */
  #total: LatencyGroup | undefined
  /** Capture time that exchanges cover, in microseconds since 1970; 0 before the first. */
  firstMicros = 0
  lastMicros = 0
  readonly #groupOf: (timed: TimedExchange) => string
  readonly #makeHistogram: MakeHistogram
  readonly #maximumGroups: number

  constructor(groupOf: (timed: TimedExchange) => string, makeHistogram: MakeHistogram, maximumGroups = MAXIMUM_GROUPS) {
    this.#groupOf = groupOf
    this.#makeHistogram = makeHistogram
    this.#maximumGroups = maximumGroups
    this.#total = undefined
  }

  onTimedExchange(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    const start = epochMicros(exchange.requestStart)
    if (this.firstMicros === 0 || start < this.firstMicros) this.firstMicros = start
    const end = latencyMicros < 0 ? start : epochMicros(exchange.responseEnd)
    if (end > this.lastMicros) this.lastMicros = end
    const name = this.#groupOf(timed)
    const group = this.groups.get(name) ?? this.#add(name)
    group.record(timed)
    this.#total = undefined
  }

  /** All groups as one. */
  get total(): LatencyGroup {
    if (this.#total === undefined) {
      this.#total = new LatencyGroup('all', this.#makeHistogram())
      for (const group of this.groups.values()) this.#total.add(group)
    }
    return this.#total
  }

  /** Requests a second of capture time. */
  rateOf(group: LatencyGroup): number {
    const micros = this.lastMicros - this.firstMicros
    return micros <= 0 ? 0 : (group.requests * 1e6) / micros
  }

  /** Those first in which most time was spent. */
  sorted(): LatencyGroup[] {
    return [...this.groups.values()].sort(
      (a, b) => b.totalMicros - a.totalMicros || b.requests - a.requests || (a.name < b.name ? -1 : 1),
    )
  }

  #add(name: string): LatencyGroup {
    const bounded = name.slice(0, MAXIMUM_GROUP_CHARACTERS)
    const room = this.groups.size < this.#maximumGroups
    const shown = room ? bounded : OTHER_GROUPS
    let group = this.groups.get(shown)
    if (group === undefined) {
      group = new LatencyGroup(shown, this.#makeHistogram())
      this.groups.set(shown, group)
    }
    return group
  }
}
