import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packet } from '../../../src/core/packet.ts'
import { hostHash, type KeptPacket, PacketMemory } from '../../../src/output/recorder/packet-memory.ts'

const SIZE = 1 << 16

/** Its bytes tell which it is. */
function packet(number: number, length: number): Packet {
  const p = new Packet()
  p.time.seconds = 1_700_000_000 + number
  p.time.nanos = number % 1e9
  p.interfaceId = number % 3
  p.originalLength = length + 5
  p.buf = Buffer.alloc(length + 4, number % 251)
  p.start = 2
  p.end = 2 + length
  return p
}

function assertWhole({ time, interfaceId, originalLength, buf, start, end }: KeptPacket): number {
  const number = time.seconds - 1_700_000_000
  assert.equal(time.nanos, number)
  assert.equal(interfaceId, number % 3)
  assert.equal(originalLength, end - start + 5)
  assert.ok(buf.subarray(start, end).equals(Buffer.alloc(end - start, number % 251)))
  return number
}

function numbersIn(memory: PacketMemory): number[] {
  const numbers: number[] = []
  memory.forEach((kept) => {
    numbers.push(assertWhole(kept))
  })
  return numbers
}

test('the latest packets are there, whole and in order, whatever their sizes', () => {
  const lengths = fc.array(fc.oneof(fc.nat(100), fc.nat(1600), fc.nat(20_000)), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(lengths, (sizes) => {
      const memory = new PacketMemory(SIZE, () => false)
      for (const [i, length] of sizes.entries()) memory.put(packet(i, length))
      const numbers = numbersIn(memory)
      // the newest without a break
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => sizes.length - numbers.length + i),
      )
      // no more went than had to
      const next = sizes[sizes.length - numbers.length - 1]
      const held = sizes.slice(sizes.length - numbers.length).reduce((sum, length) => sum + length + 64, 0)
      if (next !== undefined) assert.ok(held + next + 64 + 20_064 > SIZE, `${held} of ${SIZE} bytes`)
      assert.ok(numbers.length > 0)
    }),
  )
})

test('what is to be kept outlives everything else, and stays whole', () => {
  const memory = new PacketMemory(SIZE, ({ connection }) => connection === 7)
  for (let i = 0; i < 20_000; i++) {
    memory.put(packet(i, 30 + (i % 1400)))
    if (i % 400 === 3 && i < 4000) memory.attribute(7, 1, i)
    else memory.attribute(8, 2, i)
  }
  const numbers = numbersIn(memory)
  const kept = numbers.filter((number) => number < 4000)
  assert.deepEqual(
    kept.sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, i) => 3 + 400 * i),
  )
  assert.ok(numbers.includes(19_999))
})

test('when everything is to be kept the oldest go all the same', () => {
  const memory = new PacketMemory(SIZE, () => true)
  for (let i = 0; i < 5000; i++) memory.put(packet(i, 500))
  const numbers = numbersIn(memory)
  assert.ok(numbers.includes(4999))
  assert.ok(numbers.length < SIZE / 500)
  assert.ok(memory.forgottenTime.seconds >= 1_700_000_000)
})

test('a packet that is too large is left out, and what it is about is not noted at another', () => {
  const memory = new PacketMemory(SIZE, () => false)
  memory.put(packet(1, 100))
  memory.put(packet(2, SIZE))
  memory.attribute(5, 1, 0)
  memory.forEach((kept) => {
    assert.equal(kept.connection, 0)
  })
  assert.deepEqual(numbersIn(memory), [1])
})

test('hashes of addresses differ, and none is 0', () => {
  const hashes = new Set<number>()
  for (let i = 0; i < 10_000; i++) hashes.add(hostHash(0, 0, 0, 0x0a000000 + i))
  assert.ok(hashes.size > 9_990)
  assert.ok(!hashes.has(0))
})
