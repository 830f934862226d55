// The Huffman code of a block's literals (RFC 8878 §4.2).

import { BackwardBits, ZstdDamage } from './bits.ts'
import { readTable } from './fse-table.ts'

const MAXIMUM_BITS = 11
const MAXIMUM_WEIGHTS_ACCURACY = 6
const MAXIMUM_WEIGHTS = 255

export class HuffmanTable {
  readonly maximumBits: number
  /** Indexed by the next `maximumBits` bits: the symbol, and how many of these bits it takes. */
  readonly symbols: Uint8Array
  readonly bits: Uint8Array

  /** `weights` of all symbols but the last, which follows from them. */
  constructor(weights: readonly number[]) {
    let sum = 0
    for (const weight of weights) sum += weight === 0 ? 0 : 2 ** (weight - 1)
    const maximumBits = sum === 0 ? 0 : 32 - Math.clz32(sum)
    const rest = (1 << maximumBits) - sum
    if (maximumBits === 0 || maximumBits > MAXIMUM_BITS || (rest & (rest - 1)) !== 0) {
      throw new ZstdDamage('the weights make no code')
    }
    const all = [...weights, 32 - Math.clz32(rest)]
    this.maximumBits = maximumBits
    this.symbols = new Uint8Array(1 << maximumBits)
    this.bits = new Uint8Array(1 << maximumBits)
    let at = 0
    for (let weight = 1; weight <= maximumBits; weight++) {
      const places = 1 << (weight - 1)
      for (let symbol = 0; symbol < all.length; symbol++) {
        if (all[symbol] !== weight) continue
        this.symbols.fill(symbol, at, at + places)
        this.bits.fill(maximumBits + 1 - weight, at, at + places)
        at += places
      }
    }
  }

  /** Decodes `buf[start..end)` to exactly `into[from..to)`. */
  decode(buf: Uint8Array, start: number, end: number, into: Uint8Array, from: number, to: number): void {
    const { maximumBits, symbols, bits } = this
    stream.begin(buf, start, end)
    for (let at = from; at < to; at++) {
      const code = stream.peek(maximumBits)
      into[at] = symbols[code]!
      stream.left -= bits[code]!
    }
    if (stream.left !== 0) throw new ZstdDamage('literals do not end where they should')
  }
}

const stream = new BackwardBits()

export interface DescribedCode {
  readonly table: HuffmanTable
  /** Behind the description. */
  readonly end: number
}

export function readHuffmanTable(buf: Uint8Array, start: number, end: number): DescribedCode {
  if (start >= end) throw new ZstdDamage('a code is cut off')
  const head = buf[start]!
  const first = start + 1
  const behind = first + (head < 128 ? head : (head - 126) >> 1)
  if (behind > end) throw new ZstdDamage('a code is cut off')
  const weights = head < 128 ? packedWeights(buf, first, behind) : plainWeights(buf, first, head - 127)
  return { table: new HuffmanTable(weights), end: behind }
}

function plainWeights(buf: Uint8Array, start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const two = buf[start + (i >> 1)]!
    return i % 2 === 0 ? two >> 4 : two & 15
  })
}

/** Two states take turns, until the bits are used up. */
function packedWeights(buf: Uint8Array, start: number, end: number): number[] {
  const { table, end: behindTable } = readTable(buf, start, end, MAXIMUM_WEIGHTS_ACCURACY)
  stream.begin(buf, behindTable, end)
  const weights: number[] = []
  let state = stream.read(table.accuracy)
  let other = stream.read(table.accuracy)
  for (;;) {
    weights.push(table.symbols[state]!)
    if (weights.length >= MAXIMUM_WEIGHTS) throw new ZstdDamage('a code has too many symbols')
    state = table.next(state, stream)
    if (stream.left < 0) {
      weights.push(table.symbols[other]!)
      return weights
    }
    const turn = state
    state = other
    other = turn
  }
}
