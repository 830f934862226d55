// DEFLATE (RFC 1951) as a synchronous stream: bytes go in as they come off the wire and everything that they determine
// comes out at once. Node's zlib streams are asynchronous and its synchronous calls want the whole body, so neither can
// show a server-sent event when it happens; nor do they say how far a damaged body could be read.

const WINDOW_BYTES = 32768
const OUTPUT_BYTES = 65536
/** Codes up to this long are found by one look into a table; longer ones are rare and counted out. */
const TABLE_BITS = 10

const BLOCK_HEADER = 0
const STORED_LENGTH = 1
const STORED_CHECK = 2
const STORED_BYTES = 3
const CODE_COUNTS = 4
const CODE_LENGTH_LENGTHS = 5
const CODE_LENGTHS = 6
const SYMBOL = 7
const DISTANCE = 8
const DISTANCE_EXTRA = 9
const DONE = 10
const FAILED = 11

/** Answers of `#peek`, which otherwise gives symbol << 4 | length. */
const NEED_INPUT = -1
const BAD_CODE = -2

const LENGTH_BASE = new Uint16Array([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
])
const LENGTH_EXTRA_BITS = new Uint8Array([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
])
const DISTANCE_BASE = new Uint16Array([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
])
const DISTANCE_EXTRA_BITS = new Uint8Array([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
])
const CODE_LENGTH_ORDER = new Uint8Array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])

/** A canonical Huffman code: RFC 1951 §3.2.2. */
class HuffmanCode {
  /** Indexed by the next TABLE_BITS bits: symbol << 4 | length; 0 where the code is longer or there is none. */
  readonly table = new Uint16Array(1 << TABLE_BITS)
  readonly counts = new Uint16Array(16)
  /** Symbols in order of their codes. */
  readonly symbols = new Uint16Array(288)

  /** False when the lengths are no usable code: more codes than fit, or gaps beyond the one that RFC 1951 allows. */
  build(lengths: Uint8Array, from: number, to: number): boolean {
    const { table, counts, symbols } = this
    counts.fill(0)
    for (let i = from; i < to; i++) counts[lengths[i]!]!++
    const used = to - from - counts[0]!
    counts[0] = 0
    let left = 1
    const firsts = new Uint16Array(16)
    const offsets = new Uint16Array(16)
    for (let length = 1, first = 0; length < 16; length++) {
      left = (left << 1) - counts[length]!
      if (left < 0) return false
      firsts[length] = first
      first = (first + counts[length]!) << 1
      if (length < 15) offsets[length + 1] = offsets[length]! + counts[length]!
    }
    if (left > 0 && used > 1) return false
    table.fill(0)
    for (let i = from; i < to; i++) {
      const length = lengths[i]!
      if (length === 0) continue
      const symbol = i - from
      const code = firsts[length]!
      firsts[length] = code + 1
      symbols[offsets[length]!] = symbol
      offsets[length]!++
      if (length > TABLE_BITS) continue
      let reversed = 0
      for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit)
      for (let index = reversed; index < 1 << TABLE_BITS; index += 1 << length) table[index] = (symbol << 4) | length
    }
    return true
  }
}

function fixedCode(lengths: Uint8Array): HuffmanCode {
  const code = new HuffmanCode()
  code.build(lengths, 0, lengths.length)
  return code
}

// 30 and 31 take part in the fixed distance code though they never occur in data.
const FIXED_DISTANCES = fixedCode(new Uint8Array(32).fill(5))
const FIXED_LITERALS = fixedCode(
  new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280, 288),
)

const NO_INPUT = Buffer.alloc(0)

/** One raw DEFLATE stream. Never throws; once `done` or `failed` it takes no more input. */
export class Inflater {
  readonly #write: (buf: Buffer, start: number, end: number) => void
  #input: Buffer
  #position: number
  #inputEnd: number
  /** Output with at least the last 32 KiB of history before it. */
  readonly #output: Buffer
  #outputEnd: number
  #writtenEnd: number
  #state: number
  #final: boolean
  /** Bits taken from the input and not yet used, lowest first; never more than 24, to stay a small integer. */
  #hold: number
  #bits: number
  /** Of a stored block: bytes left. Of a match: its length. */
  #remaining: number
  #distanceSymbol: number
  #literalCount: number
  #distanceCount: number
  #codeLengthCount: number
  #index: number
  readonly #lengths: Uint8Array
  readonly #codeLengths: HuffmanCode
  readonly #ownLiterals: HuffmanCode
  readonly #ownDistances: HuffmanCode
  #literals: HuffmanCode
  #distances: HuffmanCode

  /** `write` gets the output in pieces of up to 64 KiB, lent. */
  constructor(write: (buf: Buffer, start: number, end: number) => void) {
    this.#write = write
    this.#input = NO_INPUT
    this.#position = 0
    this.#inputEnd = 0
    this.#output = Buffer.allocUnsafe(OUTPUT_BYTES)
    this.#outputEnd = 0
    this.#writtenEnd = 0
    this.#state = BLOCK_HEADER
    this.#final = false
    this.#hold = 0
    this.#bits = 0
    this.#remaining = 0
    this.#distanceSymbol = 0
    this.#literalCount = 0
    this.#distanceCount = 0
    this.#codeLengthCount = 0
    this.#index = 0
    this.#lengths = new Uint8Array(320)
    this.#codeLengths = new HuffmanCode()
    this.#ownLiterals = new HuffmanCode()
    this.#ownDistances = new HuffmanCode()
    this.#literals = FIXED_LITERALS
    this.#distances = FIXED_DISTANCES
  }

  /** The final block has ended. */
  get done(): boolean {
    return this.#state === DONE
  }

  /** The input is no DEFLATE stream, or `stop` was called. */
  get failed(): boolean {
    return this.#state === FAILED
  }

  /** Ends it, also from within `write`. */
  stop(): void {
    this.#state = FAILED
  }

  /** Makes it ready for another stream. */
  reset(): void {
    this.#outputEnd = 0
    this.#writtenEnd = 0
    this.#state = BLOCK_HEADER
    this.#final = false
    this.#hold = 0
    this.#bits = 0
  }

  /** Takes `buf[start..end)` and gives out all that follows from it. Returns the index behind the last byte used. */
  push(buf: Buffer, start: number, end: number): number {
    this.#input = buf
    this.#position = start
    this.#inputEnd = end
    while (this.#state < DONE && this.#advance()) {
      // one step after the other
    }
    if (this.#state === DONE) {
      // Whole bytes still held came with this push: what was left of earlier ones did not suffice for its first step.
      this.#position -= this.#bits >> 3
      this.#hold = 0
      this.#bits = 0
    }
    this.#writeOut()
    this.#input = NO_INPUT
    return this.#position
  }

  /** Does one step; false when there is too little input for it (nothing is lost then) or the stream has failed. */
  #advance(): boolean {
    switch (this.#state) {
      case BLOCK_HEADER:
        return this.#blockHeader()
      case STORED_LENGTH:
        if (!this.#fill(16)) return false
        this.#remaining = this.#take(16)
        this.#state = STORED_CHECK
        return true
      case STORED_CHECK:
        if (!this.#fill(16)) return false
        this.#state = this.#take(16) === (this.#remaining ^ 0xffff) ? STORED_BYTES : FAILED
        return true
      case STORED_BYTES:
        return this.#storedBytes()
      case CODE_COUNTS:
        return this.#codeCounts()
      case CODE_LENGTH_LENGTHS:
        return this.#codeLengthLengths()
      case CODE_LENGTHS:
        return this.#readCodeLengths()
      case SYMBOL:
        return this.#symbol()
      case DISTANCE:
        return this.#distance()
      default:
        return this.#match()
    }
  }

  /** True when `count` bits, at most 20, are held. */
  #fill(count: number): boolean {
    while (this.#bits < count) {
      if (this.#position >= this.#inputEnd) return false
      this.#hold |= this.#input[this.#position++]! << this.#bits
      this.#bits += 8
    }
    return true
  }

  /** Takes bits that are held. */
  #take(count: number): number {
    const value = this.#hold & ((1 << count) - 1)
    this.#hold >>>= count
    this.#bits -= count
    return value
  }

  /** The next symbol << 4 | its code's length, still held; or NEED_INPUT or BAD_CODE. */
  #peek(code: HuffmanCode): number {
    for (;;) {
      const entry = code.table[this.#hold & ((1 << TABLE_BITS) - 1)]!
      if (entry !== 0 && (entry & 15) <= this.#bits) return entry
      if (entry === 0 && this.#bits > TABLE_BITS) {
        const long = countOut(code, this.#hold, this.#bits)
        if (long >= 0) return long
        if (this.#bits >= 15) return BAD_CODE
      }
      if (!this.#fill(this.#bits + 1)) return NEED_INPUT
    }
  }

  #fail(): boolean {
    this.#state = FAILED
    return false
  }

  #endBlock(): boolean {
    this.#state = this.#final ? DONE : BLOCK_HEADER
    return true
  }

  #blockHeader(): boolean {
    if (!this.#fill(3)) return false
    this.#final = this.#take(1) === 1
    const type = this.#take(2)
    if (type === 3) return this.#fail()
    if (type === 0) {
      this.#take(this.#bits & 7)
      this.#state = STORED_LENGTH
    } else if (type === 1) {
      this.#literals = FIXED_LITERALS
      this.#distances = FIXED_DISTANCES
      this.#state = SYMBOL
    } else {
      this.#state = CODE_COUNTS
    }
    return true
  }

  #storedBytes(): boolean {
    if (this.#remaining === 0) return this.#endBlock()
    if (this.#outputEnd === OUTPUT_BYTES && !this.#makeRoom()) return false
    if (this.#bits >= 8) {
      this.#output[this.#outputEnd++] = this.#take(8)
      this.#remaining--
      return true
    }
    const count = Math.min(this.#remaining, this.#inputEnd - this.#position, OUTPUT_BYTES - this.#outputEnd)
    if (count === 0) return false
    this.#input.copy(this.#output, this.#outputEnd, this.#position, this.#position + count)
    this.#position += count
    this.#outputEnd += count
    this.#remaining -= count
    return true
  }

  #codeCounts(): boolean {
    if (!this.#fill(14)) return false
    this.#literalCount = this.#take(5) + 257
    this.#distanceCount = this.#take(5) + 1
    this.#codeLengthCount = this.#take(4) + 4
    if (this.#literalCount > 286 || this.#distanceCount > 30) return this.#fail()
    this.#index = 0
    this.#lengths.fill(0, 0, 19)
    this.#state = CODE_LENGTH_LENGTHS
    return true
  }

  #codeLengthLengths(): boolean {
    while (this.#index < this.#codeLengthCount) {
      if (!this.#fill(3)) return false
      this.#lengths[CODE_LENGTH_ORDER[this.#index++]!] = this.#take(3)
    }
    if (!this.#codeLengths.build(this.#lengths, 0, 19)) return this.#fail()
    this.#index = 0
    this.#state = CODE_LENGTHS
    return true
  }

  #readCodeLengths(): boolean {
    const lengths = this.#lengths
    const total = this.#literalCount + this.#distanceCount
    while (this.#index < total) {
      const entry = this.#peek(this.#codeLengths)
      if (entry < 0) return entry === BAD_CODE && this.#fail()
      const symbol = entry >> 4
      const codeBits = entry & 15
      if (symbol < 16) {
        this.#take(codeBits)
        lengths[this.#index++] = symbol
        continue
      }
      const extraBits = symbol === 16 ? 2 : symbol === 17 ? 3 : 7
      if (!this.#fill(codeBits + extraBits)) return false
      this.#take(codeBits)
      const repeat = this.#take(extraBits) + (symbol === 18 ? 11 : 3)
      if (this.#index + repeat > total || (symbol === 16 && this.#index === 0)) return this.#fail()
      lengths.fill(symbol === 16 ? lengths[this.#index - 1]! : 0, this.#index, this.#index + repeat)
      this.#index += repeat
    }
    const complete =
      lengths[256] !== 0 && // a block without an end
      this.#ownLiterals.build(lengths, 0, this.#literalCount) &&
      this.#ownDistances.build(lengths, this.#literalCount, total)
    if (!complete) return this.#fail()
    this.#literals = this.#ownLiterals
    this.#distances = this.#ownDistances
    this.#state = SYMBOL
    return true
  }

  /** One literal or the length of a match. */
  #symbol(): boolean {
    if (OUTPUT_BYTES - this.#outputEnd < 258 && !this.#makeRoom()) return false
    this.#runFast()
    if (this.#state !== SYMBOL || OUTPUT_BYTES - this.#outputEnd < 258) return true
    const entry = this.#peek(this.#literals)
    if (entry < 0) return entry === BAD_CODE && this.#fail()
    const symbol = entry >> 4
    const codeBits = entry & 15
    if (symbol <= 256) {
      this.#take(codeBits)
      if (symbol === 256) return this.#endBlock()
      this.#output[this.#outputEnd++] = symbol
      return true
    }
    if (symbol > 285) return this.#fail()
    const extraBits = LENGTH_EXTRA_BITS[symbol - 257]!
    if (!this.#fill(codeBits + extraBits)) return false
    this.#take(codeBits)
    this.#remaining = LENGTH_BASE[symbol - 257]! + this.#take(extraBits)
    this.#state = DISTANCE
    return true
  }

  #distance(): boolean {
    const entry = this.#peek(this.#distances)
    if (entry < 0) return entry === BAD_CODE && this.#fail()
    this.#distanceSymbol = entry >> 4
    this.#take(entry & 15)
    if (this.#distanceSymbol > 29) return this.#fail()
    this.#state = DISTANCE_EXTRA
    return true
  }

  #match(): boolean {
    const extraBits = DISTANCE_EXTRA_BITS[this.#distanceSymbol]!
    if (!this.#fill(extraBits)) return false
    const distance = DISTANCE_BASE[this.#distanceSymbol]! + this.#take(extraBits)
    if (distance > this.#outputEnd) return this.#fail()
    this.#outputEnd = copyMatch(this.#output, this.#outputEnd, distance, this.#remaining)
    this.#state = SYMBOL
    return true
  }

  /**
   * The bulk of the work: symbols whose codes are in the tables, while there is input and room for whole ones. Stops
   * before anything unusual and leaves it to the careful steps.
   */
  #runFast(): void {
    const input = this.#input
    const lastStart = this.#inputEnd - 12
    const output = this.#output
    const literals = this.#literals.table
    const distances = this.#distances.table
    const mask = (1 << TABLE_BITS) - 1
    let hold = this.#hold
    let bits = this.#bits
    let position = this.#position
    let outputEnd = this.#outputEnd
    while (position <= lastStart && outputEnd <= OUTPUT_BYTES - 258) {
      for (; bits < 17; bits += 8) hold |= input[position++]! << bits
      const entry = literals[hold & mask]!
      const symbol = entry >> 4
      if (entry === 0 || symbol === 256 || symbol > 285) break
      hold >>>= entry & 15
      bits -= entry & 15
      if (symbol < 256) {
        output[outputEnd++] = symbol
        continue
      }
      const lengthBits = LENGTH_EXTRA_BITS[symbol - 257]!
      const length = LENGTH_BASE[symbol - 257]! + (hold & ((1 << lengthBits) - 1))
      hold >>>= lengthBits
      bits -= lengthBits
      for (; bits < 17; bits += 8) hold |= input[position++]! << bits
      const distanceEntry = distances[hold & mask]!
      const distanceSymbol = distanceEntry >> 4
      if (distanceEntry === 0 || distanceSymbol > 29) {
        this.#remaining = length
        this.#state = DISTANCE
        break
      }
      hold >>>= distanceEntry & 15
      bits -= distanceEntry & 15
      for (; bits < 17; bits += 8) hold |= input[position++]! << bits
      const distanceBits = DISTANCE_EXTRA_BITS[distanceSymbol]!
      const distance = DISTANCE_BASE[distanceSymbol]! + (hold & ((1 << distanceBits) - 1))
      hold >>>= distanceBits
      bits -= distanceBits
      if (distance > outputEnd) {
        this.#state = FAILED
        break
      }
      outputEnd = copyMatch(output, outputEnd, distance, length)
    }
    this.#hold = hold
    this.#bits = bits
    this.#position = position
    this.#outputEnd = outputEnd
  }

  /** Gives out what is new and keeps the history. False when `stop` was called meanwhile. */
  #makeRoom(): boolean {
    this.#writeOut()
    if (this.#state === FAILED) return false
    this.#output.copyWithin(0, this.#outputEnd - WINDOW_BYTES, this.#outputEnd)
    this.#outputEnd = WINDOW_BYTES
    this.#writtenEnd = WINDOW_BYTES
    return true
  }

  #writeOut(): void {
    const from = this.#writtenEnd
    if (from === this.#outputEnd) return
    this.#writtenEnd = this.#outputEnd
    this.#write(this.#output, from, this.#outputEnd)
  }
}

/** Repeats `length` bytes from `distance` back; the two may overlap. Returns the new end. */
function copyMatch(output: Buffer, end: number, distance: number, length: number): number {
  if (length > 32 && distance >= length) {
    output.copyWithin(end, end - distance, end - distance + length)
    return end + length
  }
  let from = end - distance
  const stop = end + length
  let to = end
  while (to < stop) output[to++] = output[from++]!
  return stop
}

/** Finds a code longer than the table's by counting (RFC 1951 §3.2.2): symbol << 4 | length, or -1. */
function countOut(code: HuffmanCode, hold: number, bits: number): number {
  let value = 0
  let first = 0
  let index = 0
  for (let length = 1; length <= 15 && length <= bits; length++) {
    value |= (hold >> (length - 1)) & 1
    const count = code.counts[length]!
    if (value - first < count) return (code.symbols[index + value - first]! << 4) | length
    index += count
    first = (first + count) << 1
    value <<= 1
  }
  return -1
}
