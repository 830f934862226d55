// A compressed block of zstd (RFC 8878 §3.1.1.3): literals, and sequences that say how to build the output from them and from
// earlier output.

import { BackwardBits, ZstdDamage } from './bits.ts'
import { type FseTable, readTable, singleSymbol } from './fse-table.ts'
import { type HuffmanTable, readHuffmanTable } from './huffman-table.ts'
import { LITERAL_LENGTHS, MATCH_LENGTHS, OFFSETS, type SequenceCodes } from './sequence-codes.ts'

export const MAXIMUM_BLOCK_BYTES = 128 * 1024

// Kinds of literals, and of tables.
const RAW = 0
const RLE = 1
const COMPRESSED = 2
const REPEATED = 3

/** Literals of the block that is being decoded; all streams share this memory. */
const literals = new Uint8Array(MAXIMUM_BLOCK_BYTES)
const stream = new BackwardBits()

/** What the blocks of a frame leave to the next ones. */
export class BlockDecoder {
  #literalBytes = 0
  #huffman: HuffmanTable | undefined = undefined
  #literalLengths: FseTable | undefined = undefined
  #offsets: FseTable | undefined = undefined
  #matchLengths: FseTable | undefined = undefined
  readonly #recentOffsets = [1, 4, 8]
  #at = 0

  beginFrame(): void {
    this.#huffman = undefined
    this.#literalLengths = undefined
    this.#offsets = undefined
    this.#matchLengths = undefined
    this.#recentOffsets[0] = 1
    this.#recentOffsets[1] = 4
    this.#recentOffsets[2] = 8
  }

  /**
   * Decodes the block `buf[start..end)` to `history[position..)`, where there is room for MAXIMUM_BLOCK_BYTES, and returns
   * the index behind it. `reach`: how far back of `position` the frame's own bytes may be asked for. `buf` may be read
   * behind `end`. Throws ZstdDamage.
   */
  decode(
    buf: Uint8Array,
    start: number,
    end: number,
    history: Uint8Array,
    position: number,
    reach: number,
    windowBytes: number,
  ): number {
    this.#readLiterals(buf, start, end)
    const count = this.#readCount(buf, end)
    let literal = 0
    let at = position
    const most = position + MAXIMUM_BLOCK_BYTES
    if (count > 0) {
      this.#readTables(buf, end)
      const lengths = this.#literalLengths!
      const offsets = this.#offsets!
      const matches = this.#matchLengths!
      stream.begin(buf, this.#at, end)
      let lengthState = stream.read(lengths.accuracy)
      let offsetState = stream.read(offsets.accuracy)
      let matchState = stream.read(matches.accuracy)
      for (let left = count; ; ) {
        const offsetCode = offsets.symbols[offsetState]!
        const offsetValue = numberOf(OFFSETS, offsetCode, stream)
        const matchBytes = numberOf(MATCH_LENGTHS, matches.symbols[matchState]!, stream)
        const literalBytes = numberOf(LITERAL_LENGTHS, lengths.symbols[lengthState]!, stream)
        const offset = this.#offsetOf(offsetValue, literalBytes === 0)
        if (literal + literalBytes > this.#literalBytes || at + literalBytes + matchBytes > most) {
          throw new ZstdDamage('a sequence is too long')
        }
        for (let i = 0; i < literalBytes; i++) history[at + i] = literals[literal + i]!
        literal += literalBytes
        at += literalBytes
        if (offset > Math.min(reach + at - position, windowBytes)) throw new ZstdDamage('a match lies too far back')
        copyMatch(history, at, offset, matchBytes)
        at += matchBytes
        if (--left === 0) break
        lengthState = lengths.next(lengthState, stream)
        matchState = matches.next(matchState, stream)
        offsetState = offsets.next(offsetState, stream)
        if (stream.left < 0) throw new ZstdDamage('sequences are cut off')
      }
      if (stream.left !== 0) throw new ZstdDamage('sequences do not end where they should')
    }
    const rest = this.#literalBytes - literal
    if (at + rest > most) throw new ZstdDamage('a block is too long')
    history.set(literals.subarray(literal, this.#literalBytes), at)
    return at + rest
  }

  #readLiterals(buf: Uint8Array, start: number, end: number): void {
    if (start >= end) throw new ZstdDamage('a block is empty')
    const head = buf[start]!
    const kind = head & 3
    const format = (head >> 2) & 3
    const compressed = kind >= COMPRESSED
    const headBytes = compressed ? [3, 3, 4, 5][format]! : [1, 2, 1, 3][format]!
    if (start + headBytes > end) throw new ZstdDamage('a block is cut off')
    let bits = 0
    for (let i = headBytes - 1; i >= 0; i--) bits = bits * 256 + buf[start + i]!
    const first = start + headBytes
    if (!compressed) {
      const bytes = Math.floor(bits / (format % 2 === 0 ? 8 : 16))
      const stored = kind === RAW ? bytes : 1
      if (bytes > MAXIMUM_BLOCK_BYTES || first + stored > end) throw new ZstdDamage('there are too many literals')
      if (kind === RAW) literals.set(buf.subarray(first, first + bytes))
      else literals.fill(buf[first]!, 0, bytes)
      this.#literalBytes = bytes
      this.#at = first + stored
      return
    }
    const sizeBits = [10, 10, 14, 18][format]!
    const bytes = Math.floor(bits / 16) % 2 ** sizeBits
    const behind = first + (Math.floor(bits / 2 ** (4 + sizeBits)) % 2 ** sizeBits)
    if (bytes > MAXIMUM_BLOCK_BYTES || behind > end) throw new ZstdDamage('there are too many literals')
    let from = first
    if (kind !== REPEATED) {
      const described = readHuffmanTable(buf, first, behind)
      this.#huffman = described.table
      from = described.end
    }
    if (this.#huffman === undefined) throw new ZstdDamage('there is no code to repeat')
    if (format === 0) this.#huffman.decode(buf, from, behind, literals, 0, bytes)
    else this.#decodeFour(this.#huffman, buf, from, behind, bytes)
    this.#literalBytes = bytes
    this.#at = behind
  }

  #decodeFour(huffman: HuffmanTable, buf: Uint8Array, start: number, end: number, bytes: number): void {
    const quarter = (bytes + 3) >> 2
    if (start + 6 > end || bytes < 6) throw new ZstdDamage('literals are cut off')
    let from = start + 6
    for (let i = 0; i < 4; i++) {
      const at = start + 2 * i
      const to = i === 3 ? end : from + (buf[at]! | (buf[at + 1]! << 8))
      if (to > end) throw new ZstdDamage('literals are cut off')
      huffman.decode(buf, from, to, literals, quarter * i, i === 3 ? bytes : quarter * (i + 1))
      from = to
    }
  }

  /** How many sequences there are. */
  #readCount(buf: Uint8Array, end: number): number {
    const at = this.#at
    const head = at < end ? buf[at]! : -1
    const bytes = head < 128 ? 1 : head < 255 ? 2 : 3
    if (head < 0 || at + bytes > end) throw new ZstdDamage('a block is cut off')
    this.#at = at + bytes
    if (head < 128) {
      if (head === 0 && this.#at !== end) throw new ZstdDamage('something follows a block')
      return head
    }
    if (head < 255) return ((head - 128) << 8) + buf[at + 1]!
    return buf[at + 1]! + (buf[at + 2]! << 8) + 0x7f00
  }

  #readTables(buf: Uint8Array, end: number): void {
    const modes = this.#at < end ? buf[this.#at++]! : 3
    if ((modes & 3) !== 0) throw new ZstdDamage('a block has unknown tables')
    this.#literalLengths = this.#readOne(modes >> 6, LITERAL_LENGTHS, this.#literalLengths, buf, end)
    this.#offsets = this.#readOne((modes >> 4) & 3, OFFSETS, this.#offsets, buf, end)
    this.#matchLengths = this.#readOne((modes >> 2) & 3, MATCH_LENGTHS, this.#matchLengths, buf, end)
  }

  #readOne(kind: number, codes: SequenceCodes, before: FseTable | undefined, buf: Uint8Array, end: number): FseTable {
    if (kind === RAW) return codes.usual
    if (kind === RLE) {
      if (this.#at >= end) throw new ZstdDamage('a block is cut off')
      return singleSymbol(buf[this.#at++]!)
    }
    if (kind === REPEATED) {
      if (before === undefined) throw new ZstdDamage('there is no table to repeat')
      return before
    }
    const described = readTable(buf, this.#at, end, codes.maximumAccuracy)
    this.#at = described.end
    return described.table
  }

  /** One of the latest three, or a new one (§3.1.1.5). */
  #offsetOf(value: number, noLiterals: boolean): number {
    const recent = this.#recentOffsets
    const [first, second, third] = recent as [number, number, number]
    const which = value > 3 ? 3 : value - 1 + (noLiterals ? 1 : 0)
    if (which === 0) return first
    const offset = value > 3 ? value - 3 : which === 1 ? second : which === 2 ? third : first - 1
    if (offset === 0) throw new ZstdDamage('a match is with itself')
    if (which > 1) recent[2] = second
    recent[1] = first
    recent[0] = offset
    return offset
  }
}

function numberOf(codes: SequenceCodes, code: number, stream: BackwardBits): number {
  const base = codes.bases[code]
  if (base === undefined) throw new ZstdDamage('a code is unknown')
  return base + stream.read(codes.extraBits[code]!)
}

/** A match may overlap itself: then it repeats what it has just written. */
function copyMatch(history: Uint8Array, at: number, offset: number, bytes: number): void {
  if (offset >= bytes && bytes > 32) history.copyWithin(at, at - offset, at - offset + bytes)
  else for (let i = at; i < at + bytes; i++) history[i] = history[i - offset]!
}
