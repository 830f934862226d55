// IP fragments become datagrams again (RFC 791 §3.2, RFC 8200 §4.5). Bounded in datagrams, bytes and capture time.
// Where fragments overlap, the bytes that came first count (RFC 5722 would have the datagram dropped; then one forged
// fragment could hide a datagram from us that its receiver took).

import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { LAYER_FRAGMENT } from './causes.ts'
import type { Frame } from './frame.ts'
import { DECODE_FRAGMENT, NEXT } from './status.ts'

export interface FragmentLimits {
  readonly maximumDatagrams: number
  readonly maximumBytes: number
  /** An incomplete datagram is given up after so much capture time (RFC 1122 §3.3.2 says 60 to 120 s, Linux 30). */
  readonly timeoutSeconds: number
}

const DEFAULT_LIMITS: FragmentLimits = { maximumDatagrams: 1024, maximumBytes: 8 << 20, timeoutSeconds: 30 }

/** Copies of fragments that the `any` interface shows again are expected this long after the datagram was complete. */
const COPY_MICROS = 5000
const MAXIMUM_COMPLETED = 256

const LARGEST_DATAGRAM = 65535
const SMALLEST_BUFFER = 2048
const NO_BYTES = Buffer.alloc(0)

/** One datagram of which some fragments have come. */
class PartialDatagram {
  readonly hash: number
  readonly place: number
  readonly family: number
  readonly words: readonly number[]
  readonly identification: number
  readonly protocol: number
  /** The next one with the same hash. */
  next: PartialDatagram | undefined = undefined
  /** Time of the first fragment; of the last, once complete. */
  readonly time = new Timestamp()
  /** The table's clock at the first fragment. */
  readonly startedSeconds: number
  /** Only remembered, so that copies of its fragments do not begin a new one. */
  complete = false
  /** What the datagram carries; the first fragment says it. -1 until then. */
  carriedProtocol = -1
  /** Length of the whole; the last fragment says it. -1 until then. */
  totalBytes = -1
  /** Offset from which on something was not captured (short snapshot length). */
  capturedBytes = LARGEST_DATAGRAM
  buf: Buffer = NO_BYTES
  /** Start and end of what has come, in turn, ascending, never touching each other. */
  ranges: number[] = []

  constructor(hash: number, frame: Frame, identification: number, protocol: number, startedSeconds: number) {
    this.hash = hash
    this.place = frame.place
    this.family = frame.family
    this.words = [
      frame.sourceWord0,
      frame.sourceWord1,
      frame.sourceWord2,
      frame.sourceWord3,
      frame.destinationWord0,
      frame.destinationWord1,
      frame.destinationWord2,
      frame.destinationWord3,
    ]
    this.identification = identification
    this.protocol = protocol
    this.startedSeconds = startedSeconds
    this.time.set(frame.time)
  }

  belongs(frame: Frame, identification: number, protocol: number): boolean {
    const words = this.words
    return (
      this.identification === identification &&
      this.protocol === protocol &&
      this.place === frame.place &&
      this.family === frame.family &&
      words[3] === frame.sourceWord3 &&
      words[7] === frame.destinationWord3 &&
      words[0] === frame.sourceWord0 &&
      words[1] === frame.sourceWord1 &&
      words[2] === frame.sourceWord2 &&
      words[4] === frame.destinationWord0 &&
      words[5] === frame.destinationWord1 &&
      words[6] === frame.destinationWord2
    )
  }

  get highestByte(): number {
    return this.ranges.at(-1) ?? 0
  }

  get whole(): boolean {
    return this.ranges.length === 2 && this.ranges[0] === 0 && this.ranges[1] === this.totalBytes
  }
}

/** Holds fragments until their datagram is whole. */
export class FragmentTable {
  readonly #limits: FragmentLimits
  readonly #byHash = new Map<number, PartialDatagram>()
  /** Oldest first, both. */
  readonly #incomplete = new Set<PartialDatagram>()
  readonly #completed = new Set<PartialDatagram>()
  #bytes = 0
  /** Capture time, except that one absurd timestamp moves it by half a timeout only. */
  #clockSeconds = 0

  constructor(limits: FragmentLimits = DEFAULT_LIMITS) {
    this.#limits = limits
  }

  /** Bytes and datagrams held; for tests of the bounds. */
  get heldBytes(): number {
    return this.#bytes
  }
  get heldDatagrams(): number {
    return this.#incomplete.size + this.#completed.size
  }

  /**
   * Takes the fragment in `frame` (its payload from `at`, whose place in the datagram is `offset`). NEXT when that made
   * the datagram whole: `frame` then lies in the datagram, in a buffer that is lent like the packet's.
   */
  add(frame: Frame, identification: number, protocol: number, offset: number, more: boolean): number {
    const counters = frame.counters
    const length = frame.wireEnd - frame.at
    const wireEnd = offset + length
    // A fragment that others follow holds whole units of 8 bytes; nothing reaches past what a length field can say.
    if (length <= 0 || wireEnd > LARGEST_DATAGRAM || (more && (length & 7) !== 0)) {
      return frame.malformed(LAYER_FRAGMENT)
    }
    counters.fragments++
    this.#expire(frame)
    const datagram = this.#find(frame, identification, protocol)
    if (datagram.complete) {
      counters.duplicateFragments++
      return DECODE_FRAGMENT
    }
    const total = datagram.totalBytes
    const reachesTooFar = total >= 0 && wireEnd > total
    const endsTooEarly = !more && (wireEnd < total || wireEnd < datagram.highestByte)
    if (reachesTooFar || endsTooEarly) return frame.malformed(LAYER_FRAGMENT)
    if (!more) datagram.totalBytes = wireEnd
    if (offset === 0 && datagram.carriedProtocol < 0) datagram.carriedProtocol = frame.ipProtocol
    this.#store(datagram, frame, offset, wireEnd)
    if (!datagram.whole) {
      this.#shed(frame, datagram)
      return DECODE_FRAGMENT
    }
    counters.reassembledDatagrams++
    frame.buf = datagram.buf
    frame.at = 0
    frame.end = Math.min(datagram.totalBytes, datagram.capturedBytes)
    frame.wireEnd = datagram.totalBytes
    frame.ipProtocol = datagram.carriedProtocol
    this.#retire(datagram, frame)
    return NEXT
  }

  #find(frame: Frame, identification: number, protocol: number): PartialDatagram {
    const hash = hashOf(frame, identification, protocol)
    let datagram = this.#byHash.get(hash)
    while (datagram !== undefined && !datagram.belongs(frame, identification, protocol)) datagram = datagram.next
    if (datagram !== undefined) {
      const age = Math.abs(elapsedMicros(datagram.time, frame.time))
      if (age <= (datagram.complete ? COPY_MICROS : this.#limits.timeoutSeconds * 1e6)) return datagram
      // The sender has come round to this identification again.
      if (!datagram.complete) frame.counters.incompleteDatagrams++
      this.#remove(datagram)
    }
    const fresh = new PartialDatagram(hash, frame, identification, protocol, this.#clockSeconds)
    fresh.next = this.#byHash.get(hash)
    this.#byHash.set(hash, fresh)
    this.#incomplete.add(fresh)
    return fresh
  }

  /** Copies what is new of `offset` to `wireEnd` into the datagram and counts what is not. */
  #store(datagram: PartialDatagram, frame: Frame, offset: number, wireEnd: number): void {
    const captured = Math.min(frame.end - frame.at, wireEnd - offset)
    this.#grow(datagram, wireEnd)
    if (captured < wireEnd - offset) datagram.capturedBytes = Math.min(datagram.capturedBytes, offset + captured)
    const capturedEnd = offset + captured
    const ranges = datagram.ranges
    let first = 0
    while (first < ranges.length && ranges[first + 1]! < offset) first += 2
    let next = first
    let covered = offset
    let fresh = 0
    let differs = false
    for (; next < ranges.length && ranges[next]! <= wireEnd; next += 2) {
      const from = ranges[next]!
      const to = ranges[next + 1]!
      if (covered < from) fresh += copy(datagram, frame, offset, covered, from, capturedEnd)
      differs ||= !same(datagram, frame, offset, Math.max(from, offset), Math.min(to, capturedEnd))
      if (to > covered) covered = to
    }
    if (covered < wireEnd) fresh += copy(datagram, frame, offset, covered, wireEnd, capturedEnd)
    if (fresh === 0 && !differs) frame.counters.duplicateFragments++
    else if (fresh < wireEnd - offset) frame.counters.overlappingFragments++
    const start = next > first ? Math.min(offset, ranges[first]!) : offset
    const end = next > first ? Math.max(wireEnd, ranges[next - 1]!) : wireEnd
    ranges.splice(first, next - first, start, end)
  }

  #grow(datagram: PartialDatagram, bytes: number): void {
    if (datagram.buf.length >= bytes) return
    let capacity = Math.max(SMALLEST_BUFFER, datagram.buf.length)
    while (capacity < bytes) capacity *= 2
    const grown = Buffer.alloc(capacity)
    datagram.buf.copy(grown)
    this.#bytes += capacity - datagram.buf.length
    datagram.buf = grown
  }

  /** Gives the oldest up while too much is held; never `kept`. */
  #shed(frame: Frame, kept: PartialDatagram): void {
    const { maximumBytes, maximumDatagrams } = this.#limits
    if (this.#bytes <= maximumBytes && this.#incomplete.size <= maximumDatagrams) return
    for (const datagram of this.#incomplete) {
      if (this.#bytes <= maximumBytes && this.#incomplete.size <= maximumDatagrams) return
      if (datagram === kept) continue
      frame.counters.incompleteDatagrams++
      this.#remove(datagram)
    }
  }

  #expire(frame: Frame): void {
    const { timeoutSeconds } = this.#limits
    const ahead = frame.time.seconds - this.#clockSeconds
    if (ahead > 0) {
      const first = this.#clockSeconds === 0
      this.#clockSeconds += first ? ahead : Math.min(ahead, timeoutSeconds / 2)
    }
    for (const datagram of this.#incomplete) {
      if (this.#clockSeconds - datagram.startedSeconds <= timeoutSeconds) return
      frame.counters.incompleteDatagrams++
      this.#remove(datagram)
    }
  }

  /** The buffer is lent out now and no longer ours. */
  #retire(datagram: PartialDatagram, frame: Frame): void {
    this.#bytes -= datagram.buf.length
    datagram.buf = NO_BYTES
    datagram.ranges = []
    datagram.complete = true
    datagram.time.set(frame.time)
    this.#incomplete.delete(datagram)
    this.#completed.add(datagram)
    for (const oldest of this.#completed) {
      if (this.#completed.size <= MAXIMUM_COMPLETED) return
      this.#remove(oldest)
    }
  }

  #remove(datagram: PartialDatagram): void {
    this.#bytes -= datagram.buf.length
    this.#incomplete.delete(datagram)
    this.#completed.delete(datagram)
    const head = this.#byHash.get(datagram.hash)
    if (head === datagram) {
      if (datagram.next === undefined) this.#byHash.delete(datagram.hash)
      else this.#byHash.set(datagram.hash, datagram.next)
      return
    }
    let before = head
    while (before !== undefined && before.next !== datagram) before = before.next
    if (before !== undefined) before.next = datagram.next
  }
}

/** Copies datagram bytes [from, to) out of the fragment that begins at `offset`; says how many there are on the wire. */
function copy(
  datagram: PartialDatagram,
  frame: Frame,
  offset: number,
  from: number,
  to: number,
  captured: number,
): number {
  const end = Math.min(to, captured)
  const source = frame.at - offset
  if (end > from) frame.buf.copy(datagram.buf, from, source + from, source + end)
  return to - from
}

/** Whether the fragment repeats what the datagram already has at [from, to). */
function same(datagram: PartialDatagram, frame: Frame, offset: number, from: number, to: number): boolean {
  const source = frame.at - offset
  return to <= from || datagram.buf.compare(frame.buf, source + from, source + to, from, to) === 0
}

function hashOf(frame: Frame, identification: number, protocol: number): number {
  let hash = Math.imul(identification ^ (protocol << 24) ^ frame.place, 0x9e3779b1)
  hash = Math.imul(hash ^ frame.sourceWord3 ^ frame.sourceWord1, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15) ^ frame.destinationWord3 ^ frame.destinationWord1, 0xc2b2ae35)
  return (hash ^ (hash >>> 13)) & 0xffff
}
