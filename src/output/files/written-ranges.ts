// Which parts of a file were really written; what lies between them is a hole. Kept only for files that have a hole.

export interface WrittenRange {
  offset: number
  length: number
}

/** A file's parts beyond this number are written but not listed. */
const MAXIMUM_RANGES = 1000

/** Adds a part to `ranges`, which is sorted and whose members neither touch nor overlap; joins it with its neighbours. */
export function addRange(ranges: WrittenRange[], offset: number, length: number): void {
  let at = ranges.length
  while (at > 0 && ranges[at - 1]!.offset > offset) at--
  const before = ranges[at - 1]
  let joined: WrittenRange
  if (before !== undefined && before.offset + before.length >= offset) {
    before.length = Math.max(before.length, offset + length - before.offset)
    joined = before
  } else {
    if (ranges.length >= MAXIMUM_RANGES) return
    joined = { offset, length }
    ranges.splice(at++, 0, joined)
  }
  for (let next = ranges[at]; next !== undefined && joined.offset + joined.length >= next.offset; next = ranges[at]) {
    joined.length = Math.max(joined.length, next.offset + next.length - joined.offset)
    ranges.splice(at, 1)
  }
}
