import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECODE_MALFORMED, DECODE_OTHER, DECODE_TRUNCATED } from '../../src/decode/status.ts'
import {
  authenticationHeader,
  ethernet,
  extensionHeader,
  fragmentHeader,
  ipv6,
  tcp,
  udp,
} from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

const segment = tcp({ payload: 'hello' })

test('addresses and hop limit are reported', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv6({ src: '2001:db8::ffff:1', dst: 'ff02::fb', hopLimit: 255 }, segment)))
  const { from, to, hopLimit, ipId } = recorder.seen[0]!
  assert.deepEqual(
    { from, to, hopLimit, ipId },
    { from: '2001:db8::ffff:1.40000', to: 'ff02::fb.80', hopLimit: 255, ipId: 0 },
  )
})

const chains: [string, Buffer][] = [
  ['hop-by-hop', extensionHeader(0, [5, 2, 0, 0], segment)],
  ['routing', extensionHeader(43, Buffer.alloc(22), segment)],
  ['destination options', extensionHeader(60, Buffer.alloc(6), segment)],
  ['mobility', extensionHeader(135, Buffer.alloc(6), segment)],
  ['host identity', extensionHeader(139, Buffer.alloc(38), segment)],
  ['shim6', extensionHeader(140, Buffer.alloc(6), segment)],
  ['authentication', authenticationHeader(segment)],
  ['atomic fragment', fragmentHeader({ id: 9 }, segment)],
  ['longest destination options', extensionHeader(60, Buffer.alloc(2046), segment)],
  [
    'all of them',
    extensionHeader(
      0,
      [],
      extensionHeader(
        43,
        [],
        extensionHeader(60, [], fragmentHeader({}, authenticationHeader(extensionHeader(60, [], segment)))),
      ),
    ),
  ],
]

for (const [name, payload] of chains) {
  test(`extension headers: ${name}`, () => {
    const recorder = new Recorder()
    recorder.decode(ethernet({}, ipv6({}, payload)))
    assert.equal(recorder.seen[0]?.payload, 'hello')
    assert.deepEqual(recorder.undecoded, [])
  })
}

test('an atomic fragment reports its identification and is not held', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv6({}, fragmentHeader({ id: 0x12345678 }, segment))))
  assert.equal(recorder.seen[0]?.ipId, 0x12345678)
  assert.equal(recorder.decoder.counters.fragments, 0)
})

test('payload length 0 reaches to the end of the frame', () => {
  const recorder = new Recorder()
  const jumbo = extensionHeader(0, [0xc2, 4, 0, 1, 0x12, 0x34], tcp({ payload: 'y'.repeat(70_000) }))
  recorder.decode(ethernet({}, ipv6({ payloadLength: 0 }, jumbo)))
  recorder.decode(ethernet({}, ipv6({ payloadLength: 0 }, segment)), { originalLength: 0xffffffff })
  assert.deepEqual(
    recorder.seen.map(({ payload, missing }) => [payload.length, missing]),
    [
      [70_000, 0],
      [5, 0],
    ],
  )
})

test('a length that reaches past the frame on the wire makes nothing missing', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({}, ipv6({ payloadLength: 60_000 }, segment)))
  assert.deepEqual([recorder.seen[0]?.payload, recorder.seen[0]?.missing], ['hello', 0])
})

test('padding behind the packet is not payload', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({ padTo: 100 }, ipv6({}, udp({ payload: 'hi' }))))
  assert.equal(recorder.seen[0]?.payload, 'hi')
})

test('no next header is ordinary; headers cut short or out of bounds are counted', () => {
  const recorder = new Recorder()
  const cut = ipv6({}, extensionHeader(60, Buffer.alloc(30), segment))
  assert.equal(recorder.decode(ipv6({}, Buffer.alloc(0)), { linkType: 229 }), DECODE_OTHER)
  assert.equal(recorder.decode(cut.subarray(0, 50), { linkType: 229, originalLength: cut.length }), DECODE_TRUNCATED)
  assert.equal(
    recorder.decode(ipv6({ nextHeader: 0 }, Buffer.from([6, 9, 0, 0, 0, 0, 0, 0])), { linkType: 229 }),
    DECODE_MALFORMED,
  )
  assert.equal(recorder.decode(cut.subarray(0, 39), { linkType: 229, originalLength: cut.length }), DECODE_TRUNCATED)
  assert.deepEqual(recorder.others, ['no next header'])
  assert.deepEqual(recorder.undecoded, [
    'malformed IPv6 extension header',
    'truncated IPv6 extension header',
    'truncated IPv6 header',
  ])
})
