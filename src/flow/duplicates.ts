// Recognises copies of one packet: a capture on `any`, or on several interfaces, sees a container's packet on its veth and
// again on the bridge.

import { finishHash, HASH_SEED, mixWord } from '../core/hash.ts'
import type { Datagram, Segment, Transport } from '../core/segment.ts'

/** Copies of a packet come within this time; a retransmission does not come so soon. */
const COPY_WINDOW_MICROS = 1000

/** Packets remembered: sets of four, far more than pass in a millisecond. */
const SETS = 4096
const WAYS = 4

/** Bytes of the payload's beginning, middle and end that are compared, by hash, besides its length. */
const SAMPLE_BYTES = 16

export interface DuplicateFilterOptions {
  /** True for `any`, where all copies have the same interface id; else copies come from different interfaces only. */
  readonly sameInterface: boolean
}

/**
 * A copy has the same place, addresses, ports, IP id, TCP numbers and flags and payload as a packet at most a millisecond
 * away. What differs between copies is not looked at: link-layer addresses, VLAN tag, hop limit. Remembers a bounded number
 * of packets. A genuine retransmission has another IP id; where that is always 0, it has at least the same interface.
 */
export class DuplicateFilter {
  /** Copies recognised so far. */
  count = 0
  readonly #sameInterface: boolean
  readonly #hashes = new Int32Array(SETS * WAYS)
  readonly #checks = new Int32Array(SETS * WAYS)
  readonly #interfaces = new Int32Array(SETS * WAYS)
  readonly #times = new Float64Array(SETS * WAYS).fill(Number.NEGATIVE_INFINITY)

  constructor(options: DuplicateFilterOptions) {
    this.#sameInterface = options.sameInterface
  }

  /** True when `s` is a copy of a segment that was asked about just before. Ask once for each segment. */
  isDuplicate(s: Segment): boolean {
    let hash = mixWord(HASH_SEED ^ 6, s.sequence)
    hash = mixWord(hash, s.acknowledgement)
    hash = mixWord(hash, (s.flags << 16) | s.window)
    return this.#isCopy(s, hash)
  }

  /** The same for a datagram. */
  isDuplicateDatagram(d: Datagram): boolean {
    return this.#isCopy(d, mixWord(HASH_SEED ^ 17, 0))
  }

  #isCopy(t: Transport, start: number): boolean {
    let hash = mixWord(start, t.sourceWord3)
    hash = mixWord(hash, t.destinationWord3)
    hash = mixWord(hash, (t.sourcePort << 16) | t.destinationPort)
    hash = mixWord(hash, (t.ipId << 16) | (t.payloadEnd - t.payloadStart))
    if (t.family === 6) hash = mixUpperWords(hash, t)
    hash = mixWord(hash, t.place)
    hash = mixPayload(hash, t.buf, t.payloadStart, t.payloadEnd)
    // A second hash makes 64 bits together, because nothing else of the packet is kept to compare.
    const check = finishHash(mixWord(Math.imul(hash, 31), start ^ t.sourceWord3 ^ Math.imul(t.ipId, 0x9e3779b1)))
    return this.#seen(finishHash(hash), check, t)
  }

  #seen(hash: number, check: number, t: Transport): boolean {
    const now = t.time.seconds * 1e6 + t.time.nanos / 1e3
    const times = this.#times
    const first = (hash & (SETS - 1)) * WAYS
    let place = first
    let found = false
    for (let i = first; i < first + WAYS; i++) {
      if (this.#hashes[i] !== hash || this.#checks[i] !== check) {
        if (!found && times[i]! < times[place]!) place = i
        continue
      }
      if (Math.abs(now - times[i]!) <= COPY_WINDOW_MICROS) {
        if (this.#sameInterface || this.#interfaces[i] !== t.interfaceId) {
          this.count++
          return true
        }
      }
      place = i
      found = true
    }
    this.#hashes[place] = hash
    this.#checks[place] = check
    this.#interfaces[place] = t.interfaceId
    times[place] = now
    return false
  }
}

function mixUpperWords(hash: number, t: Transport): number {
  const source = mixWord(mixWord(mixWord(hash, t.sourceWord0), t.sourceWord1), t.sourceWord2)
  return mixWord(mixWord(mixWord(source, t.destinationWord0), t.destinationWord1), t.destinationWord2)
}

function mixPayload(hash: number, buf: Buffer, start: number, end: number): number {
  const length = end - start
  if (length <= 3 * SAMPLE_BYTES) return mixBytes(hash, buf, start, end)
  const middle = start + (length >> 1)
  let mixed = mixBytes(hash, buf, start, start + SAMPLE_BYTES)
  mixed = mixBytes(mixed, buf, middle, middle + SAMPLE_BYTES)
  mixed = mixBytes(mixed, buf, end - SAMPLE_BYTES, end)
  return mixed
}

function mixBytes(hash: number, buf: Buffer, start: number, end: number): number {
  let mixed = hash
  let i = start
  for (; i + 4 <= end; i += 4) {
    mixed = mixWord(mixed, buf[i]! | (buf[i + 1]! << 8) | (buf[i + 2]! << 16) | (buf[i + 3]! << 24))
  }
  for (; i < end; i++) mixed = mixWord(mixed, buf[i]!)
  return mixed
}
