// The run so far by groups, with counts and an HdrHistogram for each. Bounded, so that it can go on for weeks.

import type { ClockConsumer } from '../core/consumers.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { epochMicros, type Timestamp } from '../core/timestamp.ts'

/**
 * The part of HdrHistogram that is used: of microseconds, three significant digits; counts are doubles, as a 32-bit one is full
 * after hours.
 */
export interface LatencyHistogram {
  recordValue(value: number): void
  getValueAtPercentile(percent: number): number
  /** Adds all of another one's values. */
  add(other: LatencyHistogram): void
}
export type MakeHistogram = () => LatencyHistogram

const MAXIMUM_GROUPS = 500
/**
 * When the table is full, groups that have been silent this long make room. They are looked for this often, and a tenth of the
 * table at a time.
 */
const SILENT_MICROS = 3_600e6
const LOOK_EVERY_MICROS = 60e6
const SHARE = 0.1
/** Groups that took most time stay, however long they are silent. */
const KEPT_SHARE = 0.25
/** Exchanges whose times lie further from the clock have an absurd timestamp. */
const BELIEVED_MICROS = 60e6
export const OTHER_GROUPS = '(other)'
/** Longer latencies count as an hour. */
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
  /** Blocking commands that were answered. They are only counted: they waited because they were asked to. */
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
  /** What the clock said at the latest exchange, in microseconds since 1970. */
  latestMicros = 0
  readonly histogram: LatencyHistogram

  constructor(name: string, histogram: LatencyHistogram) {
    this.name = name
    this.histogram = histogram
  }

  record(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    const { status } = exchange
    this.responseBytes += exchange.responseBytes
    if (exchange.late) {
      // it was counted when it was told as unanswered
      if (this.unanswered > 0 && !exchange.blocking) this.unanswered--
    } else {
      this.requests++
      this.requestBytes += exchange.requestBytes
    }
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

  /** Adds what another group has counted. */
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

export class LatencyTable implements TimedExchangeConsumer, ClockConsumer {
  readonly groups = new Map<string, LatencyGroup>()
  /** Made from the groups when it is asked for; undefined when exchanges have come since. */
  #total: LatencyGroup | undefined
  /** Capture time that exchanges cover, in microseconds since 1970; 0 before the first. */
  firstMicros = 0
  lastMicros = 0
  /** The clock's first and latest time; 0 before it is known. */
  #clockBegan = 0
  #clock = 0
  #lookedAt = Number.NEGATIVE_INFINITY
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
    this.#cover(start, latencyMicros < 0 ? start : epochMicros(exchange.responseEnd))
    const wholeName = this.#groupOf(timed)
    const name = wholeName.length > MAXIMUM_GROUP_CHARACTERS ? wholeName.slice(0, MAXIMUM_GROUP_CHARACTERS) : wholeName
    const group = this.groups.get(name) ?? this.#add(name)
    group.record(timed)
    group.latestMicros = this.#clock
    this.#total = undefined
  }

  onClock(t: Timestamp): void {
    this.#clock = epochMicros(t)
    // the very first time may be the absurd one
    if (this.#clockBegan === 0 || this.#clock < this.#clockBegan) this.#clockBegan = this.#clock
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

  /** The groups in which most time was spent come first. */
  sorted(): LatencyGroup[] {
    return [...this.groups.values()].sort(
      (a, b) => b.totalMicros - a.totalMicros || b.requests - a.requests || (a.name < b.name ? -1 : 1),
    )
  }

  #cover(start: number, end: number): void {
    if (start >= this.#clockBegan - BELIEVED_MICROS && (this.firstMicros === 0 || start < this.firstMicros)) {
      this.firstMicros = start
    }
    if (end > this.lastMicros && (this.#clock === 0 || end <= this.#clock + BELIEVED_MICROS)) this.lastMicros = end
  }

  #add(name: string): LatencyGroup {
    if (this.groups.size >= this.#maximumGroups) this.#makeRoom()
    const room = this.groups.size < this.#maximumGroups
    return this.#groupNamed(room ? name : OTHER_GROUPS)
  }

  #groupNamed(name: string): LatencyGroup {
    let group = this.groups.get(name)
    if (group === undefined) {
      group = new LatencyGroup(name, this.#makeHistogram())
      this.groups.set(name, group)
    }
    return group
  }

  /** Over weeks names appear that never come again. They are added to "others", so that new names can have a line. */
  #makeRoom(): void {
    const sinceLook = this.#clock - this.#lookedAt
    if (sinceLook >= 0 && sinceLook < LOOK_EVERY_MICROS) return
    this.#lookedAt = this.#clock
    const others = this.#groupNamed(OTHER_GROUPS)
    const silent = this.sorted()
      .slice(Math.floor(this.#maximumGroups * KEPT_SHARE))
      .filter((group) => group !== others && Math.abs(this.#clock - group.latestMicros) >= SILENT_MICROS)
    for (const group of silent.slice(-Math.ceil(this.#maximumGroups * SHARE))) {
      this.groups.delete(group.name)
      others.add(group)
    }
  }
}
