// Tables of finite state entropy (RFC 8878 §4.1).

import { type BackwardBits, ZstdDamage } from './bits.ts'

const MAXIMUM_SYMBOLS = 256

export class FseTable {
  /** States: 2 ** accuracy. */
  readonly accuracy: number
  /** By state: what it stands for, how many bits follow, and what they are added to. */
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
  readonly bases: Uint16Array

  constructor(accuracy: number) {
    const states = 1 << accuracy
    this.accuracy = accuracy
    this.symbols = new Uint8Array(states)
    this.bits = new Uint8Array(states)
    this.bases = new Uint16Array(states)
  }

  next(state: number, stream: BackwardBits): number {
    return this.bases[state]! + stream.read(this.bits[state]!)
  }
}

/** The table of a single symbol. */
export function singleSymbol(symbol: number): FseTable {
  const table = new FseTable(0)
  table.symbols[0] = symbol
  return table
}

/** From the probability of each symbol, in shares of the states; -1: less than one. They make up all states. */
export function buildTable(accuracy: number, shares: ArrayLike<number>): FseTable {
  const table = new FseTable(accuracy)
  const states = 1 << accuracy
  const following = new Uint16Array(shares.length)
  let highest = states - 1
  for (let symbol = 0; symbol < shares.length; symbol++) {
    following[symbol] = Math.abs(shares[symbol]!)
    if (shares[symbol] === -1) table.symbols[highest--] = symbol
  }
  const step = (states >> 1) + (states >> 3) + 3
  let at = 0
  for (let symbol = 0; symbol < shares.length; symbol++) {
    for (let i = 0; i < shares[symbol]!; i++) {
      table.symbols[at] = symbol
      do at = (at + step) & (states - 1)
      while (at > highest)
    }
  }
  if (at !== 0) throw new ZstdDamage('a table does not come out even')
  for (let state = 0; state < states; state++) {
    const next = following[table.symbols[state]!]!++
    const bits = accuracy - (31 - Math.clz32(next))
    table.bits[state] = bits
    table.bases[state] = (next << bits) - states
  }
  return table
}

export interface DescribedTable {
  readonly table: FseTable
  /** Index behind the description. */
  readonly end: number
}

/** Reads the description of a table at `buf[start..end)`. */
export function readTable(buf: Uint8Array, start: number, end: number, maximumAccuracy: number): DescribedTable {
  let position = start * 8
  const read = (count: number): number => {
    const at = position >> 3
    const three = (buf[at] ?? 0) | ((buf[at + 1] ?? 0) << 8) | ((buf[at + 2] ?? 0) << 16)
    const value = (three >>> (position & 7)) & ((1 << count) - 1)
    position += count
    if (position > end * 8) throw new ZstdDamage('a table is cut off')
    return value
  }
  const accuracy = read(4) + 5
  if (accuracy > maximumAccuracy) throw new ZstdDamage('a table is too large')
  const shares: number[] = []
  for (let left = 1 << accuracy; left > 0; ) {
    if (shares.length >= MAXIMUM_SYMBOLS) throw new ZstdDamage('a table has too many symbols')
    const share = readShare(left, read, () => position--)
    left -= Math.abs(share)
    shares.push(share)
    if (share !== 0) continue
    for (let more = 3; more === 3 && shares.length < MAXIMUM_SYMBOLS; ) {
      more = read(2)
      for (let i = 0; i < more; i++) shares.push(0)
    }
  }
  return { table: buildTable(accuracy, shares), end: (position + 7) >> 3 }
}

/** Small values take one bit less when not all values can still occur. */
function readShare(left: number, read: (count: number) => number, putOneBack: () => void): number {
  const count = 32 - Math.clz32(left + 1)
  const half = 1 << (count - 1)
  const short = (1 << count) - 1 - (left + 1)
  const value = read(count)
  const low = value & (half - 1)
  let share: number
  if (low < short) {
    putOneBack()
    share = low - 1
  } else share = (value >= half ? value - short : value) - 1
  if (Math.abs(share) > left) throw new ZstdDamage('a table gives away more than there is')
  return share
}
