import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECODE_MALFORMED, DECODE_OK, DECODE_TRUNCATED } from '../../src/decode/status.ts'
import { ethernet, ipv4, ipv6, udp } from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

test('ports and payload', () => {
  const recorder = new Recorder()
  assert.equal(
    recorder.decode(ethernet({ padTo: 90 }, ipv4({}, udp({ sport: 5353, dport: 53, payload: 'query' })))),
    DECODE_OK,
  )
  const { kind, from, to, payload, missing } = recorder.seen[0]!
  assert.deepEqual(
    { kind, from, to, payload, missing },
    { kind: 'udp', from: '10.0.0.1.5353', to: '10.0.0.2.53', payload: 'query', missing: 0 },
  )
})

test('an empty datagram is one', () => {
  const recorder = new Recorder()
  assert.equal(recorder.decode(ethernet({}, ipv4({}, udp({})))), DECODE_OK)
  assert.equal(recorder.seen[0]?.payload, '')
})

test('the UDP length decides where it is shorter than IP says', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({}, udp({ length: 10, payload: 'ab+options' }))))
  assert.equal(recorder.seen[0]?.payload, 'ab')
})

test('length 0: as long as IP says', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv6({ payloadLength: 0 }, udp({ length: 0, payload: 'j'.repeat(66_000) }))))
  assert.equal(recorder.seen[0]?.payload.length, 66_000)
})

test('lengths below the header or past the packet are malformed', () => {
  for (const length of [1, 7, 12]) {
    const recorder = new Recorder()
    assert.equal(recorder.decode(ethernet({ padTo: 80 }, ipv4({}, udp({ length, payload: 'abc' })))), DECODE_MALFORMED)
  }
})

test('a short snapshot length', () => {
  const frame = ethernet({}, ipv4({}, udp({ payload: 'x'.repeat(500) })))
  const recorder = new Recorder()
  recorder.decode(frame.subarray(0, 142), { originalLength: frame.length })
  assert.deepEqual([recorder.seen[0]?.payload.length, recorder.seen[0]?.missing], [100, 400])
  assert.equal(recorder.decode(frame.subarray(0, 41), { originalLength: frame.length }), DECODE_TRUNCATED)
})
