// Open-addressing hash from (place, address family, 4-tuple) to a small number, in typed arrays: no string, no object and
// no allocation per lookup. Both directions of a connection have the same key, the endpoints being put in order first.

import { finishHash, HASH_SEED, mixWord } from '../core/hash.ts'
import type { Transport } from '../core/segment.ts'

/** Words of a key: hash, ports, place and family, the ends' lowest words, then the upper words of both (IPv6). */
const KEY_WORDS = 12
const FIRST_TABLE_SIZE = 1024

export class ConnectionIndex {
  /** After `find`: true when the segment's source is the end that sorts second. It differs between the two directions. */
  reversed = false
  /**
   * Slot + 1 by hash, 0 where empty. It grows with the number of connections, so that a small table stays in the processor's
   * cache.
   */
  #table: Int32Array
  #mask: number
  #size = 0
  readonly #keys: Int32Array
  /** The slot found last, or -1. Often the next packet is of the same connection, and then nothing has to be hashed. */
  #latest = -1
  // The key of the latest `find`.
  #hash = 0
  #ports = 0
  #placeFamily = 0
  #low = 0
  #high = 0

  /** Room for slots `0 … capacity - 1`. */
  constructor(capacity: number) {
    this.#table = new Int32Array(FIRST_TABLE_SIZE)
    this.#mask = FIRST_TABLE_SIZE - 1
    this.#keys = new Int32Array(capacity * KEY_WORDS)
  }

  /** For tests: how many places all keys together lie behind their own. It is the extra cost of looking up each key once. */
  get displacement(): number {
    let sum = 0
    for (const [place, entry] of this.#table.entries()) {
      if (entry !== 0) sum += (place - this.#keys[(entry - 1) * KEY_WORDS]!) & this.#mask
    }
    return sum
  }

  /** The slot under which the connection of `t` was added, or -1. Sets `reversed`. */
  find(t: Transport): number {
    const reversed =
      t.sourcePort !== t.destinationPort
        ? t.sourcePort > t.destinationPort
        : t.sourceWord3 !== t.destinationWord3
          ? t.sourceWord3 > t.destinationWord3
          : upperWordsReversed(t)
    this.reversed = reversed
    const ports = reversed ? (t.destinationPort << 16) | t.sourcePort : (t.sourcePort << 16) | t.destinationPort
    const low = reversed ? t.destinationWord3 : t.sourceWord3
    const high = reversed ? t.sourceWord3 : t.destinationWord3
    const six = t.family === 6
    const placeFamily = (t.place << 1) | (six ? 1 : 0)
    this.#ports = ports
    this.#placeFamily = placeFamily
    this.#low = low
    this.#high = high
    const keys = this.#keys
    const latest = this.#latest
    if (latest >= 0 && !six) {
      const k = latest * KEY_WORDS
      if (keys[k + 1] === ports && keys[k + 3] === low && keys[k + 4] === high && keys[k + 2] === placeFamily) {
        this.#hash = keys[k]!
        return latest
      }
    }
    let hash = mixWord(mixWord(mixWord(mixWord(HASH_SEED, ports), low), high), placeFamily)
    if (six) hash = mixUpper(hash, t, !reversed)
    hash = finishHash(hash)
    this.#hash = hash
    const table = this.#table
    const mask = this.#mask
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const entry = table[i]!
      if (entry === 0) return -1
      const k = (entry - 1) * KEY_WORDS
      if (
        keys[k] === hash &&
        keys[k + 1] === ports &&
        keys[k + 2] === placeFamily &&
        keys[k + 3] === low &&
        keys[k + 4] === high &&
        (!six || this.#upperWordsEqual(k, t, reversed))
      ) {
        this.#latest = entry - 1
        return entry - 1
      }
    }
  }

  /** Adds the key that `find` has just missed, for the same `t`, under a free slot. */
  add(slot: number, t: Transport): void {
    const keys = this.#keys
    const k = slot * KEY_WORDS
    keys[k] = this.#hash
    keys[k + 1] = this.#ports
    keys[k + 2] = this.#placeFamily
    keys[k + 3] = this.#low
    keys[k + 4] = this.#high
    if (t.family === 6) {
      const source = this.reversed ? k + 8 : k + 5
      const destination = this.reversed ? k + 5 : k + 8
      keys[source] = t.sourceWord0
      keys[source + 1] = t.sourceWord1
      keys[source + 2] = t.sourceWord2
      keys[destination] = t.destinationWord0
      keys[destination + 1] = t.destinationWord1
      keys[destination + 2] = t.destinationWord2
    } else {
      keys.fill(0, k + 5, k + 11)
    }
    this.#link(slot)
  }

  /** Adds the key of `otherSlot` in `other` under a free slot. The key must not be in this index. */
  addFrom(slot: number, other: ConnectionIndex, otherSlot: number): void {
    const from = otherSlot * KEY_WORDS
    const to = slot * KEY_WORDS
    for (let i = 0; i < KEY_WORDS; i++) this.#keys[to + i] = other.#keys[from + i]!
    this.#link(slot)
  }

  /** The slot that has the key of `otherSlot` in `other`, or -1. */
  findFrom(other: ConnectionIndex, otherSlot: number): number {
    const from = otherSlot * KEY_WORDS
    for (let i = other.#keys[from]! & this.#mask; ; i = (i + 1) & this.#mask) {
      const entry = this.#table[i]!
      if (entry === 0) return -1
      const k = (entry - 1) * KEY_WORDS
      let word = 0
      while (word < KEY_WORDS && this.#keys[k + word] === other.#keys[from + word]) word++
      if (word === KEY_WORDS) return entry - 1
    }
  }

  /** Takes a slot out. The entries that follow it without a gap move up, so no tombstones are needed. */
  remove(slot: number): void {
    const table = this.#table
    const mask = this.#mask
    if (slot === this.#latest) this.#latest = -1
    let hole = this.#keys[slot * KEY_WORDS]! & mask
    while (table[hole] !== slot + 1) hole = (hole + 1) & mask
    for (let i = (hole + 1) & mask; ; i = (i + 1) & mask) {
      const entry = table[i]!
      if (entry === 0) break
      const home = this.#keys[(entry - 1) * KEY_WORDS]! & mask
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        table[hole] = entry
        hole = i
      }
    }
    table[hole] = 0
    this.#size--
  }

  #link(slot: number): void {
    if (++this.#size * 2 > this.#table.length) this.#grow()
    this.#put(slot)
  }

  #grow(): void {
    const before = this.#table
    this.#table = new Int32Array(before.length * 2)
    this.#mask = this.#table.length - 1
    for (const entry of before) if (entry !== 0) this.#put(entry - 1)
  }

  #put(slot: number): void {
    let i = this.#keys[slot * KEY_WORDS]! & this.#mask
    while (this.#table[i] !== 0) i = (i + 1) & this.#mask
    this.#table[i] = slot + 1
  }

  #upperWordsEqual(k: number, t: Transport, reversed: boolean): boolean {
    const keys = this.#keys
    const source = reversed ? k + 8 : k + 5
    const destination = reversed ? k + 5 : k + 8
    return (
      keys[source] === t.sourceWord0 &&
      keys[source + 1] === t.sourceWord1 &&
      keys[source + 2] === t.sourceWord2 &&
      keys[destination] === t.destinationWord0 &&
      keys[destination + 1] === t.destinationWord1 &&
      keys[destination + 2] === t.destinationWord2
    )
  }
}

function upperWordsReversed(t: Transport): boolean {
  if (t.sourceWord2 !== t.destinationWord2) return t.sourceWord2 > t.destinationWord2
  if (t.sourceWord1 !== t.destinationWord1) return t.sourceWord1 > t.destinationWord1
  return t.sourceWord0 > t.destinationWord0
}

function mixUpper(hash: number, t: Transport, sourceFirst: boolean): number {
  if (sourceFirst) {
    const half = mixWord(mixWord(mixWord(hash, t.sourceWord0), t.sourceWord1), t.sourceWord2)
    return mixWord(mixWord(mixWord(half, t.destinationWord0), t.destinationWord1), t.destinationWord2)
  }
  const half = mixWord(mixWord(mixWord(hash, t.destinationWord0), t.destinationWord1), t.destinationWord2)
  return mixWord(mixWord(mixWord(half, t.sourceWord0), t.sourceWord1), t.sourceWord2)
}
