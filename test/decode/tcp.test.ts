import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../src/core/segment.ts'
import { DECODE_MALFORMED } from '../../src/decode/status.ts'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

test('all fields of the header', () => {
  const recorder = new Recorder()
  const header = { sport: 65535, dport: 1, seq: 0xfffffffe, ack: 0x80000000, flags: 'PA', window: 4096 }
  recorder.decode(ethernet({}, ipv4({}, tcp({ ...header, options: [2, 4, 5, 0xb4], payload: 'GET' }))))
  const { from, to, seq, ack, flags, window, payload, kind } = recorder.seen[0]!
  assert.deepEqual(
    { from, to, seq, ack, flags, window, payload, kind },
    {
      from: '10.0.0.1.65535',
      to: '10.0.0.2.1',
      seq: -2,
      ack: -0x80000000,
      flags: TCP_PSH | TCP_ACK,
      window: 4096,
      payload: 'GET',
      kind: 'tcp',
    },
  )
})

test('every flag by itself, without the congestion bits', () => {
  const recorder = new Recorder()
  for (let bit = 1; bit < 256; bit <<= 1) recorder.decode(ethernet({}, ipv4({}, tcp({ flags: bit }))))
  assert.deepEqual(
    recorder.seen.map(({ flags }) => flags),
    [TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG, 0, 0],
  )
})

test('a data offset inside the fixed header or past the packet is malformed', () => {
  for (const dataOffset of [0, 4, 7]) {
    const recorder = new Recorder()
    assert.equal(
      recorder.decode(ethernet({ padTo: 100 }, ipv4({}, tcp({ dataOffset, payload: 'abc' })))),
      DECODE_MALFORMED,
    )
    assert.deepEqual(recorder.undecoded, ['malformed TCP header'])
  }
})

test('fields of an earlier packet do not shine through', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({ vlan: [5] }, ipv4({ id: 9 }, tcp({ flags: 'S', payload: 'first' }))))
  recorder.decode(ipv4({ src: '1.1.1.1', dst: '2.2.2.2' }, tcp({ sport: 1, dport: 2 })), { linkType: 228 })
  const { macs, vlan, from, to, ipId, payload, flags } = recorder.seen[1]!
  assert.deepEqual(
    { macs, vlan, from, to, ipId, payload, flags },
    { macs: '->-', vlan: -1, from: '1.1.1.1.1', to: '2.2.2.2.2', ipId: 0, payload: '', flags: TCP_ACK },
  )
})
