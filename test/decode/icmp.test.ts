import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECODE_OK, DECODE_OTHER, DECODE_TRUNCATED } from '../../src/decode/status.ts'
import {
  ethernet,
  extensionHeader,
  fragmentHeader,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  tcp,
  udp,
} from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

const sent4 = ipv4(
  { src: '10.0.0.9', dst: '10.0.0.2', id: 77 },
  tcp({ sport: 5000, dport: 80, seq: 1234567, payload: 'data' }),
)
const sent6 = ipv6({ src: 'fd00::9', dst: 'fd00::2' }, tcp({ sport: 5000, dport: 80, seq: 1234567 }))

function errorOf(frame: Buffer) {
  const recorder = new Recorder()
  assert.equal(recorder.decode(ethernet({}, frame)), DECODE_OK)
  assert.equal(recorder.decoder.counters.icmpErrors, 1)
  return recorder.icmp[0]!
}

test('destination unreachable quotes the segment that it is about', () => {
  assert.deepEqual(errorOf(ipv4({ src: '10.0.0.254' }, icmp({ type: 3, code: 1 }, sent4))), {
    from: '10.0.0.254',
    type: 3,
    code: 1,
    mtu: 0,
    quoted: '6 10.0.0.9.5000>10.0.0.2.80',
    sequence: 1234567,
  })
})

test('fragmentation needed and packet too big give the MTU', () => {
  assert.equal(errorOf(ipv4({}, icmp({ type: 3, code: 4, word: 1400 }, sent4))).mtu, 1400)
  assert.equal(errorOf(ipv4({}, icmp({ type: 3, code: 1, word: 1400 }, sent4))).mtu, 0)
  const tooBig = errorOf(ipv6({ src: 'fd00::254' }, icmpv6({ type: 2, word: 1280 }, sent6)))
  assert.deepEqual(tooBig, {
    from: 'fd00::254',
    type: 2,
    code: 0,
    mtu: 1280,
    quoted: '6 fd00::9.5000>fd00::2.80',
    sequence: 1234567,
  })
})

test('eight bytes of the quoted segment are enough, fewer are not', () => {
  const quoted = (bytes: number) => errorOf(ipv4({}, icmp({ type: 11 }, sent4.subarray(0, bytes)))).quoted
  assert.equal(quoted(28), '6 10.0.0.9.5000>10.0.0.2.80')
  assert.equal(quoted(27), 'none')
  assert.equal(quoted(10), 'none')
})

test('quoted datagrams, options, extension headers', () => {
  const datagram = udp({ sport: 1000, dport: 53 })
  assert.equal(
    errorOf(ipv4({}, icmp({ type: 3, code: 3 }, ipv4({ options: [1, 1, 1, 1] }, datagram)))).quoted,
    '17 10.0.0.1.1000>10.0.0.2.53',
  )
  const deep = ipv6({}, extensionHeader(0, [], extensionHeader(60, [], fragmentHeader({ more: true }, datagram))))
  assert.equal(errorOf(ipv6({}, icmpv6({ type: 1, code: 4 }, deep))).quoted, '17 fd00::1.1000>fd00::2.53')
})

test('a quoted later fragment has no ports', () => {
  assert.equal(errorOf(ipv4({}, icmp({ type: 11, code: 1 }, ipv4({ fragmentOffset: 800 }, tcp({}))))).quoted, 'none')
  assert.equal(
    errorOf(ipv6({}, icmpv6({ type: 3 }, ipv6({}, fragmentHeader({ offset: 800 }, tcp({})))))).quoted,
    'none',
  )
})

test('a quotation of another version or of garbage is none', () => {
  assert.equal(errorOf(ipv4({}, icmp({ type: 3 }, sent6))).quoted, 'none')
  assert.equal(errorOf(ipv6({}, icmpv6({ type: 1 }, sent4))).quoted, 'none')
  assert.equal(errorOf(ipv4({}, icmp({ type: 3 }, Buffer.alloc(64, 0x45)))).quoted, 'none')
})

test('what is no error is ordinary and counted by kind', () => {
  const recorder = new Recorder()
  for (const type of [0, 8, 5, 13]) assert.equal(recorder.decode(ethernet({}, ipv4({}, icmp({ type })))), DECODE_OTHER)
  for (const type of [128, 135, 136, 143]) recorder.decode(ethernet({}, ipv6({}, icmpv6({ type }))))
  assert.deepEqual(recorder.others, [
    'ICMP echo ×2',
    'ICMPv6 neighbour discovery ×2',
    'ICMP redirect',
    'ICMP timestamp',
    'ICMPv6 echo',
    'ICMPv6 multicast listener',
  ])
  assert.deepEqual(recorder.undecoded, [])
})

test('ICMP of the other version is not read', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv4({ protocol: 58 }, icmpv6({ type: 1 }, sent6))))
  assert.deepEqual(recorder.undecoded, ['unsupported IP protocol 58'])
})

test('a message cut short is truncated', () => {
  const recorder = new Recorder()
  const frame = ethernet({}, ipv4({}, icmp({ type: 3 }, sent4)))
  assert.equal(recorder.decode(frame.subarray(0, 38), { originalLength: frame.length }), DECODE_TRUNCATED)
})
