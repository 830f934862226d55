import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { compileFilter, type MissedKind } from '../../src/capture/packet-filter.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { interfaceBlock, packetBlock, section } from '../savefile/pcapng-builder.ts'
import { memorySource } from '../savefile/read-all.ts'
import { GOLDEN_CAPTURES } from '../support/golden-captures.ts'
import * as link from '../support/link-builder.ts'
import {
  authenticationHeader,
  ethernet,
  extensionHeader,
  ipv4,
  ipv4Fragments,
  ipv6,
  ipv6Fragments,
  tcp,
  udp,
} from '../support/packet-builder.ts'
import { pcapOf } from '../support/pcap-builder.ts'
import { skipped } from '../support/program.ts'
import { SHARED_CAPTURES, sharedCaptures, whyNoSharedCaptures } from '../support/shared-captures.ts'

const noTcpdump = spawnSync('tcpdump', ['--version']).error !== undefined
if (noTcpdump) console.error('NOT TESTED: filters on files, because there is no tcpdump here')
const untestable = noTcpdump ? { skip: 'needs tcpdump' } : {}

/** The packets of a capture that a filter lets through, and what it said it missed. */
function filtered(
  data: Buffer,
  expression: string,
  unwrapsTunnels = true,
): { kept: string[]; missed: [MissedKind, string, string][] } {
  const missed: [MissedKind, string, string][] = []
  const filter = compileFilter(expression, (...said) => missed.push(said), unwrapsTunnels)
  const reader = new SavefileReader('test', Buffer.alloc(1 << 20))
  const source = memorySource(data)
  const kept: string[] = []
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    const { packet } = reader
    if (status === READ_NEED_INPUT) reader.fill(source)
    else if (status === READ_PACKET && filter.matches(packet)) {
      kept.push(packet.buf.toString('latin1', packet.start, packet.end))
    }
  }
  return { kept, missed }
}

describe('the same packets as tcpdump', untestable, () => {
  const expressions = [
    'port 80',
    'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
    'udp or icmp or arp',
    'ip6 and tcp',
    'greater 200 and not port 443',
    'src net 10.0.0.0/8 or dst net 192.168.0.0/16',
    '(tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420) or len % 7 = 3',
    'vlan and tcp',
  ]
  const captures = new Map<string, () => Buffer>([
    ...Object.entries(GOLDEN_CAPTURES),
    ...sharedCaptures(/\.(pcap|cap)$/).map(
      (name) => [name, () => fs.readFileSync(path.join(SHARED_CAPTURES, name))] as const,
    ),
  ])
  test('real captures are among them', (t) => {
    if (skipped(t, whyNoSharedCaptures())) return
    assert.ok(captures.size > Object.keys(GOLDEN_CAPTURES).length)
  })
  for (const [name, read] of captures) {
    test(name, () => {
      const data = read()
      for (const expression of expressions) {
        const oracle = spawnSync('tcpdump', ['-r', '-', '-w', '-', expression], { input: data, maxBuffer: 1 << 28 })
        let kept: string[] | undefined
        let refused: string | undefined
        try {
          kept = filtered(data, expression).kept
        } catch (error) {
          if (!(error instanceof OperatorError)) throw error
          refused = error.message
        }
        // A capture that ends in mid-packet fails, too, but only after its packets.
        if (oracle.stdout.length === 0) assert.ok(refused !== undefined, `${expression}: tcpdump refuses it`)
        else assert.deepEqual(kept, filtered(oracle.stdout, '').kept, `${expression}: ${refused}`)
      }
    })
  }

  test('every link type of a pcapng file has its own program', () => {
    const http = ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ dport: 80 }))
    const other = ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ dport: 81 }))
    const file = Buffer.concat([
      section(),
      interfaceBlock(1),
      interfaceBlock(228),
      ...[ethernet({}, http), ethernet({}, other)].map((frame) => packetBlock(0, 0n, frame)),
      ...[http, other].map((packet) => packetBlock(1, 0n, packet)),
      packetBlock(0, 0n, ethernet({}, http)),
    ])
    const both = [ethernet({}, http), http, ethernet({}, http)].map((bytes) => bytes.toString('latin1'))
    assert.deepEqual(filtered(file, 'tcp port 80').kept, both)
  })
})

describe('errors', untestable, () => {
  const frame = ethernet({}, ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({})))
  test('a filter that libpcap does not understand: its message and the expression', () => {
    assert.throws(
      () => filtered(pcapOf([frame]), 'port http80 and ('),
      (error) => {
        assert.ok(error instanceof OperatorError)
        assert.match(error.message, /^bad filter 'port http80 and \(': \S/)
        assert.doesNotMatch(error.message, /reading from file|snapshot|tcpdump:/)
        assert.ok(error.hint)
        return true
      },
    )
  })

  test('a filter that looks like an option is none', () => {
    assert.throws(() => filtered(pcapOf([frame]), '-w /tmp/x'), /^OperatorError: bad filter '-w \/tmp\/x'/)
  })

  test('a link type that libpcap cannot filter', () => {
    assert.throws(
      () => filtered(pcapOf([frame], { linkType: 249 }), 'port 80'),
      /packets of link type 249 cannot be filtered/,
    )
  })

  test('no filter needs no tcpdump and accepts all', () => {
    assert.equal(filtered(pcapOf([frame], { linkType: 249 }), '  ').kept.length, 1)
  })
})

describe('without tcpdump', () => {
  const place = process.env.PATH
  after(() => {
    process.env.PATH = place
  })
  test('the error says what to install', (t) => {
    if (['/usr/sbin/tcpdump', '/sbin/tcpdump', '/usr/local/sbin/tcpdump'].some((name) => fs.existsSync(name))) {
      return t.skip('tcpdump lies where it is looked for besides PATH')
    }
    process.env.PATH = '/nowhere'
    assert.throws(
      () => filtered(pcapOf([Buffer.alloc(60)]), 'port 80'),
      (error) => {
        assert.ok(error instanceof OperatorError)
        assert.match(error.hint ?? '', /apt-get install tcpdump/)
        return true
      },
    )
  })
})

describe('packets that only look as if they did not match', untestable, () => {
  const ends = { src: '10.0.0.1', dst: '10.0.0.2' }
  const segment = tcp({ dport: 80, payload: Buffer.alloc(64, 'x') })
  const packet = ipv4(ends, segment)

  test('inside a VLAN tag, said once, with a filter that finds them', () => {
    const tagged = ethernet({ vlan: [5] }, packet)
    const file = pcapOf([tagged, ethernet({}, packet), tagged])
    const { kept, missed } = filtered(file, 'port 80')
    assert.equal(kept.length, 1)
    assert.deepEqual(
      missed.map(([kind]) => kind),
      ['vlan'],
    )
    const [, line, hint] = missed[0]!
    assert.match(line, /'port 80' leaves out packets .* VLAN/)
    const better = /'(.*)'/.exec(hint)?.[1] ?? ''
    assert.equal(better, '(port 80) or (vlan and (port 80))')
    assert.deepEqual(filtered(file, better), {
      kept: [tagged, ethernet({}, packet), tagged].map((frame) => frame.toString('latin1')),
      missed: [],
    })
  })

  test('inside two tags', () => {
    const file = pcapOf([ethernet({ vlan: [5, 6] }, packet)])
    const better = /'(.*)'/.exec(filtered(file, 'port 80').missed[0]?.[2] ?? '')?.[1] ?? ''
    assert.equal(filtered(file, better).kept.length, 1)
  })

  test('tagged packets that would not have matched are none, nor are they when the filter speaks of tags', () => {
    const tagged = pcapOf([ethernet({ vlan: [5] }, packet)])
    assert.deepEqual(filtered(tagged, 'port 81').missed, [])
    assert.deepEqual(filtered(tagged, 'vlan 6 and port 80').missed, [])
  })

  test('later fragments, said once, with a filter that finds them', () => {
    const [first, second] = ipv4Fragments({ ...ends, id: 77 }, segment, 32).map((part) => ethernet({}, part))
    const [, stranger] = ipv4Fragments({ ...ends, id: 78 }, segment, 32).map((part) => ethernet({}, part))
    assert.ok(first && second && stranger)
    const file = pcapOf([first, second, second])
    const { kept, missed } = filtered(file, 'port 80')
    assert.equal(kept.length, 1)
    assert.deepEqual(
      missed.map(([kind]) => kind),
      ['fragment'],
    )
    const better = /'(.*)'/.exec(missed[0]?.[2] ?? '')?.[1] ?? ''
    assert.match(better, /ip\[6:2\] & 0x1fff != 0/)
    assert.deepEqual(filtered(file, better).kept.length, 3)
    assert.deepEqual(filtered(file, better).missed, [])
    assert.deepEqual(filtered(pcapOf([first, stranger]), 'port 80').missed, [])
  })

  test('the first fragment over IPv6', () => {
    const parts = ipv6Fragments({ src: 'fd00::1', dst: 'fd00::2' }, segment, 32)
    const file = pcapOf(parts.map((part) => ethernet({}, part)))
    const { missed } = filtered(file, 'port 80')
    assert.deepEqual(
      missed.map(([kind]) => kind),
      ['fragment'],
    )
    const better = /'(.*)'/.exec(missed[0]?.[2] ?? '')?.[1] ?? ''
    assert.equal(filtered(file, better).kept.length, parts.length)
  })

  const packet6 = ipv6({ src: 'fd00::1', dst: 'fd00::2' }, segment)

  test('behind IPv6 extension headers, said once, with a filter that finds them', () => {
    const chains: [Buffer, string][] = [
      [extensionHeader(0, [1, 4, 0, 0, 0, 0], segment), 'ip6[6] = 0'],
      [extensionHeader(60, Buffer.alloc(30), segment), 'ip6[6] = 60'],
      [extensionHeader(0, [], extensionHeader(43, Buffer.alloc(20), segment)), 'ip6[6] = 0'],
      [authenticationHeader(segment), 'ip6[6] = 51'],
      [extensionHeader(43, [], authenticationHeader(extensionHeader(60, [], segment))), 'ip6[6] = 43'],
    ]
    for (const [chain, test] of chains) {
      const behind = ethernet({}, ipv6({ src: 'fd00::1', dst: 'fd00::2' }, chain))
      const file = pcapOf([behind, ethernet({}, packet6), behind])
      const { kept, missed } = filtered(file, 'tcp port 80')
      assert.equal(kept.length, 1)
      assert.deepEqual(missed, [
        [
          'extension',
          "the filter 'tcp port 80' leaves out packets that match it behind IPv6 extension headers",
          `to have them too: '(tcp port 80) or (${test})'`,
        ],
      ])
      const better = /or (\(.*\))'$/.exec(missed[0]![2])![1]!
      assert.equal(filtered(file, `(tcp port 80) or ${better}`).kept.length, 3)
      assert.deepEqual(filtered(file, `(tcp port 80) or ${better}`).missed, [])
      assert.deepEqual(filtered(file, 'tcp port 81').missed, [])
    }
  })

  test('inside a tunnel, said once, with a filter that finds them', () => {
    const outer = { src: '192.168.7.1', dst: '192.168.7.2' }
    const inUdp = (dport: number, payload: Buffer) => ipv4(outer, udp({ dport, payload }))
    const bridged = ethernet({ padTo: 60 }, packet)
    const tagged = ethernet({ vlan: [5] }, packet6)
    const erspan = (version: 2 | 3, frame: Buffer) =>
      ipv4(outer, link.gre({ sequence: true }, link.erspan(version, frame, { subheader: version === 3 })))
    const tunnels: [Buffer, string, string][] = [
      [inUdp(4789, link.vxlan(bridged)), 'VXLAN', 'udp port 4789'],
      [inUdp(8472, link.vxlan(tagged)), 'VXLAN', 'udp port 8472'],
      [inUdp(4790, link.vxlanGpe(packet6)), 'VXLAN-GPE', 'udp port 4790'],
      [inUdp(6081, link.geneve(bridged, Buffer.alloc(16))), 'GENEVE', 'udp port 6081'],
      [inUdp(4754, link.gre({ key: true }, packet)), 'GRE in UDP', 'udp port 4754'],
      [inUdp(6635, link.mpls([5, 6], packet6)), 'MPLS in UDP', 'udp port 6635'],
      [inUdp(2152, link.gtpU({ sequence: true }, packet)), 'GTP-U', 'udp port 2152'],
      [ipv4(outer, link.gre({ protocol: 0x88be }, bridged)), 'GRE', 'ip proto 47'],
      [erspan(2, tagged), 'GRE', 'ip proto 47'],
      [erspan(3, bridged), 'GRE', 'ip proto 47'],
      [erspan(3, ethernet({}, inUdp(4789, link.vxlan(bridged)))), 'GRE', 'ip proto 47'],
      [ipv4(outer, packet), 'IP in IP', 'ip proto 4'],
      [ipv4(outer, packet6), '6in4', 'ip proto 41'],
      [ipv6({}, link.gre({}, packet)), 'GRE', 'ip6 proto 47'],
      [ipv6({}, udp({ dport: 4789, payload: link.vxlan(bridged) })), 'VXLAN', 'udp port 4789'],
    ]
    for (const [ip, name, test] of tunnels) {
      const tunnelled = ethernet({}, ip)
      const file = pcapOf([tunnelled, ethernet({}, packet), tunnelled])
      const { kept, missed } = filtered(file, 'port 80')
      assert.equal(kept.length, 1, name)
      assert.deepEqual(missed, [
        [
          'tunnel',
          `the filter 'port 80' leaves out packets that match it inside a tunnel (${name})`,
          `to have them too: '(port 80) or (${test})'`,
        ],
      ])
      assert.deepEqual(filtered(file, 'port 81').missed, [], name)
      assert.deepEqual(filtered(file, 'port 80', false).missed, [], 'nobody would see them')
      const better = filtered(file, `(port 80) or (${test})`)
      assert.deepEqual([better.kept.length, better.missed], [3, []], name)
    }
    // cut anywhere: whatever is said of it, nothing is thrown
    const [longest] = tunnels[10]!
    const cut = Array.from({ length: longest.length }, (_, bytes) => ethernet({}, longest).subarray(0, 14 + bytes))
    assert.equal(filtered(pcapOf(cut), 'port 80').kept.length, 0)
  })

  test('nothing is in a tunnel where only the port says so', () => {
    const text = Buffer.from('just some text E that is long enough to be anything at all, port 80 too')
    const file = pcapOf([ethernet({}, ipv4({}, udp({ dport: 4789, payload: text })))])
    assert.deepEqual(filtered(file, 'port 80').missed, [])
  })
})
