// Sound frames of every link type, tunnel and protocol that we know, for fuzzing to damage.

import * as link from '../support/link-builder.ts'
import {
  arp,
  ethernet,
  extensionHeader,
  icmp,
  icmpv6,
  ipv4,
  ipv4Fragments,
  ipv6,
  ipv6Fragments,
  tcp,
  udp,
} from '../support/packet-builder.ts'

/** LINKTYPE_ value (see linkTypes) and frame. */
export type SeedFrame = readonly [linkType: number, frame: Buffer]

export function seedFrames(): SeedFrame[] {
  const segment = tcp({ seq: 100, ack: 300, options: [1, 1, 8, 10], flags: 'P.', payload: 'some payload' })
  const four = ipv4({ options: [1, 1, 1, 1] }, segment)
  const six = ipv6({}, extensionHeader(0, [1, 4, 0, 0, 0, 0], segment))
  const frame = ethernet({ vlan: [5] }, four)
  const fragments = [
    ...ipv4Fragments({}, udp({ payload: 'p'.repeat(90) }), 32),
    ...ipv6Fragments({}, tcp({ payload: 'q'.repeat(90) }), 32),
  ]
  return [...onEthernet(frame, four, six), ...fragments.map((part) => [101, part] as const), ...otherLinks(four, six)]
}

function onEthernet(frame: Buffer, four: Buffer, six: Buffer): SeedFrame[] {
  const tunnelled = [
    udp({ dport: 4789, payload: link.vxlan(frame) }),
    udp({ dport: 6081, payload: link.geneve(frame, Buffer.alloc(8), 0x6558) }),
    link.gre({ key: true, sequence: true }, link.erspan(3, frame, { subheader: true })),
    link.gre({ checksum: true, sequence: true }, link.erspan(2, frame)),
    link.gre({}, four),
    link.gre({ protocol: 0x88be }, frame),
    udp({ dport: 4790, payload: link.vxlanGpe(link.nsh(frame, 16)) }),
    udp({ dport: 4754, payload: link.gre({ key: true }, four) }),
    udp({ dport: 6635, payload: link.mpls([5, 6], four) }),
    udp({ dport: 2152, payload: link.gtpU({ sequence: true, extensions: [[0x85, Buffer.from([0, 9])]] }, six) }),
    udp({ dport: 37008, payload: link.tzsp(frame) }),
    six,
    icmp({ type: 3, code: 4, word: 1400 }, four),
  ]
  return [
    frame,
    ethernet({}, four),
    ethernet({ vlan: [5, 6, 7] }, six),
    ethernet({}, arp()),
    ethernet({}, ipv6({}, icmpv6({ type: 2, word: 1280 }, six))),
    link.ieee8023(link.snap(four), 80),
    ethernet({}, link.pppoe(link.ppp({ address: false }, four))),
    ethernet({}, link.mpls([3, 4], frame)),
    ethernet({}, link.serviceTag(frame)),
    ...tunnelled.map((payload) => ethernet({}, ipv4({}, payload))),
  ].map((bytes) => [1, bytes] as const)
}

function otherLinks(four: Buffer, six: Buffer): SeedFrame[] {
  const subframes = link.aggregate(link.snap(four), link.snap(six))
  const wireless = link.ieee80211({ control: 0x88, aggregate: true }, subframes)
  const head = (length: number, values: readonly (readonly [at: number, value: number])[]) => {
    const bytes = Buffer.alloc(length)
    for (const [at, value] of values) bytes.writeUInt32BE(value, at)
    return bytes
  }
  return [
    [101, ipv4({}, ipv6({}, four))],
    [12, four],
    [228, four],
    [229, six],
    [113, link.linuxCooked(four)],
    [276, link.linuxCooked2(six)],
    [0, link.bsdLoopback(2, four)],
    [0, link.bsdLoopback(30, six, true)],
    [108, link.bsdLoopback(30, six, true)],
    [9, link.ppp({}, four)],
    [50, link.ppp({}, six)],
    [51, link.pppoe(link.ppp({ address: false }, four))],
    [204, Buffer.concat([Buffer.from([1]), link.ppp({}, four)])],
    [50, link.ciscoHdlc(four)],
    [104, link.ciscoHdlc(four)],
    [239, link.nflog(four)],
    [239, link.nflog(six, true)],
    [105, link.ieee80211({}, link.snap(four))],
    [105, wireless],
    [127, link.radiotap(0x10, wireless)],
    [
      119,
      Buffer.concat([
        head(144, [
          [0, 0x44],
          [4, 144],
        ]),
        link.ieee80211({}, link.snap(four)),
      ]),
    ],
    [
      163,
      Buffer.concat([
        head(64, [
          [0, 0x80211001],
          [4, 64],
        ]),
        link.ieee80211({ flags: 2 }, link.snap(six)),
      ]),
    ],
  ]
}
