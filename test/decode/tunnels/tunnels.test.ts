import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { NO_VLAN } from '../../../src/core/segment.ts'
import { DECODE_MALFORMED, DECODE_OK, DECODE_OTHER } from '../../../src/decode/status.ts'
import * as link from '../../support/link-builder.ts'
import {
  ethernet,
  fragmentHeader,
  ipv4,
  ipv4Fragments,
  ipv6,
  kindOf,
  layer,
  tcp,
  udp,
} from '../../support/packet-builder.ts'
import { pcapOf } from '../../support/pcap-builder.ts'
import { Recorder } from '../decode-frame.ts'

const inner4 = ipv4({ src: '192.168.0.1', dst: '192.168.0.2', id: 5, ttl: 9 }, tcp({ payload: 'hello' }))
const inner6 = ipv6({ src: 'fd11::1', dst: 'fd11::2' }, tcp({ payload: 'hello' }))
const bridged = ethernet({ srcMac: '02:11:11:11:11:11', dstMac: '02:22:22:22:22:22' }, inner4)
const tagged = ethernet({ vlan: [77] }, inner4)

const overUdp = (dport: number, payload: Buffer) => ipv4({}, udp({ dport, payload }))

const inVxlan = ipv4({}, udp({ dport: 4789, payload: link.vxlan(bridged) }))

/** Some bytes of a layer replaced: place and value. */
function withBytes(bytes: Buffer, ...changes: [at: number, value: number][]): Buffer {
  const changed = layer(kindOf(bytes), bytes)
  for (const [at, value] of changes) changed[at] = value
  return changed
}

const rows: [string, Buffer][] = [
  ['VXLAN', overUdp(4789, link.vxlan(bridged))],
  ['VXLAN on Linux’ port', overUdp(8472, link.vxlan(bridged))],
  ['VXLAN with group policy', overUdp(4789, link.vxlan(bridged, [0x88, 0, 0, 9]))],
  ['VXLAN with reserved bits', overUdp(4789, link.vxlan(bridged, [0xf8, 0xff, 0xff, 0xff]))],
  ['VXLAN with the bit of GPE', overUdp(4789, link.vxlan(bridged, [0x0c, 0, 0, 0]))],
  ['VXLAN without a network id', overUdp(4789, link.vxlan(tagged, [0, 0, 0, 0]))],
  ['VXLAN told by the source port', ipv4({}, udp({ sport: 4789, dport: 60000, payload: link.vxlan(bridged) }))],
  ['VXLAN-GPE IPv4', overUdp(4790, link.vxlanGpe(inner4))],
  ['VXLAN-GPE IPv6', overUdp(4790, link.vxlanGpe(inner6))],
  ['VXLAN-GPE Ethernet', overUdp(4790, link.vxlanGpe(bridged))],
  ['VXLAN-GPE MPLS', overUdp(4790, link.vxlanGpe(link.mpls([5], inner4)))],
  ['VXLAN-GPE NSH IPv4', overUdp(4790, link.vxlanGpe(link.nsh(inner4)))],
  ['VXLAN-GPE NSH with metadata', overUdp(4790, link.vxlanGpe(link.nsh(tagged, 16)))],
  ['VXLAN-GPE that does not say what follows', overUdp(4790, link.vxlan(bridged))],
  ['VXLAN-GPE on the port of VXLAN', overUdp(4789, link.vxlanGpe(inner4))],
  ['VXLAN over IPv6', ipv6({}, udp({ dport: 4789, payload: link.vxlan(ethernet({}, inner6)) }))],
  ['GENEVE Ethernet', overUdp(6081, link.geneve(bridged))],
  ['GENEVE with options', overUdp(6081, link.geneve(bridged, Buffer.alloc(24)))],
  ['GENEVE IPv6', overUdp(6081, link.geneve(inner6))],
  ['GENEVE with reserved bits', overUdp(6081, withBytes(link.geneve(inner4), [1, 0xff], [7, 9]))],
  ['GENEVE NSH', overUdp(6081, link.geneve(link.nsh(inner6)))],
  ['GENEVE MPLS', overUdp(6081, link.geneve(link.mpls([5], inner4)))],
  ['GRE in UDP', overUdp(4754, link.gre({}, inner4))],
  ['GRE in UDP with all fields', overUdp(4754, link.gre({ checksum: true, key: true, sequence: true }, bridged))],
  ['GRE in UDP IPv6', overUdp(4754, link.gre({ key: true }, inner6))],
  ['GRE in UDP MPLS', overUdp(4754, link.gre({}, link.mpls([5], inner6)))],
  ['GRE in UDP ERSPAN I', overUdp(4754, link.gre({ protocol: 0x88be }, tagged))],
  ['GRE in UDP ERSPAN II', overUdp(4754, link.gre({ sequence: true }, link.erspan(2, bridged)))],
  ['GRE in UDP ERSPAN III', overUdp(4754, link.gre({ sequence: true }, link.erspan(3, bridged)))],
  ['GRE in UDP over IPv6', ipv6({}, udp({ dport: 4754, payload: link.gre({}, inner4) }))],
  ['MPLS in UDP', overUdp(6635, link.mpls([5], inner4))],
  ['MPLS in UDP, several labels', overUdp(6635, link.mpls([5, 6, 7], inner6))],
  ['MPLS in UDP, Ethernet', overUdp(6635, link.mpls([5], Buffer.concat([Buffer.alloc(4), bridged])))],
  ['GTP-U', overUdp(2152, link.gtpU({}, inner4))],
  ['GTP-U IPv6', overUdp(2152, link.gtpU({}, inner6))],
  ['GTP-U Ethernet', overUdp(2152, link.gtpU({}, bridged))],
  ['GTP-U with a sequence number', overUdp(2152, link.gtpU({ sequence: true }, inner4))],
  ['GTP-U with an N-PDU number', overUdp(2152, link.gtpU({ nPdu: true }, inner6))],
  ['GTP-U with an extension', overUdp(2152, link.gtpU({ extensions: [[0x85, Buffer.from([0, 9])]] }, inner4))],
  [
    'GTP-U with everything',
    overUdp(
      2152,
      link.gtpU(
        {
          sequence: true,
          nPdu: true,
          extensions: [
            [0xc0, Buffer.from([0, 9])],
            [0x85, Buffer.from([0x10, 9, 1, 2, 3, 4])],
          ],
        },
        inner6,
      ),
    ),
  ],
  ['GTP-U over IPv6', ipv6({}, udp({ dport: 2152, payload: link.gtpU({ sequence: true }, inner4) }))],
  ['TZSP', overUdp(37008, link.tzsp(bridged))],
  ['GRE', ipv4({}, link.gre({}, inner4))],
  ['GRE with all fields', ipv4({}, link.gre({ checksum: true, key: true, sequence: true }, inner6))],
  ['GRE over IPv6', ipv6({}, link.gre({ key: true }, inner4))],
  ['GRE bridging', ipv4({}, link.gre({ key: true }, bridged))],
  ['GRE MPLS', ipv4({}, link.gre({}, link.mpls([5], inner4)))],
  ['GRE WCCP', ipv4({}, link.gre({ protocol: 0x883e }, inner4))],
  ['GRE WCCP 2', ipv4({}, link.gre({ protocol: 0x883e }, Buffer.concat([Buffer.alloc(4), inner4])))],
  ['ERSPAN I', ipv4({}, link.gre({ protocol: 0x88be }, bridged))],
  ['ERSPAN I with a key', ipv4({}, link.gre({ protocol: 0x88be, key: true }, tagged))],
  ['ERSPAN I with a sequence number', ipv4({}, link.gre({ protocol: 0x88be, sequence: true }, bridged))],
  ['ERSPAN I, two tags', ipv4({}, link.gre({ protocol: 0x88be }, ethernet({ vlan: [7, 8] }, inner6)))],
  ['ERSPAN II without a sequence number', ipv4({}, link.gre({}, link.erspan(2, bridged)))],
  ['ERSPAN II with a key', ipv4({}, link.gre({ key: true, sequence: true }, link.erspan(2, tagged)))],
  ['ERSPAN II over IPv6', ipv6({}, link.gre({ sequence: true }, link.erspan(2, bridged)))],
  ['ERSPAN II, VXLAN', ipv4({}, link.gre({ sequence: true }, link.erspan(2, ethernet({}, inVxlan))))],
  ['ERSPAN III, VXLAN', ipv4({}, link.gre({ sequence: true }, link.erspan(3, ethernet({ vlan: [9] }, inVxlan))))],
  ['ERSPAN I, VXLAN', ipv4({}, link.gre({ protocol: 0x88be }, ethernet({}, inVxlan)))],
  ['ERSPAN II', ipv4({}, link.gre({ sequence: true }, link.erspan(2, bridged)))],
  ['ERSPAN III', ipv4({}, link.gre({ sequence: true }, link.erspan(3, bridged)))],
  ['ERSPAN III with subheader', ipv4({}, link.gre({ sequence: true }, link.erspan(3, bridged, { subheader: true })))],
  ['ERSPAN III, a tag', ipv4({}, link.gre({ sequence: true }, link.erspan(3, tagged)))],
  ['ERSPAN III, IP', ipv4({}, link.gre({ sequence: true }, link.erspan(3, inner4, { frameType: 2 })))],
  [
    'ERSPAN III, IPv6 behind a subheader',
    ipv4({}, link.gre({ sequence: true }, link.erspan(3, inner6, { frameType: 2, subheader: true }))),
  ],
  [
    'ERSPAN III by the protocol of II',
    ipv4({}, link.gre({ sequence: true }, link.erspan(3, bridged, { etherType: 0x88be }))),
  ],
  [
    'ERSPAN II by the protocol of III',
    ipv4({}, link.gre({ sequence: true }, link.erspan(2, bridged, { etherType: 0x22eb }))),
  ],
  ['GRE NSH', ipv4({}, link.gre({}, link.nsh(bridged)))],
  ['GRE with a source route', ipv4({}, link.gre({ route: true, key: true }, inner4))],
  ['GRE PPP', ipv4({}, link.gre({ protocol: 0x880b }, link.ppp({}, inner4)))],
  ['Ethernet over IP', ipv4({}, link.gre({ version: 1, key: true, protocol: 0x6400 }, bridged))],
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
    [4789, link.vxlan(Buffer.alloc(40), [0, 0, 0, 0])],
    [4789, link.vxlan(Buffer.alloc(40), [8, 0, 0, 1])],
    [4789, link.vxlan(Buffer.alloc(13))],
    [4789, Buffer.alloc(3)],
    [8472, Buffer.from('batman-adv? no.')],
    [6081, Buffer.from('geneve? no. a port number like others')],
    [6081, link.geneve(bridged, '', 0x1234)],
    [6081, link.geneve(bridged).subarray(0, 7)],
    [53, link.vxlan(bridged)],
    [4789, link.vxlan(ethernet({}, ipv4({ totalLength: 900 }, tcp({}))), [9, 0, 0, 0])],
    [4789, link.vxlanGpe(Buffer.alloc(30), 1)],
    [4790, link.vxlanGpe(inner4, 2)],
    [4790, link.vxlanGpe(inner4, 9)],
    [4790, link.vxlanGpe(link.nsh(inner4, 0, 9))],
    [4790, Buffer.from('any text, long enough to be a header and more')],
    [4754, link.gre({ version: 1 }, inner4)],
    [4754, link.gre({ acknowledgement: true }, inner4)],
    [4754, link.gre({ protocol: 0x0806 }, inner4)],
    [4754, link.gre({ protocol: 0x88be, sequence: true }, Buffer.alloc(60, 0x10))],
    [4754, link.gre({}, ipv4({ totalLength: 900 }, tcp({})))],
    [4754, Buffer.from([0, 0, 8, 0])],
    [6635, Buffer.from('any text, long enough to be a header and more')],
    [6635, link.mpls([5], Buffer.alloc(40))],
    [6635, link.mpls([5], Buffer.alloc(0))],
    [
      6635,
      link.mpls(
        Array.from({ length: 40 }, (_, i) => i),
        inner4,
      ),
    ],
    [2152, link.gtpU({ type: 1, sequence: true }, '')],
    [2152, link.gtpU({ type: 26 }, inner4)],
    [2152, link.gtpU({ length: 900 }, inner4)],
    [2152, link.gtpU({}, Buffer.alloc(40))],
    [2152, link.gtpU({ extensions: [[0x85, Buffer.alloc(2)]] }, '')],
    [2152, withBytes(link.gtpU({ extensions: [[0x85, Buffer.alloc(2)]] }, inner4), [12, 0])],
    [2152, withBytes(link.gtpU({ extensions: [[0x85, Buffer.alloc(2)]] }, inner4), [12, 200])],
    [2152, withBytes(link.gtpU({}, inner4), [0, 0x50])],
    [2152, Buffer.from('text, and no')],
    [37008, Buffer.from([1, 0, 0, 1, 0, 0, 0, 0, 0])],
    [37008, Buffer.from([1, 0, 0, 1, 10, 200, 0])],
    [37008, link.tzsp(Buffer.alloc(60))],
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

test('a frame that the mirror cut misses what its own length claims', () => {
  const whole = ethernet({}, ipv4({ src: '192.168.0.1' }, tcp({ payload: 'hello, this was longer' })))
  const cut = Buffer.from(whole.subarray(0, whole.length - 17))
  for (const version of [2, 3] as const) {
    const recorder = new Recorder()
    recorder.decode(
      ethernet({}, ipv4({}, link.gre({ sequence: true }, link.erspan(version, cut, { truncated: true })))),
    )
    recorder.decode(
      ethernet(
        {},
        ipv4({}, link.gre({ sequence: true }, link.erspan(version, cut.subarray(0, 30), { truncated: true }))),
      ),
    )
    assert.deepEqual(
      recorder.seen.map(({ payload, missing }) => [payload, missing]),
      [['hello', 17]],
    )
    assert.deepEqual(recorder.undecoded, ['truncated IPv4 header'])
  }
})

test('ERSPAN that says nothing we know', () => {
  const recorder = new Recorder()
  const send = (payload: Buffer) => recorder.decode(ethernet({}, ipv4({}, payload)))
  send(link.gre({ sequence: true }, withBytes(link.erspan(3, bridged), [0, 0x30])))
  send(link.gre({ sequence: true }, link.erspan(3, bridged, { frameType: 1 })))
  send(link.gre({ sequence: true, protocol: 0x22eb }, Buffer.from([0x20, 0, 0])))
  send(link.gre({ protocol: 0x894f }, Buffer.from([0x40, 2, 2, 1, 0, 0, 0, 0])))
  send(link.gre({ protocol: 0x894f }, Buffer.from([0, 1, 2, 1, 0, 0, 0, 0])))
  send(link.gre({ protocol: 0x894f }, Buffer.from([0, 9, 2, 1, 0, 0, 0, 0])))
  const endlessRoute = Buffer.from(Array.from({ length: 40 }, () => [8, 0, 0, 4, 1, 2, 3, 4]).flat())
  send(layer({ protocol: 47 }, Buffer.from([0x40, 0, 8, 0, 0, 0, 0, 0]), endlessRoute))
  assert.deepEqual(recorder.seen, [])
  assert.deepEqual(recorder.undecoded, [
    'malformed ERSPAN header ×2',
    'malformed service header protocol ×2',
    'malformed GRE protocol',
    'unsupported ERSPAN header 1',
    'unsupported service header protocol 1',
  ])
})

const tshark = spawnSync('tshark', ['--version'], { encoding: 'utf8' })
if (tshark.error !== undefined) console.error('NOT TESTED: tunnels against tshark, because it is not installed')

/** Where we find more than it does. */
const NOT_IN_TSHARK = new Set([
  'VXLAN with the bit of GPE',
  'VXLAN-GPE that does not say what follows',
  'VXLAN-GPE on the port of VXLAN',
  'VXLAN on Linux’ port',
  'MPLS in UDP, Ethernet',
  'ERSPAN I with a sequence number',
  'ERSPAN II without a sequence number',
  'ERSPAN III, IP',
  'ERSPAN III, IPv6 behind a subheader',
])

test('tshark finds the same in these tunnels', { skip: tshark.error !== undefined && 'needs tshark' }, () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'tunnels-')), 'tunnels.pcap')
  const compared = rows.filter(([name]) => !NOT_IN_TSHARK.has(name))
  try {
    fs.writeFileSync(file, pcapOf(compared.map(([, ip]) => ethernet({}, ip))))
    const fields = ['ip.src', 'ipv6.src', 'tcp.payload', 'vlan.id'].flatMap((field) => ['-e', field])
    const { stdout } = spawnSync('tshark', ['-r', file, '-T', 'fields', ...fields], { encoding: 'utf8' })
    const theirs = stdout.split('\n').slice(0, -1)
    assert.equal(theirs.length, compared.length)
    for (const [i, [name, ip]] of compared.entries()) {
      const recorder = new Recorder()
      recorder.decode(ethernet({}, ip))
      const [four = '', six = '', payload, vlans = ''] = theirs[i]!.split('\t')
      const seen = recorder.seen[0]!
      const from = seen.from.replace(/\.40000$/, '')
      assert.ok(`${four},${six}`.split(',').includes(from), `${name}: ${from} against ${theirs[i]}`)
      assert.equal(payload, Buffer.from(seen.payload).toString('hex'), name)
      if (seen.vlan !== NO_VLAN) assert.equal(String(seen.vlan), vlans.split(',').at(-1), name)
    }
  } finally {
    fs.rmSync(path.dirname(file), { recursive: true })
  }
})
