import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LAYER_ETHERTYPE, LAYER_TCP } from '../../src/decode/causes.ts'
import { DecodeCounters } from '../../src/decode/counters.ts'
import { DECODE_MALFORMED, DECODE_OTHER, DECODE_UNSUPPORTED } from '../../src/decode/status.ts'

test('causes come most frequent first, ordinary traffic apart', () => {
  const counters = new DecodeCounters()
  counters.count(DECODE_MALFORMED, LAYER_TCP, 0)
  for (let i = 0; i < 3; i++) counters.count(DECODE_UNSUPPORTED, LAYER_ETHERTYPE, 0x22f3)
  counters.count(DECODE_OTHER, LAYER_ETHERTYPE, 0x88cc)
  assert.deepEqual(counters.undecoded(), [
    { cause: 'unsupported EtherType 0x22f3', packets: 3 },
    { cause: 'malformed TCP header', packets: 1 },
  ])
  assert.deepEqual(counters.others(), [{ cause: 'LLDP', packets: 1 }])
})

test('distinct causes are bounded, packets are all counted', () => {
  const counters = new DecodeCounters()
  for (let type = 0x600; type < 0x10000; type++) counters.count(DECODE_UNSUPPORTED, LAYER_ETHERTYPE, type)
  const causes = counters.undecoded()
  assert.ok(causes.length <= 300)
  assert.equal(
    causes.reduce((sum, { packets }) => sum + packets, 0),
    0x10000 - 0x600,
  )
  assert.equal(causes[0]?.cause, 'unsupported EtherType various')
})
