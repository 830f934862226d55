// Damage that knows what a capture file is made of: blocks of pcapng or records of pcap are dropped, doubled, moved and
// mixed with those of another file, and the numbers that say how long they are become others.

import { mutate, putEdge } from './mutate.ts'
import type { Random } from './random.ts'

const PCAP_HEADER_BYTES = 24
const PCAP_RECORD_BYTES = 16

/** Where the pieces of a file lie: its header (pcap only), then records or blocks. */
interface Layout {
  /** Ends of the pieces, ascending; the first begins at 0. */
  readonly ends: readonly number[]
  readonly isPcapng: boolean
}

/** A damaged copy of `file`, perhaps with pieces of `other`. */
export function mutateSavefile(random: Random, file: Buffer, other: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(file)
  for (let times = 1 + random.below(3); times > 0 && mutated.length > 0; times--) {
    mutated = mutateOnce(random, mutated, other)
  }
  return mutated
}

function mutateOnce(random: Random, file: Buffer, other: Buffer): Buffer {
  const choice = random.below(8)
  if (choice < 2) return mutate(random, file)
  const layout = layoutOf(file)
  const pieces = split(file, layout)
  if (choice < 5) {
    putEdge(random, file, lengthFieldAt(random, layout))
    return file
  }
  const others = split(other, layoutOf(other))
  const at = random.below(pieces.length)
  switch (choice) {
    case 5: // drop some
      pieces.splice(at, 1 + random.below(4))
      break
    case 6: // double or move
      pieces.splice(random.below(pieces.length), random.below(2), pieces[at]!)
      break
    default: // take some of the other file
      pieces.splice(at, random.below(3), ...others.slice(random.below(others.length)).slice(0, 1 + random.below(6)))
  }
  return Buffer.concat(pieces)
}

/** A place where a length, an original length, an interface number, or an option's length is. */
function lengthFieldAt(random: Random, { ends, isPcapng }: Layout): number {
  const which = random.below(ends.length)
  const start = which === 0 ? 0 : ends[which - 1]!
  if (!isPcapng) return which === 0 ? random.pick([0, 4, 16, 20]) : start + random.pick([0, 4, 8, 12])
  return random.pick([start + 4, start + 8, start + 12, start + 20, start + 24, ends[which]! - 4, ends[which]! - 6])
}

function split(file: Buffer, { ends }: Layout): Buffer[] {
  return ends.map((end, i) => file.subarray(i === 0 ? 0 : ends[i - 1]!, end))
}

/** Never fails: what is no capture, or no more, is one piece. */
function layoutOf(file: Buffer): Layout {
  const isPcapng = file.length >= 12 && file.readUInt32BE(0) === 0x0a0d0d0a
  const ends = isPcapng ? blockEnds(file) : recordEnds(file)
  if (ends.at(-1) !== file.length) ends.push(file.length)
  return { ends, isPcapng }
}

function blockEnds(file: Buffer): number[] {
  const ends: number[] = []
  let bigEndian = false
  for (let at = 0; at + 12 <= file.length; ) {
    if (file.readUInt32BE(at) === 0x0a0d0d0a) bigEndian = file.readUInt32BE(at + 8) === 0x1a2b3c4d
    const length = bigEndian ? file.readUInt32BE(at + 4) : file.readUInt32LE(at + 4)
    if (length < 12 || at + length > file.length) break
    at += length
    ends.push(at)
  }
  return ends
}

function recordEnds(file: Buffer): number[] {
  if (file.length < PCAP_HEADER_BYTES) return []
  const ends = [PCAP_HEADER_BYTES]
  const bigEndian = file[0] === 0xa1
  for (let at = PCAP_HEADER_BYTES; at + PCAP_RECORD_BYTES <= file.length; ) {
    const length = bigEndian ? file.readUInt32BE(at + 8) : file.readUInt32LE(at + 8)
    if (at + PCAP_RECORD_BYTES + length > file.length) break
    at += PCAP_RECORD_BYTES + length
    ends.push(at)
  }
  return ends
}
