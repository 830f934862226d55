import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CaptureOutput, type CaptureOutputOptions } from '../../src/capture/capture-output.ts'
import { readCapture } from '../support/read-capture.ts'

/** Collects what is written and gives it back as a source. */
function collect(snapshotBytes: number, options: Partial<CaptureOutputOptions> = {}) {
  const written: Buffer[] = []
  const write = (buf: Buffer, start: number, end: number) => written.push(Buffer.from(buf.subarray(start, end)))
  const output = new CaptureOutput({ snapshotBytes, write, ...options })
  /** As libpcap's binding does it. */
  const packet = (seconds: number, micros: number, captured: number, original: number) => {
    for (const [i, word] of [seconds, micros, captured, original].entries()) output.header.writeUInt32LE(word, i * 4)
    output.onPacket()
  }
  const read = () => {
    output.flush()
    const all = Buffer.concat(written)
    let at = 0
    return readCapture({
      name: 'test',
      totalBytes: -1,
      consumedBytes: 0,
      read(into, start, end) {
        const count = all.copy(into, start, at, at + end - start)
        at += count
        return count
      },
      stop() {},
      async close() {},
    })
  }
  return { output, packet, written, read }
}

const MAXIMUM = 262_144
const LINKTYPE_RAW = 101

test('packets of any length come back as they were', async () => {
  const sizes = fc.oneof(fc.nat(300), fc.nat(70_000), fc.constantFrom(0, MAXIMUM - 1, MAXIMUM))
  const packets = fc.array(
    fc.record({
      seconds: fc.nat(0xffffffff),
      micros: fc.nat(999_999),
      size: sizes,
      cut: fc.nat(100),
      seed: fc.nat(255),
    }),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(packets, async (list) => {
      const { output, packet: put, read } = collect(MAXIMUM)
      output.bytes.fill(0xee)
      output.begin('eth0', 'tcp', LINKTYPE_RAW, MAXIMUM)
      for (const { seconds, micros, size, cut, seed } of list) {
        output.bytes.fill(seed, 0, size)
        put(seconds, micros, size, size + cut)
      }
      const { packets: found, damage, interfaceName } = await read()
      assert.equal(damage, undefined)
      if (list.length > 0) assert.equal(interfaceName, 'eth0')
      assert.equal(found.length, list.length)
      for (const [i, { seconds, micros, size, cut, seed }] of list.entries()) {
        const packet = found[i]!
        assert.equal(packet.micros, seconds * 1e6 + micros)
        assert.equal(packet.linkType, LINKTYPE_RAW)
        assert.equal(packet.originalLength, size + cut)
        assert.ok(packet.bytes.equals(Buffer.alloc(size, seed)), `packet of ${size} bytes`)
      }
    }),
    { seed: 12, numRuns: 30 },
  )
})

test('the interface has its place, and the description and the filter together', async () => {
  const described = async (...labels: string[]) => {
    const { output, packet, read } = collect(64)
    const [filter = '', place, description] = labels
    output.begin('eth0', filter, 1, 64, place, description)
    packet(1, 0, 4, 4)
    const { interfaces, packets } = await read()
    assert.equal(packets.length, 1)
    return interfaces.map(({ placeName, description: text }) => `${placeName}|${text}`)
  }
  assert.deepEqual(await described('tcp', 'web', 'web in its namespace'), ['web|web in its namespace, filter: tcp'])
  assert.deepEqual(await described('', 'web', 'web in its namespace'), ['web|web in its namespace'])
  assert.deepEqual(await described('tcp'), ['|filter: tcp'])
  assert.deepEqual(await described(''), ['|'])
})

test('what lies behind a packet does not leak into its padding', async () => {
  const { output, packet, written } = collect(64)
  output.bytes.fill(0xee)
  packet(1, 0, 5, 5)
  output.flush()
  assert.equal(Buffer.concat(written).subarray(28, 36).toString('hex'), 'eeeeeeeeee000000')
})

test('statistics count on where 32 bits wrap, and are stamped with the latest moment', async () => {
  const { output, packet, read } = collect(64)
  output.begin('eth0', '', 1, 64)
  output.advance(5_000_000)
  output.statistics(0xfffffff0 | 0, 7, 0) // the binding gives signed numbers
  packet(6, 250_000, 4, 4)
  output.advance(5_900_000) // packets are further already
  output.statistics(16, 9, 0)
  const { statistics } = await read()
  assert.deepEqual(statistics, [
    { micros: 5_000_000, received: 0xfffffff0, dropped: 7 },
    { micros: 6_250_000, received: 0x100000010, dropped: 9 },
  ])
})

test('gathers: many small packets make few writes', () => {
  const { output, packet, written } = collect(1024)
  for (let i = 0; i < 2000; i++) packet(1, i, 1000, 1000)
  output.flush()
  assert.equal(Buffer.concat(written).length, 2000 * 1032)
  assert.ok(written.length <= 5)
})

test('a packet that claims more than the snapshot length has just that', async () => {
  const { output, packet, read } = collect(61)
  output.begin('eth0', '', 1, 61)
  output.bytes.fill(0xee)
  packet(1, 0, 0xffff_ffff, 0xffff_ffff)
  packet(2, 0, 3, 3)
  const { packets, damage } = await read()
  assert.equal(damage, undefined)
  assert.deepEqual(
    packets.map(({ micros, originalLength, bytes }) => [micros, originalLength, bytes.length]),
    [
      [1_000_000, 0xffff_ffff, 64],
      [2_000_000, 3, 3],
    ],
  )
})

test('others get their turn after so many packets, and before one that is late', () => {
  let checks = 0
  let late = 0
  const { output, packet } = collect(64, { packetsBetweenChecks: 10, check: () => checks++, late: () => late++ })
  for (let i = 0; i < 25; i++) packet(100, i, 4, 4)
  assert.deepEqual([checks, late], [2, 0])
  output.stopAt(100_000_030.5)
  packet(100, 30, 4, 4)
  assert.equal(late, 0)
  packet(100, 31, 4, 4)
  packet(99, 0, 4, 4)
  assert.equal(late, 1)
})
