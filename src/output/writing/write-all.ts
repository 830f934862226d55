// A write that may take several system calls: a disk that becomes full takes a part first, and gives the error at the
// next call.

import { writeSync } from 'node:fs'

/** Writes `buf[start..end)` at `position` of the file. System errors. */
export function writeAll(descriptor: number, buf: Buffer, start: number, end: number, position: number): void {
  for (let at = start; at < end; ) at += writeSync(descriptor, buf, at, end - at, position + at - start)
}
