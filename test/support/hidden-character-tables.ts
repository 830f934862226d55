// The tables of sanitize.wat are made from HIDDEN_RANGES, so that the list of hidden characters stands in one place.
//
// The kernel judges 16 bytes at a time with table lookups by nibble (half a byte). Up to eight classes, one bit each, say
// which nibbles go together: a byte is in a class if both of its nibbles have the class's bit. A pair of bytes is in a class
// if all four of them have it.

import { HIDDEN_RANGES } from '../../src/output/terminal/sanitize-text.ts'

const MOST_CLASSES = 8
const FIRST_LEAD = 0xc2
/** Behind leads above it the kernel looks at every character. */
const LAST_PAIR_LEAD = 0xf0
const TAB = 0x09
const LF = 0x0a
const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff
const LAST_CODE_POINT = 0x10ffff
/** The largest number that four bytes of UTF-8 could say. */
const LARGEST_OF_FOUR_BYTES = 0x1fffff

/** Nibbles as bits 0 to 15. A set for each nibble of what is looked up: two for a byte, four for a pair of bytes. */
type Box = readonly number[]

type Range = readonly [first: number, last: number]

/** Where the kernel keeps the ranges, behind its other constants and a scratch place. */
const RANGES_OFFSET = 384
/** 16 bytes for each of the 256 sets of bytes in eight. */
const EXPANSIONS_BYTES = 4096

/** What sanitize.wat has names for, as strings and numbers of the WebAssembly text. */
export function sanitizeTables(): Record<string, string> {
  const ranges = notToPass().filter(([, last]) => last >= 0x80)
  const rangeBytes = Buffer.from(Uint32Array.from(ranges.flat()).buffer)
  const expansionsOffset = (RANGES_OFFSET + rangeBytes.length + 15) & ~15
  return {
    byteClasses: rowsOf(mergedRows(suspectBytes()), 2).map(quoted).join(' '),
    pairClasses: rowsOf(fewBoxes(suspectPairs()), 4).map(quoted).join(' '),
    ranges: quoted(rangeBytes),
    rangeBytes: String(rangeBytes.length),
    expansionsOffset: String(expansionsOffset),
    constantBytes: String(expansionsOffset + EXPANSIONS_BYTES),
  }
}

function quoted(bytes: Iterable<number>): string {
  return `"${Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}"`
}

/** Hidden ranges, surrogates, and what lies beyond Unicode, in order. */
function notToPass(): Range[] {
  const more: Range[] = [
    [FIRST_SURROGATE, LAST_SURROGATE],
    [LAST_CODE_POINT + 1, LARGEST_OF_FOUR_BYTES],
  ]
  return [...HIDDEN_RANGES, ...more].sort((a, b) => a[0] - b[0])
}

/**
 * Bytes that do not pass as they are: controls, and leads behind which something may be hidden or ill-formed. F0 and up are
 * rare enough to be looked at always.
 */
function suspectBytes(): Set<number> {
  const bytes = new Set<number>([0xc0, 0xc1])
  for (const pair of suspectPairs()) bytes.add(pair >> 8)
  for (let lead = 0xf0; lead <= 0xff; lead++) bytes.add(lead)
  for (const [first, last] of HIDDEN_RANGES) for (let p = first; p <= last && p < 0x80; p++) bytes.add(p)
  bytes.delete(TAB)
  bytes.delete(LF)
  return bytes
}

/** Pairs (lead, second byte) with leads C2 to F0 behind which a character may be hidden, a surrogate, or overlong. */
function suspectPairs(): Set<number> {
  const ranges = notToPass()
  const pairs = new Set<number>()
  for (let second = 0x80; second <= 0xbf; second++) {
    for (let lead = FIRST_LEAD; lead <= LAST_PAIR_LEAD; lead++) {
      const bits = lead < 0xe0 ? 0 : lead < 0xf0 ? 6 : 12
      const leadBits = lead < 0xe0 ? lead & 0x1f : lead < 0xf0 ? lead & 0x0f : lead & 0x07
      const first = ((leadBits << 6) | (second & 0x3f)) << bits
      const last = first + (1 << bits) - 1
      const overlong = first < (lead < 0xe0 ? 0x80 : lead < 0xf0 ? 0x800 : 0x10000)
      if (overlong || ranges.some((range) => range[0] <= last && range[1] >= first)) pairs.add((lead << 8) | second)
    }
  }
  return pairs
}

/** Exact: one class for each high nibble; high nibbles that go with the same low nibbles share one. */
function mergedRows(bytes: Set<number>): Box[] {
  const highsOfLows = new Map<number, number>()
  for (let high = 0; high < 16; high++) {
    let lows = 0
    for (let low = 0; low < 16; low++) if (bytes.has((high << 4) | low)) lows |= 1 << low
    if (lows !== 0) highsOfLows.set(lows, (highsOfLows.get(lows) ?? 0) | (1 << high))
  }
  return Array.from(highsOfLows, ([lows, highs]) => [highs, lows])
}

/**
 * A box for each lead and high nibble behind it is exact. Then those two are joined whose common box costs least, until few
 * enough are left.
 */
function fewBoxes(pairs: Set<number>): Box[] {
  const lowsOf = new Map<number, number>()
  for (const pair of pairs) lowsOf.set(pair >> 4, (lowsOf.get(pair >> 4) ?? 0) | (1 << (pair & 15)))
  const boxes: Box[] = Array.from(lowsOf, ([row, lows]) => [
    1 << (row >> 8),
    1 << ((row >> 4) & 15),
    1 << (row & 15),
    lows,
  ])
  while (boxes.length > MOST_CLASSES) {
    let best = { cost: Number.POSITIVE_INFINITY, one: 0, other: 0 }
    for (let one = 0; one < boxes.length; one++) {
      for (let other = one + 1; other < boxes.length; other++) {
        const cost = costOf(union(boxes[one]!, boxes[other]!), pairs)
        if (cost < best.cost) best = { cost, one, other }
      }
    }
    boxes[best.one] = union(boxes[best.one]!, boxes[best.other]!)
    boxes.splice(best.other, 1)
  }
  return boxes
}

function union(a: Box, b: Box): Box {
  return a.map((nibbles, i) => nibbles | b[i]!)
}
function has(box: Box, pair: number): boolean {
  return [12, 8, 4, 0].every((shift, i) => (box[i]! >> ((pair >> shift) & 15)) & 1)
}

/** What pairs cost that are in the box for nothing: text that has them is looked at twice. */
function costOf(box: Box, pairs: Set<number>): number {
  let cost = 0
  for (let lead = FIRST_LEAD; lead <= LAST_PAIR_LEAD; lead++) {
    for (let second = 0x80; second <= 0xbf; second++) {
      const pair = (lead << 8) | second
      if (!pairs.has(pair) && has(box, pair)) cost += frequency(lead, second)
    }
  }
  return cost
}

/** How often text has the pair, as a rough weight. */
function frequency(lead: number, second: number): number {
  const kana = lead === 0xe3 && second >= 0x80 && second <= 0x83
  const emoji = lead === 0xf0 && second === 0x9f
  if (kana || emoji) return 1000
  const latinGreekCyrillic = (lead >= 0xc3 && lead <= 0xc5) || (lead >= 0xce && lead <= 0xd1)
  const hebrewArabic = lead >= 0xd7 && lead <= 0xd9
  const indicThai = lead === 0xe0
  const chineseKorean = lead >= 0xe4 && lead <= 0xed
  if (latinGreekCyrillic || hebrewArabic || indicThai || chineseKorean) return 100
  const signs = lead === 0xc2 || lead === 0xe2
  return signs ? 20 : 1
}

/** A row of 16 bytes for each nibble that is looked up: the classes of each of its values. */
function rowsOf(boxes: readonly Box[], nibbles: number): number[][] {
  if (boxes.length > MOST_CLASSES)
    throw new Error(`sanitize.wat has ${MOST_CLASSES} classes, ${boxes.length} are needed`)
  return Array.from({ length: nibbles }, (_, place) =>
    Array.from({ length: 16 }, (_, nibble) =>
      boxes.reduce((classes, box, number) => classes | (((box[place]! >> nibble) & 1) << number), 0),
    ),
  )
}
