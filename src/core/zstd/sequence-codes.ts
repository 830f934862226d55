// What the codes of zstd's sequences stand for, and their usual tables (RFC 8878 §3.1.1.3.2).

import { buildTable, type FseTable } from './fse-table.ts'

/** Codes of one kind: the number that each begins at, how many bits are added to that, and how they are coded. */
export interface SequenceCodes {
  readonly bases: readonly number[]
  readonly extraBits: readonly number[]
  readonly maximumAccuracy: number
  readonly usual: FseTable
}

function numbered(first: number, extraBits: readonly number[]): { bases: number[]; extraBits: readonly number[] } {
  let next = first
  const bases = extraBits.map((bits) => {
    const base = next
    next += 2 ** bits
    return base
  })
  return { bases, extraBits }
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0)

export const LITERAL_LENGTHS: SequenceCodes = {
  ...numbered(0, [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
  maximumAccuracy: 9,
  usual: buildTable(
    6,
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
  ),
}

export const MATCH_LENGTHS: SequenceCodes = {
  ...numbered(3, [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
  maximumAccuracy: 9,
  usual: buildTable(6, [
    ...[1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1],
  ]),
}

const OFFSET_CODES = Array.from({ length: 32 }, (_, code) => code)

export const OFFSETS: SequenceCodes = {
  bases: OFFSET_CODES.map((code) => 2 ** code),
  extraBits: OFFSET_CODES,
  maximumAccuracy: 8,
  usual: buildTable(5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]),
}
