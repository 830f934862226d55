// Ends of connections as numbers, so that tables of them cost no strings. Different ends may have the same.

import type { Endpoint } from '../core/endpoint.ts'
import { finishHash, HASH_SEED, mixWord } from '../core/hash.ts'

/** Of a host, whatever the port. */
export function hashOfHost(place: number, { word0, word1, word2, word3 }: Endpoint): number {
  return finishHash(mixWord(mixWord(mixWord(mixWord(mixWord(HASH_SEED, place), word0), word1), word2), word3))
}

export function hashOfEnd(place: number, end: Endpoint): number {
  return finishHash(mixWord(hashOfHost(place, end), end.port))
}

/** Of two hosts, in this order. */
export function hashOfPair(place: number, a: Endpoint, b: Endpoint): number {
  return finishHash(mixWord(hashOfHost(place, a), hashOfHost(place, b)))
}
