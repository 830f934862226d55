// Makes captured bytes harmless for a terminal. The rules are in sanitize-text.ts, and sanitize.wat does the work; here
// are the cases between deliveries: characters and CR LF that are cut in two.

import type { Arena } from '../../core/arena.ts'
import { isHiddenCharacter } from './sanitize-text.ts'
import { SANITIZE_MODULE_BASE64 } from './sanitize-wasm.ts'

const CR = 13
const LF = 10
const DOT = 46

/**
 * Most bytes that one call of `sanitize` takes from a buffer outside the arena; longer ones are taken in several
 * pieces.
 */
const SCRATCH_BYTES = 65536

/** How far the kernel may read past its input and write past its output. */
export const KERNEL_SLACK = 32

/** sanitize.wat's functions; addresses are offsets in the arena's memory. */
export interface SanitizeKernel {
  putConstants(at: number): void
  text(source: number, end: number, target: number, replacement: number, constants: number): void
  ascii(source: number, end: number, target: number, replacement: number): void
  json(source: number, end: number, target: number, constants: number): number
  paint(source: number, end: number, target: number, sequence: number, length: number, on: number): number
  readonly constantBytes: { readonly value: number }
  readonly on: { readonly value: number }
}

/** Compiles the kernel (about a millisecond) for one arena's memory. */
export function loadSanitizeKernel(arena: Arena): SanitizeKernel {
  return arena.instantiate<SanitizeKernel>(SANITIZE_MODULE_BASE64)
}

/**
 * Sanitises flows. TAB, LF and CR before LF pass; UTF-8 text passes unless `asciiOnly`; every other byte becomes one `.`
 * (so a hidden character of three bytes is three dots and lengths are kept).
 *
 * A flow's text may be cut anywhere: what cannot be judged yet (up to three bytes of a character, a CR at the end) waits
 * in `pending`, an Int32Array of the caller with one element a flow, 0 at the flow's beginning.
 */
export class Sanitizer {
  readonly #kernel: SanitizeKernel
  readonly #memory: ArrayBuffer
  readonly #memoryBytes: number
  readonly #constants: number
  readonly #scratch: Buffer
  readonly #asciiOnly: boolean
  /** The buffer used last, and its address: asking a Buffer for both costs more than comparing two buffers. */
  #sourceBuffer: Buffer
  #sourceAddress: number
  #targetBuffer: Buffer
  #targetAddress: number

  constructor(arena: Arena, kernel: SanitizeKernel, options: { asciiOnly: boolean }) {
    this.#kernel = kernel
    this.#memory = arena.memory.buffer
    this.#memoryBytes = arena.memory.buffer.byteLength
    const constants = arena.allocate(kernel.constantBytes.value)
    this.#constants = constants.byteOffset
    kernel.putConstants(this.#constants)
    this.#scratch = arena.allocate(SCRATCH_BYTES + KERNEL_SLACK)
    this.#asciiOnly = options.asciiOnly
    this.#sourceBuffer = this.#scratch
    this.#sourceAddress = this.#scratch.byteOffset
    this.#targetBuffer = this.#scratch
    this.#targetAddress = this.#scratch.byteOffset
  }

  /**
   * Room to leave in the output for `count` bytes of input: the bytes themselves, what was pending, and the kernel's
   * slack.
   */
  static bound(count: number): number {
    return count + 3 + KERNEL_SLACK
  }

  /**
   * Sanitises `buf[start..end)` of flow number `flow` into `out` (a buffer of the arena) from `position` on and returns
   * the position behind it. `bound(end - start)` bytes of `out` may be overwritten. No copy when `buf` is the arena's.
   */
  sanitize(
    pending: Int32Array,
    flow: number,
    buf: Buffer,
    start: number,
    end: number,
    out: Buffer,
    position: number,
  ): number {
    let from = start
    let at = position
    if (pending[flow] !== 0) {
      from = this.#resume(pending, flow, buf, start, end, out, position)
      at = this.#resumedPosition
    }
    const held = from < end ? this.#held(buf, from, end) : 0
    if (held > 0) pending[flow] = packPending(buf, end - held, held)
    return this.#convert(buf, from, end - held, out, at)
  }

  /** Ends a flow's text, or the text before a gap: what is pending becomes dots. Returns the position after them. */
  finish(pending: Int32Array, flow: number, out: Buffer, position: number): number {
    const count = pending[flow]! >> 24
    pending[flow] = 0
    return this.#hide(count, out, position)
  }

  #resumedPosition = 0

  /** Takes bytes until it is clear what the pending ones are. Returns where the rest of the input begins. */
  #resume(
    pending: Int32Array,
    flow: number,
    buf: Buffer,
    start: number,
    end: number,
    out: Buffer,
    position: number,
  ): number {
    const packed = pending[flow]!
    const count = packed >> 24
    const first = (packed >> 16) & 255
    this.#resumedPosition = position
    if (start === end) return start
    if (first === CR) {
      pending[flow] = 0
      if (buf[start] === LF) {
        out[position] = CR
        this.#resumedPosition = position + 1
      } else {
        this.#resumedPosition = this.#hide(1, out, position)
      }
      return start
    }
    const bytes = [first, (packed >> 8) & 255, packed & 255].slice(0, count)
    const wanted = sequenceLength(first)
    let from = start
    while (bytes.length < wanted && from < end && continues(first, bytes.length, buf[from]!)) bytes.push(buf[from++]!)
    if (bytes.length < wanted && from === end) {
      pending[flow] = packPending(bytes, 0, bytes.length)
      return from
    }
    pending[flow] = 0
    if (bytes.length < wanted || isHiddenCharacter(decode(bytes))) {
      this.#resumedPosition = this.#hide(bytes.length, out, position)
    } else {
      for (let i = 0; i < wanted; i++) out[position + i] = bytes[i]!
      this.#resumedPosition = position + wanted
    }
    return from
  }

  /** How many bytes at the end cannot be judged before the next delivery. */
  #held(buf: Buffer, start: number, end: number): number {
    const last = buf[end - 1]!
    if (last < 0x80) return last === CR ? 1 : 0
    return this.#asciiOnly ? 0 : unfinishedBytes(buf, start, end)
  }

  #hide(count: number, out: Buffer, position: number): number {
    for (let i = 0; i < count; i++) out[position + i] = DOT
    return position + count
  }

  #convert(buf: Buffer, start: number, end: number, out: Buffer, position: number): number {
    if (start >= end) return position
    let source = this.#sourceAddress
    if (buf !== this.#sourceBuffer) {
      if (buf.buffer !== this.#memory) return this.#convertCopied(buf, start, end, out, position)
      this.#sourceBuffer = buf
      source = this.#sourceAddress = buf.byteOffset
    }
    if (source + end + KERNEL_SLACK > this.#memoryBytes) return this.#convertCopied(buf, start, end, out, position)
    if (out !== this.#targetBuffer) {
      if (out.buffer !== this.#memory) throw new Error('the output buffer lies outside the arena')
      this.#targetBuffer = out
      this.#targetAddress = out.byteOffset
    }
    const target = this.#targetAddress + position
    if (this.#asciiOnly) this.#kernel.ascii(source + start, source + end, target, DOT)
    else this.#kernel.text(source + start, source + end, target, DOT, this.#constants)
    return position + end - start
  }

  /**
   * The input is not in the arena, or lies at its very end: it is copied to a scratch buffer. Pieces end where no
   * character and no CR LF is cut; in ill-formed text there is always such a place within three bytes.
   */
  #convertCopied(buf: Buffer, start: number, end: number, out: Buffer, position: number): number {
    let at = position
    for (let from = start; from < end; ) {
      let to = Math.min(end, from + SCRATCH_BYTES)
      if (to < end) to -= this.#held(buf, from, to)
      buf.copy(this.#scratch, 0, from, to)
      // the following bytes may be held back, so they complete no character and end no line
      this.#scratch[to - from] = 0
      at = this.#convert(this.#scratch, 0, to - from, out, at)
      from = to
    }
    return at
  }
}

/** How many bytes at the end of `buf[start..end)` (not empty) begin a UTF-8 character that needs more: 0 to 3. */
export function unfinishedBytes(buf: Uint8Array, start: number, end: number): number {
  const last = buf[end - 1]!
  if (last < 0x80) return 0
  if (last >= 0xc2) return last <= 0xf4 ? 1 : 0
  if (last >= 0xc0 || end - start < 2) return 0
  const second = buf[end - 2]!
  if (second >= 0xe0) return second <= 0xf4 && continues(second, 1, last) ? 2 : 0
  if (end - start < 3) return 0
  const third = buf[end - 3]!
  return third >= 0xf0 && third <= 0xf4 && continues(third, 1, second) && continues(third, 2, last) ? 3 : 0
}

/** Length of the UTF-8 sequence that `lead` (C2..F4) begins. */
function sequenceLength(lead: number): number {
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
}

/** May `byte` be number `index` (from 1) of the sequence that `lead` begins? Unicode table 3-7. */
function continues(lead: number, index: number, byte: number): boolean {
  if (byte < 0x80 || byte > 0xbf) return false
  if (index > 1) return true
  if (lead === 0xe0) return byte >= 0xa0
  if (lead === 0xed) return byte <= 0x9f
  if (lead === 0xf0) return byte >= 0x90
  if (lead === 0xf4) return byte <= 0x8f
  return true
}

function decode(bytes: readonly number[]): number {
  let codePoint = bytes[0]! & (0xff >> (bytes.length + 1))
  for (let i = 1; i < bytes.length; i++) codePoint = (codePoint << 6) | (bytes[i]! & 0x3f)
  return codePoint
}

/** Up to three bytes and their number in one integer, never 0. */
function packPending(bytes: Uint8Array | readonly number[], start: number, count: number): number {
  let packed = count << 24
  for (let i = 0; i < count; i++) packed |= bytes[start + i]! << (16 - 8 * i)
  return packed
}
