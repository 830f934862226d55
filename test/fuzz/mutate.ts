// Damage that any bytes can take.

import type { Random } from './random.ts'

/** A copy of `bytes` with one to four mutations: flipped bits, edge values, cuts, repeats, bytes from elsewhere. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(bytes)
  for (let times = 1 + random.below(4); times > 0 && mutated.length > 0; times--) mutated = mutateOnce(random, mutated)
  return mutated
}

/** Changes `bytes` in place or makes others of them. */
function mutateOnce(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length)
  switch (random.below(8)) {
    case 0:
      return bytes.subarray(0, at)
    case 1: {
      const end = Math.min(bytes.length, at + 1 + random.below(40))
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    }
    case 2: {
      const end = Math.min(bytes.length, at + 1 + random.below(40))
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    }
    case 3:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(20)), bytes.subarray(at)])
    case 4:
      putEdge(random, bytes, at)
      return bytes
    case 5:
      bytes[at] = random.next()
      return bytes
    default:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
  }
}

/** Overwrites one, two or four bytes with a number that is likely to break arithmetic, in either byte order. */
export function putEdge(random: Random, bytes: Buffer, at: number): void {
  const value = random.edge()
  const width = random.pick([1, 2, 4])
  for (let i = 0, bigEndian = random.oneIn(2); i < width && at + i < bytes.length; i++) {
    bytes[at + i] = value >>> (8 * (bigEndian ? width - 1 - i : i))
  }
}
