import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Timestamp } from '../../src/core/timestamp.ts'
import { PcapngInterface } from '../../src/savefile/pcapng-interface.ts'

function convert(resolution: number, ticks: bigint): [number, number] {
  const time = new Timestamp()
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(Number(ticks >> 32n), 0)
  bytes.writeUInt32BE(Number(ticks & 0xffffffffn), 4)
  new PcapngInterface(0, 1, 0, 0, resolution, 0).setTime(time, bytes, 0, false)
  return [time.seconds, time.nanos]
}

const exact = [...new Array(16).keys(), ...[...new Array(31).keys()].map((e) => 0x80 | e)]
test('every resolution in use gives exactly what 64-bit arithmetic gives', () => {
  for (const resolution of exact) {
    const perSecond = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ticks) => {
        if (ticks / perSecond > 2n ** 53n) return
        const expected = [Number(ticks / perSecond), Number(((ticks % perSecond) * 1_000_000_000n) / perSecond)]
        assert.deepEqual(convert(resolution, ticks), expected, `resolution ${resolution}, ticks ${ticks}`)
      }),
      { seed: 13, numRuns: 200 },
    )
  }
})

test('no resolution and no timestamp leaves the range of nanoseconds', () => {
  fc.assert(
    fc.property(fc.nat(255), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (resolution, ticks) => {
      const [seconds, nanos] = convert(resolution, ticks)
      assert.ok(Number.isFinite(seconds))
      assert.ok(Number.isInteger(nanos) && nanos >= 0 && nanos <= 999_999_999, `${nanos}`)
    }),
    { seed: 14, numRuns: 3000 },
  )
})
