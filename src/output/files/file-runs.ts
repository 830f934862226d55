// Which parts of a file were really written; what lies between them is a hole. Kept only for files that have a hole.

export interface Run {
  offset: number
  length: number
}

/** A file's parts beyond this number are written but not listed. */
const MAXIMUM_RUNS = 1000

/** Adds a part to `runs`, which is sorted and whose members neither touch nor overlap; joins it with its neighbours. */
export function addRun(runs: Run[], offset: number, length: number): void {
  let at = runs.length
  while (at > 0 && runs[at - 1]!.offset > offset) at--
  const before = runs[at - 1]
  let joined: Run
  if (before !== undefined && before.offset + before.length >= offset) {
    before.length = Math.max(before.length, offset + length - before.offset)
    joined = before
  } else {
    if (runs.length >= MAXIMUM_RUNS) return
    joined = { offset, length }
    runs.splice(at++, 0, joined)
  }
  for (let next = runs[at]; next !== undefined && joined.offset + joined.length >= next.offset; next = runs[at]) {
    joined.length = Math.max(joined.length, next.offset + next.length - joined.offset)
    runs.splice(at, 1)
  }
}
