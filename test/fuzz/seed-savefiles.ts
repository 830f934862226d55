// Sound capture files for fuzzing to damage: small ones built here in every format, and the first kilobytes of real ones.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as pcapng from '../savefile/pcapng-builder.ts'
import { ethernet, ipv4, ipv4Fragments, tcp } from '../support/packet-builder.ts'
import { pcapFile, pcapOf } from '../support/pcap-builder.ts'
import { SHARED_CAPTURES, sharedCaptures } from '../support/shared-captures.ts'
import { seedFrames } from './seed-frames.ts'

/** Most bytes of a real capture that are used: an input should take about a millisecond. */
const MAXIMUM_BYTES = 24_000

/** Built files first; real ones only where ../shared is there. */
export function seedSavefiles(): Buffer[] {
  const files = [...builtPcaps(), ...builtPcapngs()]
  for (const name of sharedCaptures()) files.push(readFileSync(join(SHARED_CAPTURES, name)).subarray(0, MAXIMUM_BYTES))
  return files
}

/** A conversation with a retransmission, a hole that is filled, a hole that is not, fragments, and both sides' FIN. */
function conversation(): Buffer[] {
  const there = { src: '10.0.0.1', dst: '10.0.0.2' }
  const back = { src: '10.0.0.2', dst: '10.0.0.1' }
  const request = (flags: string, seq: number, ack: number, payload = '') =>
    ethernet({}, ipv4(there, tcp({ sport: 40_000, dport: 80, flags, seq, ack, payload })))
  const answer = (flags: string, seq: number, ack: number, payload = '') =>
    ethernet({}, ipv4(back, tcp({ sport: 80, dport: 40_000, flags, seq, ack, payload })))
  const cutUp = tcp({ sport: 80, dport: 40_000, flags: 'P.', seq: 931, ack: 19, payload: 'f'.repeat(64) })
  return [
    request('S', 0, 0),
    answer('S.', 500, 1),
    request('.', 1, 501),
    request('P.', 1, 501, 'GET / HTTP/1.1\r\n\r\n'),
    answer('P.', 501, 19, 'a'.repeat(100)),
    answer('P.', 501, 19, 'a'.repeat(100)),
    answer('P.', 701, 19, 'c'.repeat(100)),
    answer('P.', 601, 19, 'b'.repeat(120)),
    answer('P.', 831, 19, 'e'.repeat(100)),
    request('.', 19, 931),
    ...ipv4Fragments(back, cutUp, 40).map((fragment) => ethernet({}, fragment)),
    answer('F.', 995, 19),
    request('F.', 19, 996),
    answer('.', 996, 20),
    request('R', 20, 0),
  ]
}

function builtPcaps(): Buffer[] {
  const frames = conversation()
  const orders = [false, true].flatMap((bigEndian) => [pcapOf(frames, { bigEndian, nanoseconds: !bigEndian })])
  const cut = frames.map((frame, i) => ({ frame, time: 1_700_000_000 + i * 20, originalLength: frame.length + 30 }))
  return [...orders, pcapFile(cut, { snapshotLength: 90 })]
}

function builtPcapngs(): Buffer[] {
  return [false, true].map((bigEndian) => {
    const order = { bigEndian }
    const ticks = (i: number) => 1_700_000_000_000_000n + BigInt(i) * 1000n
    const nanosecondTicks = pcapng.option(9, Buffer.from([9]), order)
    const name = pcapng.option(2, Buffer.from('docker0'), order)
    const place = pcapng.option(1, Buffer.from('place=web'), order)
    const hostNames = [
      pcapng.option(1, Buffer.from('\x0a\0\0\x01client\0alias\0', 'latin1'), order),
      pcapng.option(2, Buffer.from(`${'\xfd'.repeat(16)}six\0`, 'latin1'), order),
      pcapng.option(0, Buffer.alloc(0), order),
    ]
    const others = seedFrames()
    const linkTypes = [...new Set(others.map(([linkType]) => linkType))]
    return Buffer.concat([
      pcapng.section(order, name),
      pcapng.interfaceBlock(1, { options: [name, nanosecondTicks] }, order),
      pcapng.interfaceBlock(1, { snapshotLength: 80, options: [place, name] }, order),
      pcapng.block(4, Buffer.concat(hostNames), order),
      ...conversation().map((frame, i) => pcapng.packetBlock(0, ticks(i) * 1000n, frame, { options: name }, order)),
      pcapng.statisticsBlock(0, ticks(50), [pcapng.option(4, pcapng.u64(7n, order), order)], order),
      pcapng.block(4, Buffer.concat([...hostNames, ...hostNames, name]), order),
      pcapng.block(0x0bad, Buffer.from('skip me!'), order),
      ...conversation().map((frame) => pcapng.simplePacketBlock(frame, frame.length, order)),
      pcapng.section({ bigEndian: !bigEndian }),
      ...linkTypes.map((linkType) => pcapng.interfaceBlock(linkType, {}, { bigEndian: !bigEndian })),
      ...others.map(([linkType, frame], i) =>
        pcapng.packetBlock(linkTypes.indexOf(linkType), ticks(i), frame, {}, { bigEndian: !bigEndian }),
      ),
      ...conversation().map((frame, i) => pcapng.oldPacketBlock(0, ticks(i), frame, { bigEndian: !bigEndian })),
    ])
  })
}
