// Puts IP fragments together again (RFC 791 §3.2, RFC 8200 §4.5). Bounded in datagrams, bytes and capture time. Only the pieces
// that came are held, so a fragment costs its own bytes, wherever in the datagram it lies. Where fragments overlap, the bytes
// that came first count. (RFC 5722 would drop the datagram. Then one forged fragment could hide a datagram from us that its
// receiver accepted.)

import { finishHash, HASH_SEED, mixWord } from '../core/hash.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { LAYER_FRAGMENT } from './causes.ts'
import type { Frame } from './frame.ts'
import { DECODE_FRAGMENT, NEXT } from './status.ts'

export interface FragmentLimits {
  readonly maximumDatagrams: number
  /** Memory of the pieces, with PIECE_OVERHEAD_BYTES for each. */
  readonly maximumBytes: number
  /** An incomplete datagram is given up after so much capture time (RFC 1122 §3.3.2 says 60 to 120 s, Linux 30). */
  readonly timeoutSeconds: number
}

const DEFAULT_LIMITS: FragmentLimits = { maximumDatagrams: 1024, maximumBytes: 8 << 20, timeoutSeconds: 30 }

/** Copies of fragments that the `any` interface shows again are expected this long after the datagram was complete. */
const COPY_MICROS = 5000
const MAXIMUM_COMPLETED = 256

const LARGEST_DATAGRAM = 65535
/** About how much memory a piece takes besides its bytes. */
const PIECE_OVERHEAD_BYTES = 256

/** Bytes of a datagram, from `start` on, that no other piece has. */
class Piece {
  readonly start: number
  /** On the wire; `bytes` may be fewer, or none, where the capture cut the fragment short. */
  readonly end: number
  readonly bytes: Buffer

  constructor(start: number, end: number, bytes: Buffer) {
    this.start = start
    this.end = end
    this.bytes = bytes
  }
}

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
  /** Complete: only remembered, so that copies of its fragments do not begin a new datagram. */
  complete = false
  /** What the datagram carries; the first fragment says it. -1 until then. */
  carriedProtocol = -1
  /** Length of the whole; the last fragment says it. -1 until then. */
  totalBytes = -1
  /** Offset from which on something was not captured (short snapshot length). */
  capturedBytes = LARGEST_DATAGRAM
  /** Ascending. */
  pieces: Piece[] = []
  /** Of the datagram, in the pieces. */
  coveredBytes = 0
  /** What the pieces take. */
  heldBytes = 0

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
    return this.pieces.at(-1)?.end ?? 0
  }

  get whole(): boolean {
    return this.coveredBytes === this.totalBytes
  }

  /** The first piece that ends behind `offset`, by its index. */
  firstEndingBehind(offset: number): number {
    const { pieces } = this
    let low = 0
    let high = pieces.length
    if (high === 0 || pieces[high - 1]!.end <= offset) return high // as fragments usually come
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pieces[middle]!.end <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The pieces in a row, up to what was captured in a row. */
  join(): Buffer {
    const whole = Buffer.allocUnsafe(Math.min(this.totalBytes, this.capturedBytes))
    for (const { start, bytes } of this.pieces) if (start < whole.length) bytes.copy(whole, start)
    return whole
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

  /** Bytes (overheads included) and datagrams held; for tests of the bounds. */
  get heldBytes(): number {
    return this.#bytes
  }
  get heldDatagrams(): number {
    return this.#incomplete.size + this.#completed.size
  }
  /** The most datagrams that one hash leads to. */
  get longestChain(): number {
    let longest = 0
    for (const first of this.#byHash.values()) {
      let length = 0
      for (let one: PartialDatagram | undefined = first; one !== undefined; one = one.next) length++
      longest = Math.max(longest, length)
    }
    return longest
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
    frame.buf = datagram.join()
    frame.at = 0
    frame.end = frame.buf.length
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
      // The sender uses this identification again.
      if (!datagram.complete) frame.counters.incompleteDatagrams++
      this.#remove(datagram)
    }
    const fresh = new PartialDatagram(hash, frame, identification, protocol, this.#clockSeconds)
    fresh.next = this.#byHash.get(hash)
    this.#byHash.set(hash, fresh)
    this.#incomplete.add(fresh)
    return fresh
  }

  /** Keeps what is new of `offset` to `wireEnd` as pieces and counts what is not. */
  #store(datagram: PartialDatagram, frame: Frame, offset: number, wireEnd: number): void {
    const capturedEnd = offset + Math.min(frame.end - frame.at, wireEnd - offset)
    if (capturedEnd < wireEnd) datagram.capturedBytes = Math.min(datagram.capturedBytes, capturedEnd)
    const { pieces } = datagram
    const first = datagram.firstEndingBehind(offset)
    let index = first
    let covered = offset
    let fresh = 0
    let differs = false
    while (covered < wireEnd) {
      const next = pieces[index]
      const until = next === undefined ? wireEnd : Math.min(next.start, wireEnd)
      if (until > covered) {
        const piece = pieceOf(frame, offset, covered, until, capturedEnd)
        pieces.splice(index, 0, piece)
        index++
        fresh += until - covered
        const held = piece.bytes.length + PIECE_OVERHEAD_BYTES
        datagram.heldBytes += held
        this.#bytes += held
      }
      if (next === undefined || next.start >= wireEnd) break
      differs ||= !same(next, frame, offset, Math.max(next.start, offset), Math.min(next.end, capturedEnd))
      covered = next.end
      index++
    }
    datagram.coveredBytes += fresh
    if (fresh === 0 && !differs) frame.counters.duplicateFragments++
    else if (fresh < wireEnd - offset) frame.counters.overlappingFragments++
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

  #retire(datagram: PartialDatagram, frame: Frame): void {
    this.#bytes -= datagram.heldBytes
    datagram.heldBytes = 0
    datagram.pieces = []
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
    this.#bytes -= datagram.heldBytes
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

/** Datagram bytes [from, to) of the fragment that begins at `offset` and was captured up to `capturedEnd`. */
function pieceOf(frame: Frame, offset: number, from: number, to: number, capturedEnd: number): Piece {
  // A buffer of its own: a small slice of Node's pool would keep the whole pool alive.
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(to, capturedEnd) - from))
  const source = frame.at - offset + from
  if (bytes.length > 0) frame.buf.copy(bytes, 0, source, source + bytes.length)
  return new Piece(from, to, bytes)
}

/** Whether the fragment that begins at `offset` repeats what `piece` has at [from, to), as far as both were captured. */
function same(piece: Piece, frame: Frame, offset: number, from: number, to: number): boolean {
  const end = Math.min(to, piece.start + piece.bytes.length)
  if (end <= from) return true
  const source = frame.at - offset
  return piece.bytes.compare(frame.buf, source + from, source + end, from - piece.start, end - piece.start) === 0
}

function hashOf(frame: Frame, identification: number, protocol: number): number {
  let hash = mixWord(mixWord(mixWord(HASH_SEED, identification), protocol), frame.place)
  hash = mixWord(mixWord(hash, frame.sourceWord3), frame.destinationWord3)
  if (frame.family === 4) return finishHash(hash)
  hash = mixWord(mixWord(mixWord(hash, frame.sourceWord0), frame.sourceWord1), frame.sourceWord2)
  return finishHash(
    mixWord(mixWord(mixWord(hash, frame.destinationWord0), frame.destinationWord1), frame.destinationWord2),
  )
}
