// A full disk cuts a file in the middle of a block, and some readers then refuse it: removes the broken end.

import { fstatSync, ftruncateSync, readSync } from 'node:fs'

/** More than a stream gathers: there is no need to look further. */
const MAXIMUM_TAIL_BYTES = 1024 * 1024

/**
 * Cuts the pcapng file of our own writing (little-endian) after its last whole block. The first `wholeBytes` are known
 * to be whole blocks. Does nothing to anything but a regular file, and nothing if it fails: a truncated file can be
 * read too.
 */
export function cutBrokenBlock(descriptor: number, wholeBytes: number): void {
  try {
    const status = fstatSync(descriptor)
    const tail = status.size - wholeBytes
    if (!status.isFile() || tail <= 0 || tail > MAXIMUM_TAIL_BYTES) return
    const buf = Buffer.alloc(tail)
    const count = readSync(descriptor, buf, 0, tail, wholeBytes)
    let at = 0
    while (at + 12 <= count) {
      const length = buf.readUInt32LE(at + 4)
      if (length < 12 || at + length > count) break
      at += length
    }
    if (at < count) ftruncateSync(descriptor, wholeBytes + at)
  } catch {
    // not readable, or not truncatable
  }
}
