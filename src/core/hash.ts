// Mixes 32-bit words into a 32-bit hash (the scheme of MurmurHash3, A. Appleby, public domain).

/** The same for all tables of a process, so that keys can be copied; unknown to whoever sends the packets. */
export const HASH_SEED = (Math.random() * 0x1_0000_0000) | 0

export function mixWord(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  const h = hash ^ Math.imul(k, 0x1b873593)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** Spreads every bit of the hash over its low ones, which is where tables look. */
export function finishHash(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
