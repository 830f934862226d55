import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_VLAN } from '../../../src/core/segment.ts'
import { DECODE_MALFORMED, DECODE_OK, DECODE_OTHER } from '../../../src/decode/status.ts'
import * as link from '../../support/link-builder.ts'
import { ethernet, fragmentHeader, ipv4, ipv4Fragments, ipv6, layer, tcp, udp } from '../../support/packet-builder.ts'
import { Recorder } from '../decode-frame.ts'

const inner4 = ipv4({ src: '192.168.0.1', dst: '192.168.0.2', id: 5, ttl: 9 }, tcp({ payload: 'hello' }))
const inner6 = ipv6({ src: 'fd11::1', dst: 'fd11::2' }, tcp({ payload: 'hello' }))
const bridged = ethernet({ srcMac: '02:11:11:11:11:11', dstMac: '02:22:22:22:22:22' }, inner4)
const tagged = ethernet({ vlan: [77] }, inner4)

const overUdp = (dport: number, payload: Buffer) => ipv4({}, udp({ dport, payload }))

const rows: [string, Buffer][] = [
  ['VXLAN', overUdp(4789, link.vxlan(bridged))],
  ['VXLAN on Linux’ port', overUdp(8472, link.vxlan(bridged))],
  ['VXLAN with group policy', overUdp(4789, link.vxlan(bridged, [0x88, 0, 0, 9]))],
  ['VXLAN over IPv6', ipv6({}, udp({ dport: 4789, payload: link.vxlan(ethernet({}, inner6)) }))],
  ['GENEVE Ethernet', overUdp(6081, link.geneve(bridged))],
  ['GENEVE with options', overUdp(6081, link.geneve(bridged, Buffer.alloc(24)))],
  ['GENEVE IPv6', overUdp(6081, link.geneve(inner6))],
  ['GRE', ipv4({}, link.gre({}, inner4))],
  ['GRE with all fields', ipv4({}, link.gre({ checksum: true, key: true, sequence: true }, inner6))],
  ['GRE over IPv6', ipv6({}, link.gre({ key: true }, inner4))],
  ['GRE bridging', ipv4({}, link.gre({ key: true }, bridged))],
  ['GRE MPLS', ipv4({}, link.gre({}, link.mpls([5], inner4)))],
  ['GRE WCCP', ipv4({}, link.gre({ protocol: 0x883e }, inner4))],
  ['GRE WCCP 2', ipv4({}, link.gre({ protocol: 0x883e }, Buffer.concat([Buffer.alloc(4), inner4])))],
  ['ERSPAN I', ipv4({}, link.gre({ protocol: 0x88be }, bridged))],
  ['ERSPAN II', ipv4({}, link.gre({ sequence: true }, link.erspan(2, bridged)))],
  ['ERSPAN III', ipv4({}, link.gre({ sequence: true }, link.erspan(3, bridged)))],
  ['ERSPAN III with subheader', ipv4({}, link.gre({ sequence: true }, link.erspan(3, bridged, true)))],
  [
    'PPTP',
    ipv4(
      {},
      link.gre(
        { version: 1, key: true, sequence: true, acknowledgement: true, protocol: 0x880b },
        link.ppp({}, inner4),
      ),
    ),
  ],
  ['IP in IP', ipv4({}, inner4)],
  ['6in4', ipv4({}, inner6)],
  ['4in6', ipv6({}, inner4)],
  ['IPv6 in IPv6', ipv6({}, inner6)],
  ['EtherIP', ipv4({}, layer({ protocol: 97 }, Buffer.from([0x30, 0]), bridged))],
  ['MPLS in IP', ipv4({}, link.mpls([5, 6], inner4))],
  ['VXLAN in GRE in IP in IP', ipv4({}, ipv4({}, link.gre({}, overUdp(4789, link.vxlan(bridged)))))],
]

for (const [name, ip] of rows) {
  test(`${name}: the inner addresses count`, () => {
    const recorder = new Recorder()
    assert.equal(recorder.decode(ethernet({ vlan: [5] }, ip)), DECODE_OK, recorder.undecoded.join())
    const { from, payload } = recorder.seen[0]!
    assert.equal(payload, 'hello')
    assert.ok(['192.168.0.1.40000', 'fd11::1.40000'].includes(from), from)
    assert.ok(recorder.decoder.counters.unwrappedTunnels >= 1)
  })

  test(`${name}: not unwrapped, it is a datagram or ordinary`, () => {
    const recorder = new Recorder(false)
    const status = recorder.decode(ethernet({}, ip))
    if (recorder.seen.length === 0) assert.equal(status, DECODE_OTHER)
    else assert.equal(recorder.seen[0]?.kind, 'udp')
    assert.deepEqual(recorder.undecoded, [])
    assert.equal(recorder.decoder.counters.unwrappedTunnels, 0)
  })

  test(`${name}: cut anywhere, it is a shorter payload or a counted cause`, () => {
    const frame = ethernet({}, ip)
    for (let captured = 0; captured < frame.length; captured++) {
      const recorder = new Recorder()
      recorder.decode(frame.subarray(0, captured), { originalLength: frame.length })
      for (const { payload, missing, kind } of recorder.seen) {
        if (kind === 'tcp') assert.equal(payload.length + missing, 5)
      }
    }
  })
}

test('a bridged frame brings its own VLAN and addresses, an IP tunnel keeps those outside', () => {
  const recorder = new Recorder()
  recorder.decode(ethernet({ vlan: [5] }, overUdp(4789, link.vxlan(tagged))))
  recorder.decode(ethernet({ vlan: [5] }, overUdp(4789, link.vxlan(bridged))))
  recorder.decode(ethernet({ vlan: [5] }, ipv4({}, inner4)))
  assert.deepEqual(
    recorder.seen.map(({ vlan, macs, ipId, hopLimit }) => [vlan, macs, ipId, hopLimit]),
    [
      [77, '020000000001>020000000002', 5, 9],
      [NO_VLAN, '021111111111>022222222222', 5, 9],
      [5, '020000000001>020000000002', 5, 9],
    ],
  )
})

test('other applications on the ports of tunnels are datagrams', () => {
  const payloads: [number, Buffer][] = [
    [4789, Buffer.from('just some text that is long enough')],
    [4789, link.vxlan(bridged, [0, 0, 0, 0])],
    [4789, link.vxlan(bridged, [8, 0, 0, 1])],
    [4789, link.vxlan(Buffer.alloc(13))],
    [4789, Buffer.alloc(3)],
    [8472, Buffer.from('batman-adv? no.')],
    [6081, Buffer.from('geneve? no. a port number like others')],
    [6081, link.geneve(bridged, '', 0x1234)],
    [6081, link.geneve(bridged).subarray(0, 7)],
    [53, link.vxlan(bridged)],
  ]
  for (const [port, payload] of payloads) {
    const recorder = new Recorder()
    recorder.decode(ethernet({}, overUdp(port, payload)))
    assert.deepEqual([recorder.seen[0]?.kind, recorder.seen[0]?.payload.length], ['udp', payload.length])
  }
})

test('what GRE carries besides', () => {
  const recorder = new Recorder()
  recorder.decode(ipv4({}, link.gre({ protocol: 0 }, Buffer.alloc(0))), { linkType: 228 })
  recorder.decode(ipv4({}, link.gre({ protocol: 0x2001 }, Buffer.alloc(20))), { linkType: 228 })
  recorder.decode(
    ipv4({}, link.gre({ version: 1, key: true, acknowledgement: true, protocol: 0x880b }, Buffer.alloc(0))),
    { linkType: 228 },
  )
  recorder.decode(ipv4({}, link.gre({ version: 2 }, inner4)), { linkType: 228 })
  recorder.decode(ipv4({}, link.gre({ protocol: 0x6559 }, inner4)), { linkType: 228 })
  assert.deepEqual(recorder.others, ['GRE keep-alive', 'NHRP', 'PPTP acknowledgement'])
  assert.deepEqual(recorder.undecoded, ['unsupported EtherType 0x6559', 'unsupported GRE protocol 0x0800'])
})

test('nesting is bounded', () => {
  const nested = (levels: number) => {
    let ip = inner4
    for (let i = 0; i < levels; i++) ip = ipv4({}, ip)
    return ip
  }
  const recorder = new Recorder()
  assert.equal(recorder.decode(nested(8), { linkType: 228 }), DECODE_OK)
  assert.equal(recorder.decode(nested(9), { linkType: 228 }), DECODE_MALFORMED)
  assert.equal(recorder.decode(nested(800), { linkType: 228 }), DECODE_MALFORMED)
  assert.deepEqual(recorder.undecoded, ['malformed nesting of tunnels ×2'])
})

test('a tunnelled packet in fragments, and fragments in a tunnel', () => {
  const recorder = new Recorder()
  for (const part of ipv4Fragments({}, udp({ dport: 4789, payload: link.vxlan(bridged) }), 40))
    recorder.decode(ethernet({}, part))
  const parts = ipv4Fragments({ src: '172.16.0.1' }, tcp({ payload: 'hello' }), 8)
  for (const part of parts) recorder.decode(ethernet({}, overUdp(4789, link.vxlan(ethernet({}, part)))))
  const both = ipv4Fragments({ src: '172.16.0.1', id: 2 }, tcp({ payload: 'hello' }), 8)
  for (const [i, part] of both.entries()) {
    for (const outer of ipv4Fragments(
      { id: 50 + i },
      udp({ dport: 4789, payload: link.vxlan(ethernet({}, part)) }),
      16,
    )) {
      recorder.decode(ethernet({}, outer))
    }
  }
  recorder.decode(ethernet({}, ipv4({}, ipv6({}, fragmentHeader({}, tcp({ payload: 'hello' }))))))
  assert.deepEqual(
    recorder.seen.map(({ from, payload }) => `${from} ${payload}`),
    ['192.168.0.1.40000 hello', '172.16.0.1.40000 hello', '172.16.0.1.40000 hello', 'fd00::1.40000 hello'],
  )
})
