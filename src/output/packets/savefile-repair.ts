// A full disk cuts a file in mid-block, and some readers then refuse it: takes the broken end away.

import { fstatSync, ftruncateSync, readSync } from 'node:fs'

/** More than a stream gathers: further on there is no way to look. */
const MAXIMUM_TAIL_BYTES = 1024 * 1024

/**
 * Cuts the pcapng file of our own writing (little-endian) behind its last whole block. `wholeBytes` of it are known to
 * be whole blocks. Does nothing to what is no regular file, and nothing where it fails: a truncated file can be read too.
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
