// A capture that is read as a whole and the same one in small pieces: whatever befalls its connections, both must leave the
// same files, the same report, the same counters, and have told everybody else the same.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Arena } from '../../src/core/arena.ts'
import type { CloseReason, Connection } from '../../src/core/connection.ts'
import type { ConnectionConsumer } from '../../src/core/consumers.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import type { FlowTableOptions } from '../../src/flow/options.ts'
import type { TrackedStream } from '../../src/flow/tracked-connection.ts'
import { FILE_BLOCKS_BYTES } from '../../src/output/files/file-blocks.ts'
import { FileSink } from '../../src/output/files/file-sink.ts'
import type { FilesPlan } from '../../src/plan.ts'
import { DumpRiver } from '../../src/river/dump-river.ts'
import { fanOut } from '../../src/river/fan-out.ts'
import { type Feed, pump } from '../../src/river/feed.ts'
import { SavefileReader } from '../../src/savefile/reader.ts'
import { filesPlan, temporaryFolder, testRun } from '../output/files/file-fixture.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import { smallFlowTableOptions } from '../support/small-flow-table.ts'
import { type End, randomTraffic, Traffic } from './random-traffic.ts'

const WINDOW_BYTES = 1 << 17
const MEGABYTE = 1 << 20

interface Outcome {
  /** What both ways must agree on. */
  readonly told: Record<string, unknown>
  readonly packets: number
}

interface Way {
  /** Bytes that the source gives at a time. */
  readonly pieceBytes: number
  readonly table?: Partial<FlowTableOptions>
  readonly files?: Partial<FilesPlan>
}

/** Tells what it is told, with all that can be seen of a connection then; it never asks for data. */
class Witness implements ConnectionConsumer {
  readonly lines: string[] = []
  onOpen(c: Connection): void {
    this.lines.push(`open ${c.id} ${c.endpoints.join(' ')}`)
  }
  onClose(c: Connection, why: CloseReason): void {
    const { id, occurrence, resumed, openTime, lastPacketTime, lastDataTime, handshakeMicros, streams } = c
    const own = { id, why, occurrence, resumed, openTime, lastPacketTime, lastDataTime, handshakeMicros }
    const seen = streams.map(({ firstPacketTime, lastPacketTime: last, packets, offset, bytes, ...more }) => {
      const { acknowledged } = more as TrackedStream
      const { retransmittedBytes, outOfOrderSegments, conflictingBytes, gaps, missingBytes, sawFin } = more
      const held = { retransmittedBytes, outOfOrderSegments, conflictingBytes, gaps, missingBytes, sawFin }
      return { firstPacketTime, last, packets, offset, bytes, acknowledged, ...held }
    })
    this.lines.push(JSON.stringify({ ...own, seen }))
  }
}

function sourceOf(captures: Buffer, pieceBytes: number): Feed['source'] {
  let at = 0
  return {
    name: 'test.pcap',
    totalBytes: captures.length,
    consumedBytes: 0,
    read(into, start, end) {
      const bytes = captures.copy(into, start, at, Math.min(captures.length, at + Math.min(end - start, pieceBytes)))
      at += bytes
      return bytes
    },
    stop() {},
    close: () => Promise.resolve(),
  }
}

/** Reads the captures one after the other, as `tcpflow -r … -o …` does. */
async function replay(t: TestContext, captures: readonly Buffer[], way: Way): Promise<Outcome> {
  const folder = temporaryFolder(t)
  const plan = filesPlan(folder, { reportPath: join(folder, 'report.xml'), ...way.files })
  const arena = new Arena(WINDOW_BYTES + FILE_BLOCKS_BYTES + 8 * MEGABYTE)
  const files = new FileSink(plan, testRun, undefined, arena)
  const witness = new Witness()
  const table = new FlowTable(
    fanOut([files], [witness]),
    { ...smallFlowTableOptions, maximumQueuedBytes: 4 * MEGABYTE, arena, ...way.table },
    files,
  )
  const clocks: string[] = []
  const errors: string[] = []
  const river = new DumpRiver({
    messages: { note() {}, info() {}, error: (line) => void errors.push(line) },
    unwrapTunnels: true,
    table,
    filter: undefined,
    savers: [],
    rawSegments: [],
    datagrams: [],
    events: [],
    clocks: [{ onClock: (time) => void clocks.push(`${time.seconds}.${time.nanos}`) }],
    drops: [],
    sinks: [files],
    onTurn: undefined,
  })
  const buffer = arena.allocate(WINDOW_BYTES)
  const damage: (string | undefined)[] = []
  for (const capture of captures) {
    const source = sourceOf(capture, way.pieceBytes)
    const reader = new SavefileReader('test.pcap', buffer)
    await pump({ source, reader }, river)
    damage.push(reader.damage, `${reader.packetCount}`)
  }
  table.closeAll('capture-ended', river.clock)
  await files.finish()
  const told = {
    files: filesOf(folder),
    report: reportOf(folder),
    witness: witness.lines,
    table: { ...table.counters },
    river: { ...river.counters },
    decoder: JSON.parse(JSON.stringify(river.decoder.counters)),
    undecoded: [river.decoder.counters.undecoded(), river.decoder.counters.others()],
    clock: { ...river.clock },
    clocks,
    errors,
    damage,
  }
  return { told, packets: river.counters.packets }
}

/** Without what is of this run alone. */
function reportOf(folder: string): string[] {
  const lines = readFileSync(join(folder, 'report.xml'), 'utf8').replaceAll(folder, '').split('\n')
  return lines.filter((line) => !/<(rusage|utime|stime|maxrss|clocktime)/.test(line))
}

function filesOf(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name !== 'report.xml')
  return names.sort().map((name) => {
    const { size, blocks, mtimeMs } = statSync(join(folder, name))
    return `${name} ${createHash('md5')
      .update(readFileSync(join(folder, name)))
      .digest('hex')} ${size} ${blocks > 0} ${mtimeMs}`
  })
}

async function agree(t: TestContext, captures: readonly Buffer[], way: Partial<Way> = {}): Promise<Outcome> {
  const whole = await replay(t, captures, { ...way, pieceBytes: WINDOW_BYTES })
  const pieces = await replay(t, captures, { pieceBytes: 1, ...way })
  for (const [what, told] of Object.entries(whole.told)) assert.deepEqual(pieces.told[what], told, what)
  return whole
}

test('nothing befalls it: each byte is delivered once', async (t) => {
  const { frames } = randomTraffic(1, 20, 2000, 1e9)
  const { told, packets } = await agree(t, [pcapFile(frames)])
  const table = told.table as { payloadBytes: number; deliveredBytes: number; gaps: number }
  assert.equal(packets, frames.length)
  assert.deepEqual([table.deliveredBytes, table.gaps], [table.payloadBytes, 0])
})

test('whatever befalls connections', async (t) => {
  for (let seed = 1; seed <= 24; seed++) {
    const { frames } = randomTraffic(seed, 4 + (seed % 9), 1000, 20 + 10 * (seed % 7), seed % 4 === 0 ? 50_000 : 0)
    const pieceBytes = seed % 8 === 0 ? 1 : 7 + 997 * (seed % 11)
    await agree(t, [pcapFile(frames, { nanoseconds: seed % 3 === 0 })], { pieceBytes })
  }
})

test('several captures one after the other, of different resolutions, cut off and damaged', async (t) => {
  for (let seed = 101; seed <= 108; seed++) {
    const traffic = randomTraffic(seed, 10, 2000, 60)
    const third = Math.floor(traffic.frames.length / 3)
    const parts = [0, 1, 2].map((i) => traffic.frames.slice(i * third, (i + 1) * third))
    const captures = parts.map((frames, i) =>
      pcapFile(frames, { nanoseconds: (seed + i) % 2 === 0, bigEndian: seed % 4 === 3 && i === 0 }),
    )
    const cut = captures[1]!.subarray(0, captures[1]!.length - traffic.random.below(2000))
    const damaged = Buffer.from(captures[2]!)
    // in the middle: the lengths of the records before it say where
    let record = 24
    for (let i = third >> 1; i > 0; i--) record += 16 + damaged.readUInt32LE(record + 8)
    damaged.writeUInt32LE(0xfffffff0, record + 8)
    await agree(t, [captures[0]!, damaged, cut, captures[2]!], { pieceBytes: 1000 + 3000 * (seed % 5) })
  }
})

test('a table that is full: the connection that was silent longest goes', async (t) => {
  const traffic = new Traffic(201)
  const { random } = traffic
  const pairs = traffic.ends(12)
  for (const [client, server] of pairs) traffic.open(client, server)
  const [tracked, bySilence] = [8, [...pairs]]
  const speak = (pair: [End, End], times: number) => {
    const [client, server] = pair
    for (let i = 0; i < times; i++) traffic.say(server, client)
    traffic.send(client, server, '.')
    traffic.wait(60_000_000)
    bySilence.splice(bySilence.indexOf(pair), 1)
    bySilence.push(pair)
  }
  for (let burst = 0; burst < 300; burst++) {
    // half of them talk more than the others
    const pair = pairs[random.oneIn(4) ? random.below(12) : random.below(6)]!
    const goes = bySilence.indexOf(pair) < bySilence.length - tracked ? bySilence.at(-tracked) : undefined
    speak(pair, 1)
    // who has just been forgotten speaks again at once
    if (goes !== undefined) speak(goes, 1)
    speak(pair, 40)
  }
  const way = { table: { maximumConnections: tracked }, pieceBytes: 4000 }
  const { told } = await agree(t, [pcapFile(traffic.frames)], way)
  assert.ok((told.table as { evicted: number }).evicted > 20)
})

test('more connections than there are large blocks, each written in turns', async (t) => {
  const traffic = new Traffic(301)
  const { random } = traffic
  const pairs = traffic.ends(900)
  for (const [client, server] of pairs) traffic.open(client, server)
  for (let step = 0; step < 14_000; step++) {
    const [client, server] = random.pick(pairs)
    for (let i = random.below(3); i >= 0; i--) traffic.say(server, client)
    if (random.oneIn(3)) traffic.say(client, server, 200)
  }
  const { told, packets } = await agree(t, [pcapFile(traffic.frames)], { pieceBytes: 3001 })
  assert.equal(packets, traffic.frames.length)
  assert.equal((told.table as { gaps: number }).gaps, 0)
})

test('of two connections the one goes that was silent longer', async (t) => {
  const traffic = new Traffic(401)
  const [a, b, c] = traffic.ends(3) as [[End, End], [End, End], [End, End]]
  for (const pair of [a, b]) {
    traffic.open(...pair)
    for (let i = 0; i < 40; i++) traffic.say(pair[1], pair[0], 1460)
    traffic.wait(12_000_000)
  }
  for (let i = 0; i < 5; i++) traffic.say(a[1], a[0])
  traffic.wait(12_000_000)
  traffic.open(...c)
  const { told } = await agree(t, [pcapFile(traffic.frames)], { table: { maximumConnections: 2 } })
  const evicted = (told.witness as string[]).filter((line) => line.includes('"evicted"'))
  assert.match(evicted.join(), /^\{"id":2,/)
})

test('an IPv6 connection is not taken for the IPv4 one with the same last words', async (t) => {
  const traffic = new Traffic(402)
  const [four] = traffic.ends(1) as [[End, End]]
  const six = traffic.ipv6Twin(four)
  traffic.open(...four)
  traffic.open(...six)
  for (let i = 0; i < 40; i++) {
    traffic.say(six[1], six[0])
    traffic.send(four[0], four[1], '.')
  }
  await agree(t, [pcapFile(traffic.frames)])
})

test('a clock that was set back did not put anybody into the future', async (t) => {
  const traffic = new Traffic(501)
  const [a, b, c] = traffic.ends(3) as [[End, End], [End, End], [End, End]]
  traffic.open(...a)
  traffic.open(...b)
  traffic.send(b[0], b[1], 'F.')
  b[0].next++
  traffic.wait(100_000_000)
  for (let i = 0; i < 40; i++) traffic.say(a[1], a[0])
  traffic.wait(-500_000_000_000)
  for (const nanos of [0, 0, 1_000_000_000, 1_000_000_000]) {
    traffic.say(b[1], b[0])
    traffic.wait(nanos)
  }
  traffic.open(...c)
  await agree(t, [pcapFile(traffic.frames)], { table: { maximumConnections: 2 } })
})

test('a connection opened by an absurd timestamp while the table is full', async (t) => {
  const traffic = new Traffic(502)
  const [a, b, c, d] = traffic.ends(4) as [[End, End], [End, End], [End, End], [End, End]]
  for (const pair of [a, b, c]) traffic.open(...pair)
  for (let i = 0; i < 3; i++) traffic.say(c[1], c[0])
  traffic.send(b[0], b[1], 'F.')
  b[0].next++
  traffic.wait(100_000_000)
  for (let i = 0; i < 40; i++) traffic.say(a[1], a[0])
  traffic.say(c[1], c[0])
  traffic.wait(15_000_000)
  traffic.say(c[1], c[0])
  traffic.say(b[1], b[0])
  traffic.wait(500_000_000_000)
  traffic.send(d[0], d[1], 'S', Buffer.alloc(0), { ack: 0 })
  traffic.wait(-500_000_000_000)
  for (let i = 0; i < 3; i++) traffic.say(b[1], b[0])
  await agree(t, [pcapFile(traffic.frames)], { table: { maximumConnections: 3 } })
})

test('seconds carried beyond the last one', async (t) => {
  for (let absurd = 3; absurd < 12; absurd++) {
    const traffic = new Traffic(503)
    const [pair] = traffic.ends(1) as [[End, End]]
    traffic.open(...pair)
    for (let i = 0; i < 80; i++) traffic.say(pair[1], pair[0])
    const [first, last] = [traffic.frames.length - 40 - absurd, traffic.frames.length - 40]
    const frames = traffic.frames.map(({ frame, time }, i) => {
      if (i < first) return { frame, time }
      return {
        frame,
        time: i < last ? new Timestamp(0xffff_ffff, 2_000_000_000 + i * 1000) : new Timestamp(1, i * 1000),
      }
    })
    await agree(t, [pcapFile(frames, { nanoseconds: true })])
  }
})
