// Keys that somebody chose so that they collide, without knowing the seed. Counted: places that are looked at in vain.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Segment } from '../../src/core/segment.ts'
import { ConnectionIndex } from '../../src/flow/connection-index.ts'

/** Ports, then the ends' lowest words, then the upper words of both; in this order they are mixed. */
type Words = readonly number[]

const TOP_BIT = 0x80000000

/** Places looked at in vain, for each key, when all `keys` are in an index. Random keys: under 0.5 at half a load. */
function wastedProbes(keys: readonly Words[]): number {
  const index = new ConnectionIndex(keys.length)
  for (const [slot, words] of keys.entries()) {
    const s = segmentOf(words)
    assert.equal(index.find(s), -1, 'the keys differ')
    index.add(slot, s)
  }
  return index.displacement / keys.length
}

function segmentOf(words: Words): Segment {
  const s = new Segment()
  s.family = words.length > 3 ? 6 : 4
  s.sourcePort = words[0]! >>> 16
  s.destinationPort = words[0]! & 0xffff
  assert.ok(s.sourcePort < s.destinationPort, 'the source sorts first')
  s.sourceWord3 = words[1]! | 0
  s.destinationWord3 = words[2]! | 0
  if (words.length > 3) {
    s.sourceWord0 = words[3]! | 0
    s.sourceWord1 = words[4]! | 0
    s.sourceWord2 = words[5]! | 0
    s.destinationWord0 = words[6]! | 0
    s.destinationWord1 = words[7]! | 0
    s.destinationWord2 = words[8]! | 0
  }
  return s
}

/** What x has to be multiplied with to have 1, modulo 2 to the 32nd. */
function inverse(x: number): number {
  let y = 1
  for (let i = 0; i < 5; i++) y = Math.imul(y, 2 - Math.imul(x, y))
  return y
}

/** How MurmurHash3 scrambles a word before it goes into the hash, and the word that it scrambles into `k`. */
function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}
function unscramble(k: number): number {
  const turned = Math.imul(k, inverse(0x1b873593))
  return Math.imul((turned >>> 15) | (turned << 17), inverse(0xcc9e2d51))
}

/** As MurmurHash3 mixes, with a seed that is not known. */
function murmur(words: Words, seed: number): number {
  let h = seed
  for (const word of words) {
    h ^= scramble(word)
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  return h
}

/**
 * Bit 18 of a scrambled word becomes the top bit of the hash, where neither multiplying nor adding carries it any further,
 * and the top bit of the next scrambled word takes it away again: each pair of neighbours doubles the keys of one hash.
 */
function cancelling(base: Words, pairs: readonly number[]): number[][] {
  return Array.from({ length: 1 << pairs.length }, (_, choice) => {
    const scrambled = base.map(scramble)
    for (const [bit, first] of pairs.entries()) {
      if (((choice >> bit) & 1) === 0) continue
      scrambled[first]! ^= 1 << 18
      scrambled[first + 1]! ^= TOP_BIT
    }
    return scrambled.map(unscramble)
  })
}

function portsInOrder(words: Words): boolean {
  return words[0]! >>> 16 < (words[0]! & 0xffff)
}

const PAIRS_4 = [0, 1]
const PAIRS_6 = [0, 1, 3, 4, 5, 6, 7]

/** Groups of keys, each of which MurmurHash3 has in one place whatever its seed is. */
function groups(count: number, words: number, pairs: readonly number[]): number[][][] {
  const all: number[][][] = []
  for (let i = 1; all.length < count; i++) {
    const base = Array.from({ length: words }, (_, word) => Math.imul(i * words + word, 0x9e3779b1))
    const group = cancelling(base, pairs)
    if (group.every(portsInOrder)) all.push(group)
  }
  return all
}

test('the keys here do collide where a seed is only what mixing starts from', () => {
  for (const group of [...groups(8, 3, PAIRS_4), ...groups(8, 9, PAIRS_6)]) {
    // place and family are mixed in between, the same for all keys
    const withPlace = group.map((words) => [...words.slice(0, 3), 1, ...words.slice(3)])
    for (const seed of [0, 1, -1, 0x5eed, 0x7fffffff]) {
      assert.equal(new Set(withPlace.map((words) => murmur(words, seed))).size, 1)
    }
  }
})

test('addresses and ports that cancel each other out cost no more than others', () => {
  assert.ok(wastedProbes(groups(64, 9, PAIRS_6).flat()) < 1)
  assert.ok(wastedProbes(groups(2000, 3, PAIRS_4).flat()) < 1)
})

test('differences in high bits of several words cost no more than others', () => {
  const keys: number[][] = []
  for (let choice = 0; choice < 1 << 12; choice++) {
    const bit = (i: number, mask: number) => (((choice >> i) & 1) === 1 ? mask : 0)
    keys.push([
      0x00010002 + choice * 0x10,
      0x0a000001 ^ bit(0, TOP_BIT) ^ bit(1, 0x8000) ^ bit(2, 0x4000),
      0x0a000002 ^ bit(3, TOP_BIT) ^ bit(4, 0x8000) ^ bit(5, 0x40000000),
      ...[6, 7, 8, 9, 10, 11].map((i) => 0x20010db8 ^ bit(i, TOP_BIT | 0x8000)),
    ])
  }
  assert.ok(wastedProbes(keys) < 1)
})

test('what real clients have, ports and addresses in a row, costs no more than others', () => {
  const rows: [string, (i: number) => Words][] = [
    ['ports', (i) => [(80 << 16) | (1024 + i), 0x0a000001, 0x0a000002]],
    ['addresses', (i) => [(80 << 16) | 40000, 0x0a000001, 0x0a010000 + i]],
    ['addresses in steps of 256', (i) => [(80 << 16) | 40000, 0x0a000001, 0x0a000000 + i * 256]],
    ['addresses in steps of 65536', (i) => [(80 << 16) | 40000, 0x0a000001, i * 65536]],
    ['both', (i) => [(80 << 16) | (1024 + (i & 255)), 0x0a000001, 0x0a010000 + (i >> 8)]],
  ]
  for (const [name, key] of rows) {
    const wasted = wastedProbes(Array.from({ length: 30_000 }, (_, i) => key(i)))
    assert.ok(wasted < 1.5, `${name}: ${wasted}`)
  }
})
