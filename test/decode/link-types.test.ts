import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_VLAN } from '../../src/core/segment.ts'
import { describeLinkType, linkTypeName, linkTypes } from '../../src/decode/link-types.ts'
import { DECODE_OK, DECODE_UNSUPPORTED_LINK_TYPE } from '../../src/decode/status.ts'
import * as link from '../support/link-builder.ts'
import { ethernet, ipv4, ipv6, tcp } from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

const v4 = ipv4({}, tcp({ payload: 'hello' }))
const v6 = ipv6({}, tcp({ payload: 'hello' }))
const bridged = ethernet({}, v4)
const BOTH = '020000000001>020000000002'
const SOURCE = '020000000001>-'
const NONE = '->-'

/** Name, link type, frame, and what is seen besides the five bytes of payload: VLAN and link addresses. */
const rows: [string, number, Buffer, number, string][] = [
  ['Ethernet IPv4', 1, ethernet({}, v4), NO_VLAN, BOTH],
  ['Ethernet IPv6', 1, ethernet({}, v6), NO_VLAN, BOTH],
  ['Ethernet padded', 1, ethernet({ padTo: 120 }, v4), NO_VLAN, BOTH],
  ['802.3 LLC/SNAP', 1, link.ieee8023(link.snap(v4), 80), NO_VLAN, BOTH],
  ['802.3 SNAP bridge tunnel', 1, link.ieee8023(link.snap(v4, 0x0000f8)), NO_VLAN, BOTH],
  ['802.3 SNAP with a bridged frame', 1, link.ieee8023(link.snap(bridged, 0x0080c2, 7)), NO_VLAN, BOTH],
  ['802.3 LLC with IP', 1, link.ieee8023(Buffer.concat([Buffer.from([6, 6, 3]), v4])), NO_VLAN, BOTH],
  ['jumbo LLC', 1, ethernet({ etherType: 0x8870 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.1Q', 1, ethernet({ vlan: [5] }, v4), 5, BOTH],
  ['802.1Q with priority only', 1, ethernet({ vlan: [0x6000] }, v4), NO_VLAN, BOTH],
  ['priority tag inside a VLAN', 1, ethernet({ vlan: [7, 0xe000] }, v4), 7, BOTH],
  ['QinQ', 1, ethernet({ vlan: [{ id: 5, etherType: 0x88a8 }, 0x2fff] }, v4), 4095, BOTH],
  [
    'QinQ 0x9100, 0x9200, 0x9300',
    1,
    ethernet({ vlan: [0x9100, 0x9200, 0x9300].map((etherType, i) => ({ id: i + 1, etherType })) }, v6),
    3,
    BOTH,
  ],
  ['twenty tags', 1, ethernet({ vlan: Array.from({ length: 20 }, (_, i) => i + 100) }, v4), 119, BOTH],
  ['802.3 within a VLAN', 1, ethernet({ vlan: [5], etherType: link.snap(v4).length }, link.snap(v4)), 5, BOTH],
  [
    '802.1ah',
    1,
    ethernet(
      { srcMac: '0a:0a:0a:0a:0a:0a', vlan: [{ id: 9, etherType: 0x88a8 }] },
      link.serviceTag(ethernet({ vlan: [6] }, v4)),
    ),
    6,
    BOTH,
  ],
  ['MPLS IPv4', 1, ethernet({}, link.mpls([16, 17, 18], v4)), NO_VLAN, BOTH],
  ['MPLS IPv6', 1, ethernet({}, link.mpls([2], v6)), NO_VLAN, BOTH],
  ['MPLS multicast', 1, ethernet({ etherType: 0x8848 }, link.mpls([16], v4)), NO_VLAN, BOTH],
  [
    'MPLS pseudowire with control word',
    1,
    ethernet({}, link.mpls([16], Buffer.concat([Buffer.alloc(4), bridged]))),
    NO_VLAN,
    BOTH,
  ],
  ['MPLS pseudowire without control word', 1, ethernet({}, link.mpls([16], bridged)), NO_VLAN, BOTH],
  [
    'MPLS pseudowire, address begins with 8',
    1,
    ethernet({}, link.mpls([16], ethernet({ dstMac: '82:00:00:00:00:02' }, v4))),
    NO_VLAN,
    '020000000001>820000000002',
  ],
  ['PPPoE IPv4', 1, ethernet({}, link.pppoe(link.ppp({ address: false }, v4))), NO_VLAN, BOTH],
  ['PPPoE IPv6 in QinQ', 1, ethernet({ vlan: [8, 9] }, link.pppoe(link.ppp({ address: false }, v6))), 9, BOTH],
  ['Linux cooked', 113, link.linuxCooked(v4), NO_VLAN, SOURCE],
  ['Linux cooked, tagged', 113, link.linuxCooked(Buffer.concat([Buffer.from([0, 5, 8, 0]), v4]), 0x8100), 5, SOURCE],
  ['Linux cooked, LLC', 113, link.linuxCooked(link.snap(v6), 4), NO_VLAN, SOURCE],
  ['Linux cooked 2', 276, link.linuxCooked2(v6), NO_VLAN, SOURCE],
  ['Linux cooked 2, tagged', 276, link.linuxCooked2(Buffer.concat([Buffer.from([0, 5, 8, 0]), v4]), 0x8100), 5, SOURCE],
  ['raw IPv4', 101, v4, NO_VLAN, NONE],
  ['raw IPv6', 101, v6, NO_VLAN, NONE],
  ['raw 12', 12, v4, NO_VLAN, NONE],
  ['raw 14', 14, v6, NO_VLAN, NONE],
  ['IPV4', 228, v4, NO_VLAN, NONE],
  ['IPV6', 229, v6, NO_VLAN, NONE],
  ['NULL IPv4', 0, link.bsdLoopback(2, v4), NO_VLAN, NONE],
  ['NULL IPv4 big-endian', 0, link.bsdLoopback(2, v4, true), NO_VLAN, NONE],
  ['LOOP IPv4', 108, link.bsdLoopback(2, v4, true), NO_VLAN, NONE],
  ['LOOP IPv4 little-endian', 108, link.bsdLoopback(2, v4), NO_VLAN, NONE],
  ...[10, 23, 24, 28, 30].flatMap((family): [string, number, Buffer, number, string][] => [
    [`NULL AF_INET6 ${family}`, 0, link.bsdLoopback(family, v6), NO_VLAN, NONE],
    [`LOOP AF_INET6 ${family}`, 108, link.bsdLoopback(family, v6, true), NO_VLAN, NONE],
  ]),
  ['PPP', 9, link.ppp({}, v4), NO_VLAN, NONE],
  ['PPP without address', 9, link.ppp({ address: false }, v6), NO_VLAN, NONE],
  ['PPP compressed', 9, link.ppp({ compressed: true }, v4), NO_VLAN, NONE],
  ['PPP with MPLS', 9, link.ppp({}, link.mpls([20], v4)), NO_VLAN, NONE],
  ['PPP_SERIAL', 50, link.ppp({}, v4), NO_VLAN, NONE],
  ['PPP_SERIAL with C-HDLC', 50, link.ciscoHdlc(v4), NO_VLAN, NONE],
  ['PPP_ETHER', 51, link.pppoe(link.ppp({ address: false }, v4)), NO_VLAN, NONE],
  ['PPP_WITH_DIR', 204, Buffer.concat([Buffer.from([1]), link.ppp({}, v4)]), NO_VLAN, NONE],
  ['C_HDLC IPv4', 104, link.ciscoHdlc(v4), NO_VLAN, NONE],
  ['C_HDLC IPv6', 104, link.ciscoHdlc(v6), NO_VLAN, NONE],
  ['NFLOG', 239, link.nflog(v4), NO_VLAN, SOURCE],
  ['NFLOG big-endian', 239, link.nflog(v6, true), NO_VLAN, SOURCE],
  ['802.11 ad hoc', 105, link.ieee80211({ flags: 0 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.11 to the access point', 105, link.ieee80211({ flags: 1 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.11 from the access point', 105, link.ieee80211({ flags: 2 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.11 four addresses', 105, link.ieee80211({ flags: 3 }, link.snap(v6)), NO_VLAN, BOTH],
  ['802.11 QoS', 105, link.ieee80211({ control: 0x88, flags: 2 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.11 QoS, HT control', 105, link.ieee80211({ control: 0x88, flags: 0x82 }, link.snap(v4)), NO_VLAN, BOTH],
  ['802.11 QoS, four addresses', 105, link.ieee80211({ control: 0x88, flags: 3 }, link.snap(v4)), NO_VLAN, BOTH],
  [
    '802.11 A-MSDU of one',
    105,
    link.ieee80211({ control: 0x88, aggregate: true }, link.aggregate(link.snap(v4))),
    NO_VLAN,
    BOTH,
  ],
  ['radiotap', 127, link.radiotap(0, link.ieee80211({}, link.snap(v4))), NO_VLAN, BOTH],
  [
    'radiotap, padded',
    127,
    link.radiotap(0x20, link.ieee80211({ control: 0x88, padded: true }, link.snap(v4))),
    NO_VLAN,
    BOTH,
  ],
  [
    'radiotap, check sequence',
    127,
    link.radiotap(0x10, Buffer.concat([link.ieee80211({}, link.snap(v4)), Buffer.from('FCS!')])),
    NO_VLAN,
    BOTH,
  ],
  ['Prism', 119, prism(link.ieee80211({}, link.snap(v4))), NO_VLAN, BOTH],
  ['Prism with an AVS header', 119, avs(link.ieee80211({}, link.snap(v4))), NO_VLAN, BOTH],
  ['AVS', 163, avs(link.ieee80211({}, link.snap(v6))), NO_VLAN, BOTH],
]

function prism(frame: Buffer): Buffer {
  const header = Buffer.alloc(144)
  header.writeUInt32LE(0x44, 0)
  header.writeUInt32LE(144, 4)
  return Buffer.concat([header, frame])
}

function avs(frame: Buffer): Buffer {
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x80211001, 0)
  header.writeUInt32BE(64, 4)
  return Buffer.concat([header, frame])
}

for (const [name, linkType, frame, vlan, macs] of rows) {
  test(`${name}: payload, VLAN and link addresses`, () => {
    const recorder = new Recorder()
    assert.equal(recorder.decode(frame, { linkType }), DECODE_OK, recorder.undecoded.join())
    const [seen] = recorder.seen
    assert.equal(recorder.seen.length, 1)
    const { payload, missing, from } = seen!
    const sender = from.startsWith('10.') ? '10.0.0.1.40000' : 'fd00::1.40000'
    assert.deepEqual({ payload, missing, from }, { payload: 'hello', missing: 0, from: sender })
    assert.deepEqual({ vlan: seen!.vlan, macs: seen!.macs }, { vlan, macs })
    assert.deepEqual(recorder.undecoded, [])
  })

  test(`${name}: cut anywhere, it is a shorter payload or a counted cause`, () => {
    const recorder = new Recorder()
    for (let captured = 0; captured < frame.length; captured++) {
      recorder.seen.length = 0
      recorder.decode(frame.subarray(0, captured), { linkType, originalLength: frame.length })
      for (const { payload, missing } of recorder.seen) {
        assert.ok('hello'.startsWith(payload))
        assert.equal(payload.length + missing, 5)
      }
    }
  })
}

test('every link type of the registry is in the table above', () => {
  const tested = new Set(rows.map((row) => row[1]))
  assert.deepEqual(
    linkTypes.map(({ number }) => number).filter((number) => !tested.has(number)),
    [],
  )
})

test('an A-MSDU gives the segments of all its frames', () => {
  const recorder = new Recorder()
  const parts = ['a', 'bb', 'ccc'].map((payload) => link.snap(ipv4({}, tcp({ payload }))))
  const frame = link.ieee80211({ control: 0x88, aggregate: true }, link.aggregate(...parts))
  assert.equal(
    recorder.decode(link.radiotap(0x10, Buffer.concat([frame, Buffer.alloc(4)])), { linkType: 127 }),
    DECODE_OK,
  )
  assert.deepEqual(
    recorder.seen.map(({ payload, macs }) => [payload, macs]),
    [
      ['a', BOTH],
      ['bb', BOTH],
      ['ccc', BOTH],
    ],
  )
})

test('padding behind a PPPoE session frame is no payload where IP says no length', () => {
  const recorder = new Recorder()
  const bare = link.pppoe(link.ppp({ address: false }, ipv4({ totalLength: 0 }, tcp({ flags: '.' }))))
  recorder.decode(ethernet({ padTo: 100 }, bare))
  assert.deepEqual([recorder.seen[0]?.payload, recorder.seen[0]?.missing], ['', 0])
})

test('the check sequence that radiotap announces is no payload where IP says no length', () => {
  const recorder = new Recorder()
  const frame = link.ieee80211({}, link.snap(ipv4({ totalLength: 0 }, tcp({ payload: 'hello' }))))
  recorder.decode(link.radiotap(0x10, Buffer.concat([frame, Buffer.from('FCS!')])), { linkType: 127 })
  assert.equal(recorder.seen[0]?.payload, 'hello')
})

const counted: [string, number, Buffer, { undecoded?: string; other?: string }][] = [
  ['protected 802.11', 105, link.ieee80211({ flags: 0x41 }, Buffer.alloc(60)), { undecoded: 'encrypted 802.11 frame' }],
  ['802.11 beacon', 105, link.ieee80211({ control: 0x80, flags: 0 }, Buffer.alloc(60)), { other: '802.11 management' }],
  ['802.11 null', 105, link.ieee80211({ control: 0x48 }, Buffer.alloc(0)), { other: '802.11 data without payload' }],
  [
    '802.11 fragment',
    105,
    link.ieee80211({ fragment: 1 }, Buffer.alloc(60)),
    { undecoded: 'unsupported 802.11 fragment 0' },
  ],
  [
    'radiotap bad check sequence',
    127,
    link.radiotap(0x50, link.ieee80211({}, link.snap(v4))),
    { undecoded: 'malformed 802.11 frame' },
  ],
  ['spanning tree', 1, link.ieee8023(Buffer.from([0x42, 0x42, 3, 0, 0]), 60), { other: 'spanning tree' }],
  ['CDP', 1, link.ieee8023(link.snap(Buffer.alloc(20), 0x00000c, 0x2000)), { other: 'CDP' }],
  ['LLDP', 1, ethernet({ etherType: 0x88cc }, Buffer.alloc(50)), { other: 'LLDP' }],
  ['PPPoE discovery', 1, ethernet({ etherType: 0x8863 }, Buffer.alloc(50)), { other: 'PPPoE discovery' }],
  ['MACsec', 1, ethernet({ etherType: 0x88e5 }, Buffer.alloc(50)), { undecoded: 'encrypted EtherType' }],
  ['TRILL', 1, ethernet({ etherType: 0x22f3 }, Buffer.alloc(50)), { undecoded: 'unsupported EtherType 0x22f3' }],
  ['PPP LCP', 9, link.ppp({ protocol: 0xc021 }, Buffer.alloc(9)), { other: 'PPP control' }],
  ['PPP with MPPE', 9, link.ppp({ protocol: 0x00fd }, Buffer.alloc(9)), { undecoded: 'encrypted PPP protocol' }],
  ['PPP with VJ', 9, link.ppp({ protocol: 0x002d }, Buffer.alloc(9)), { undecoded: 'unsupported PPP protocol 0x002d' }],
  ['AF_APPLETALK', 0, link.bsdLoopback(16, v4), { undecoded: 'unsupported address family 16' }],
  ['raw rubbish', 101, Buffer.alloc(40), { undecoded: 'unsupported IP version 0' }],
]

for (const [name, linkType, frame, { undecoded, other }] of counted) {
  test(`${name} is counted by its name`, () => {
    const recorder = new Recorder()
    recorder.decode(frame, { linkType })
    assert.deepEqual(recorder.seen, [])
    assert.deepEqual(recorder.undecoded, undecoded === undefined ? [] : [undecoded])
    assert.deepEqual(recorder.others, other === undefined ? [] : [other])
  })
}

test('an unknown link type has a status of its own and a description', () => {
  const recorder = new Recorder()
  assert.equal(recorder.decode(v4, { linkType: 147 }), DECODE_UNSUPPORTED_LINK_TYPE)
  assert.equal(linkTypeName(147), undefined)
  assert.equal(describeLinkType(147), '147 (USER0)')
  assert.equal(describeLinkType(189), '189 (USB_LINUX)')
  assert.equal(describeLinkType(1), '1 (EN10MB)')
  assert.equal(describeLinkType(9999), '9999')
  assert.deepEqual(recorder.undecoded, ['unsupported link type 147'])
})

test('link types may alternate from packet to packet', () => {
  const recorder = new Recorder()
  for (let i = 0; i < 3; i++) {
    recorder.decode(v4, { linkType: 101 })
    recorder.decode(link.linuxCooked(v4), { linkType: 113 })
    recorder.decode(ethernet({}, v4))
  }
  assert.equal(recorder.seen.length, 9)
  assert.deepEqual(recorder.undecoded, [])
})
