// Mixes 32-bit words into a 32-bit hash whose collisions depend on a seed that nobody outside knows.
//
// Two words collide only where a secret says so: the halves of a word, each plus a secret, are multiplied with each other
// (Thorup, "High Speed Hashing for Integers and Strings", pair-multiply-shift). A mixing that merely starts from a seed, as
// MurmurHash3 does, has pairs of words that cancel each other out whatever the seed is, and an attacker who knows them can fill
// one place of a table with any number of keys (Aumasson, Bernstein, SipHash §6).

/** The same for all tables of a process, so that keys can be copied; unknown to whoever sends the packets. */
export const HASH_SEED = randomWord()
const LOW_SECRET = randomWord()
const HIGH_SECRET = randomWord()

function randomWord(): number {
  return (Math.random() * 0x1_0000_0000) | 0
}

export function mixWord(hash: number, word: number): number {
  const h = hash ^ Math.imul((word & 0xffff) + LOW_SECRET, (word >>> 16) + HIGH_SECRET)
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
