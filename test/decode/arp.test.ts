import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECODE_OK, DECODE_OTHER, DECODE_TRUNCATED } from '../../src/decode/status.ts'
import { arp, ethernet } from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

test('requests and replies are delivered', () => {
  const recorder = new Recorder()
  const options = { sender: '192.168.0.1', senderMac: 'fe:dc:ba:98:76:54', target: '192.168.0.200' }
  assert.equal(recorder.decode(ethernet({ vlan: [3] }, arp(options))), DECODE_OK)
  assert.equal(recorder.decode(ethernet({ padTo: 60 }, arp({ ...options, operation: 2 }))), DECODE_OK)
  const expected = { sender: '192.168.0.1', target: '192.168.0.200', senderMac: 'fedcba987654' }
  assert.deepEqual(recorder.arps, [
    { operation: 1, ...expected },
    { operation: 2, ...expected },
  ])
  assert.equal(recorder.decoder.counters.arps, 2)
})

test('other operations and hardware are ordinary', () => {
  const recorder = new Recorder()
  const infiniband = Buffer.from(arp())
  infiniband[1] = 32
  assert.equal(recorder.decode(ethernet({}, arp({ operation: 8 }))), DECODE_OTHER)
  assert.equal(recorder.decode(ethernet({ etherType: 0x0806 }, infiniband)), DECODE_OTHER)
  assert.deepEqual(recorder.arps, [])
  assert.deepEqual(recorder.undecoded, [])
})

test('a message cut short is truncated', () => {
  const recorder = new Recorder()
  const frame = ethernet({}, arp())
  assert.equal(recorder.decode(frame.subarray(0, 41), { originalLength: 42 }), DECODE_TRUNCATED)
  assert.equal(recorder.decode(frame.subarray(0, 20), { originalLength: 42 }), DECODE_TRUNCATED)
})
