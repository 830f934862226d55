// Names of hosts at the end of a pcapng file, where Wireshark puts them: known before the packets are read.

import fs from 'node:fs'
import { MAXIMUM_NAME_BLOCK_BYTES, readNames } from '../savefile/name-resolution.ts'
import {
  BYTE_ORDER_MAGIC,
  INTERFACE_STATISTICS_BLOCK,
  NAME_RESOLUTION_BLOCK,
  SECTION_HEADER_BLOCK,
} from '../savefile/pcapng-blocks.ts'
import type { SavefileNames } from '../savefile/savefile-names.ts'

/** Blocks looked at from the end on. */
const MAXIMUM_BLOCKS = 1024

/**
 * Adds to `names` what the Name Resolution Blocks behind the last packet of the file say. Costs a few reads, whatever the
 * file's size. Does nothing where it cannot: to standard input (`-`), and to what is no regular file or no pcapng, compressed,
 * damaged or unreadable.
 */
export function learnTrailingNames(path: string, names: SavefileNames): void {
  let descriptor = -1
  try {
    // Opening a FIFO or a device might do something.
    if (path === '-' || !fs.statSync(path).isFile()) return
    descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    learn(descriptor, fs.fstatSync(descriptor).size, names)
  } catch {
    // whoever reads the file says what is wrong with it
  } finally {
    if (descriptor >= 0) fs.closeSync(descriptor)
  }
}

function learn(descriptor: number, size: number, names: SavefileNames): void {
  const head = readAt(descriptor, 0, 12)
  if (head.readUInt32LE(0) !== SECTION_HEADER_BLOCK) return
  const littleEndian = head.readUInt32LE(8) === BYTE_ORDER_MAGIC
  const u32 = (b: Buffer, at: number) => (littleEndian ? b.readUInt32LE(at) : b.readUInt32BE(at))
  const found: { start: number; length: number }[] = []
  // Every block ends with its length, so they can be read from the end.
  for (let end = size, blocks = 0; end > head.length && blocks < MAXIMUM_BLOCKS; blocks++) {
    const length = u32(readAt(descriptor, end - 4, 4), 0)
    if (length < 12 || length > end || length > MAXIMUM_NAME_BLOCK_BYTES) break
    const start = end - length
    const begin = readAt(descriptor, start, 8)
    const type = u32(begin, 0)
    if (u32(begin, 4) !== length || (type !== NAME_RESOLUTION_BLOCK && type !== INTERFACE_STATISTICS_BLOCK)) break
    if (type === NAME_RESOLUTION_BLOCK) found.push({ start, length })
    end = start
  }
  for (const { start, length } of found.reverse()) {
    const block = readAt(descriptor, start, length)
    readNames(block, 8, length - 4, littleEndian, names)
  }
}

function readAt(descriptor: number, position: number, bytes: number): Buffer {
  const buf = Buffer.alloc(bytes)
  if (fs.readSync(descriptor, buf, 0, bytes, position) !== bytes) throw new RangeError('the file has become shorter')
  return buf
}
