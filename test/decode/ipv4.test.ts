import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECODE_MALFORMED, DECODE_OK, DECODE_TRUNCATED } from '../../src/decode/status.ts'
import { authenticationHeader, ethernet, ipv4, tcp, udp } from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

const segment = tcp({ payload: 'hello' })

test('addresses, identification and hop limit are reported', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({ src: '192.168.1.2', dst: '255.254.253.252', id: 0xbeef, ttl: 7 }, segment)))
  const { from, to, ipId, hopLimit } = recorder.seen[0]!
  assert.deepEqual(
    { from, to, ipId, hopLimit },
    { from: '192.168.1.2.40000', to: '255.254.253.252.80', ipId: 0xbeef, hopLimit: 7 },
  )
})

test('options are skipped, up to the longest header', () => {
  for (const bytes of [4, 20, 40]) {
    const recorder = new Recorder()
    recorder.decode(ethernet({}, ipv4({ options: Buffer.alloc(bytes, 1) }, segment)))
    assert.equal(recorder.seen[0]?.payload, 'hello')
  }
})

test('padding and trailers behind the packet are not payload', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({ padTo: 60 }, ipv4({}, tcp({ flags: '.' }))))
  recorder.decode(Buffer.concat([ethernet({}, ipv4({}, tcp({ payload: 'x' }))), Buffer.from('trailer')]))
  assert.deepEqual(
    recorder.seen.map(({ payload, missing }) => [payload, missing]),
    [
      ['', 0],
      ['x', 0],
    ],
  )
})

test('total length 0 reaches to the end of the frame', () => {
  const recorder = new Recorder()
  const frame = ethernet({}, ipv4({ totalLength: 0 }, tcp({ payload: 'y'.repeat(70_000) })))
  recorder.decode(frame)
  recorder.decode(frame.subarray(0, 154), { originalLength: frame.length })
  assert.deepEqual(
    recorder.seen.map(({ payload, missing }) => [payload.length, missing]),
    [
      [70_000, 0],
      [100, 69_900],
    ],
  )
})

test('total length 0 and a frame length that no offloading makes: only what was captured', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({ totalLength: 0 }, segment)), { originalLength: 0xffffffff })
  assert.equal(recorder.seen[0]?.missing, 0)
  assert.equal(recorder.seen[0]?.payload, 'hello')
})

test('a short snapshot length: payload on the wire but not captured is missing', () => {
  const frame = ethernet({}, ipv4({}, tcp({ options: Buffer.alloc(12, 1), payload: 'z'.repeat(1000) })))
  const cases = [
    [frame.length, 1000, 0],
    [166, 100, 900],
    [66, 0, 1000],
    [60, 0, 1000], // within the TCP options
    [54, 0, 1000],
  ]
  for (const [captured, present, missing] of cases) {
    const recorder = new Recorder()
    assert.equal(recorder.decode(frame.subarray(0, captured), { originalLength: frame.length }), DECODE_OK)
    assert.deepEqual([recorder.seen[0]?.payload.length, recorder.seen[0]?.missing], [present, missing])
  }
  const recorder = new Recorder()
  assert.equal(recorder.decode(frame.subarray(0, 53), { originalLength: frame.length }), DECODE_TRUNCATED)
  assert.equal(recorder.decode(frame.subarray(0, 30), { originalLength: frame.length }), DECODE_TRUNCATED)
  assert.equal(recorder.decode(frame.subarray(0, 10), { originalLength: frame.length }), DECODE_TRUNCATED)
  assert.deepEqual(recorder.undecoded, ['truncated Ethernet header', 'truncated IPv4 header', 'truncated TCP header'])
})

test('a length that reaches past the frame on the wire makes nothing missing', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({ totalLength: 60_000 }, segment)))
  assert.deepEqual([recorder.seen[0]?.payload, recorder.seen[0]?.missing], ['hello', 0])
})

test('an original length below the captured length is not believed', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({}, segment)), { originalLength: 0 })
  assert.equal(recorder.seen[0]?.payload, 'hello')
})

test('headers that contradict themselves are malformed', () => {
  const frames = [
    ipv4({ headerLength: 4 }, segment),
    ipv4({ headerLength: 15 }, tcp({})),
    ipv4({ totalLength: 19 }, segment),
    Buffer.concat([Buffer.from([0x65]), ipv4({}, segment).subarray(1)]),
    Buffer.from([0x45, 0, 0, 10]),
  ]
  for (const frame of frames) {
    const recorder = new Recorder()
    assert.equal(recorder.decode(frame, { linkType: 228 }), DECODE_MALFORMED)
    assert.deepEqual(recorder.undecoded, ['malformed IPv4 header'])
  }
})

test('an authentication header is skipped', () => {
  const recorder = new Recorder()
  recorder.decode(ipv4({}, authenticationHeader(segment)), { linkType: 228 })
  assert.equal(recorder.seen[0]?.payload, 'hello')
})

test('other protocols are counted by name', () => {
  const recorder = new Recorder()
  for (const protocol of [2, 2, 50, 89, 132, 77]) recorder.decode(ethernet({}, ipv4({ protocol }, Buffer.alloc(30))))
  assert.deepEqual(recorder.others, ['IGMP ×2', 'OSPF'])
  assert.deepEqual(recorder.undecoded, [
    'encrypted ESP',
    'unsupported IP protocol 132 (SCTP)',
    'unsupported IP protocol 77',
  ])
})

test('place, interface and time of the packet are those of the segment', () => {
  const recorder = new Recorder()
  const frame = ethernet({}, ipv4({}, udp({ payload: 'x' })))
  recorder.decode(frame, { place: 3, interfaceId: 2, time: 1234.5 })
  const { place, interfaceId, time } = recorder.seen[0]!
  assert.deepEqual({ place, interfaceId, time }, { place: 3, interfaceId: 2, time: '1234.500000000' })
})
