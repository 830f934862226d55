// Conversations as frames in, findings out: through decoding, the flow table, exchanges and the rules, as a run does it, with
// the ticks of a live capture in the pauses.

import assert from 'node:assert/strict'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import type { Finding } from '../../src/core/finding.ts'
import { Packet } from '../../src/core/packet.ts'
import type { HostFactsSource, Names } from '../../src/core/ports.ts'
import { compareTime, elapsedMicros, Timestamp } from '../../src/core/timestamp.ts'
import { Decoder } from '../../src/decode/decoder.ts'
import { Diagnosis } from '../../src/diagnosis/diagnosis.ts'
import { QUERY_PATIENCE_MILLIS } from '../../src/diagnosis/patience.ts'
import { RULES } from '../../src/diagnosis/registry.ts'
import type { Rule } from '../../src/diagnosis/rule.ts'
import type { SideFacts } from '../../src/diagnosis/side-facts.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { FirstWords } from '../../src/protocol/first-words/first-words.ts'
import { EXCHANGE_FAILURES } from '../../src/protocol/registry.ts'
import { TlsStreams } from '../../src/protocol/tls/tls-streams.ts'
import { fanOut, fanOutSegments } from '../../src/river/fan-out.ts'
import { ExchangeStage } from '../../src/views/exchange-stage.ts'
import { timestampOf } from './packet-builder.ts'
import type { PcapFrame } from './pcap-builder.ts'
import { smallFlowTableOptions } from './small-flow-table.ts'
import type { Talk } from './talk.ts'

const TICK_MICROS = 200_000

export interface DiagnosedOptions {
  readonly slowMillis?: number
  readonly hungAfterMillis?: number
  readonly names?: Names
  /** What the engine and the system would say; see KnownHosts. */
  readonly hosts?: HostFactsSource
  /** Used in place of all rules. */
  readonly rules?: readonly Rule[]
  /** Capture time that goes on after the last frame. */
  readonly quietSeconds?: number
}

export interface Diagnosed {
  /** At the end, ranked. */
  readonly findings: readonly Finding[]
  /** What was told, in order: `open refused`, `withdrawn unanswered`, `final refused`. */
  readonly told: readonly string[]
  readonly diagnosis: Diagnosis
}

/** A conversation: Talk, DnsTalk. */
export interface Spoken {
  readonly frames: readonly PcapFrame[]
}

/** Several talks at once: their frames are put in order by time. */
export function diagnose(talks: Spoken | readonly Spoken[], options: DiagnosedOptions = {}): Diagnosed {
  const all = 'frames' in talks ? [talks] : talks
  return diagnoseFrames(
    all.flatMap(({ frames }) => frames),
    options,
  )
}

export interface DiagnosedFrame extends PcapFrame {
  /** Default 1: Ethernet. */
  readonly linkType?: number
}

export function diagnoseFrames(frames: readonly DiagnosedFrame[], options: DiagnosedOptions = {}): Diagnosed {
  return ended(follow(frames, options))
}

/** The same, with answers of `hosts` that come later. */
export async function diagnoseLater(talk: Talk, options: DiagnosedOptions): Promise<Diagnosed> {
  const followed = follow(talk.frames, options)
  await followed.diagnosis.settle()
  return ended(followed)
}

type Followed = Omit<Diagnosed, 'findings'>

function ended({ told, diagnosis }: Followed): Diagnosed {
  diagnosis.end()
  return { findings: [...diagnosis.findings()], told, diagnosis }
}

/** Up to the end of the traffic. */
function follow(frames: readonly DiagnosedFrame[], options: DiagnosedOptions): Followed {
  const told: string[] = []
  const hungAfterMillis = options.hungAfterMillis ?? 30_000
  const diagnosis = new Diagnosis(
    { onFinding: ({ state, id }) => told.push(`${state} ${id}`) },
    {
      rules: options.rules ?? RULES,
      names: options.names,
      failures: EXCHANGE_FAILURES,
      hosts: options.hosts,
      slowMicros: (options.slowMillis ?? 1000) * 1000,
      hungAfterMicros: hungAfterMillis * 1000,
      ids: undefined,
      notIds: new Set(),
      minimumSeverity: 'note',
    },
  )
  const stage = new ExchangeStage(
    {
      protocol: 'auto',
      timeoutMillis: hungAfterMillis,
      datagramTimeoutMillis: QUERY_PATIENCE_MILLIS,
      waitsForEnd: false,
      hosts: new ExchangeHosts(undefined),
      messages: { info: () => {} },
    },
    [diagnosis],
  ).attachment()
  const table = new FlowTable(
    fanOut([...stage.streams, new TlsStreams(diagnosis), new FirstWords(diagnosis), diagnosis]),
    smallFlowTableOptions,
    fanOutSegments([...stage.segments, diagnosis]),
  )
  const clock = new Timestamp()
  const advance = (t: Timestamp): void => {
    clock.set(t)
    table.advance(t)
    for (const consumer of stage.clocks) consumer.onClock(table.confirmedTime)
    diagnosis.onClock(table.confirmedTime)
  }
  const decoder = new Decoder(
    {
      onSegment: (segment, packet) => table.onSegment(segment, packet),
      onDatagram(datagram, packet) {
        for (const consumer of stage.datagrams) consumer.onDatagram(datagram, packet)
        diagnosis.onDatagram(datagram)
      },
      onIcmpError(error) {
        table.onIcmpError(error)
        diagnosis.onIcmpError(error)
      },
      onArp: (arp) => diagnosis.onArp(arp),
    },
    { unwrapTunnels: true },
  )
  const packet = new Packet()
  const timed = frames.map((each) => ({ ...each, t: timestampOf(each.time) }))
  for (const { frame, t, originalLength, linkType } of timed.sort((a, b) => compareTime(a.t, b.t))) {
    tick(clock, t, advance)
    packet.time.set(t)
    packet.linkType = linkType ?? 1
    packet.buf = frame
    packet.start = 0
    packet.end = frame.length
    packet.originalLength = originalLength ?? frame.length
    advance(t)
    decoder.decode(packet)
  }
  const end = new Timestamp(clock.seconds + (options.quietSeconds ?? 0), clock.nanos)
  tick(clock, end, advance)
  stage.onLastMoment(table.confirmedTime)
  table.closeAll('capture-ended', clock)
  stage.onTrafficOver()
  diagnosis.endTraffic()
  return { told, diagnosis }
}

/** What client and server of the only connection have sent, as it stood when it closed. */
export function sidesOf(
  talk: Talk,
  options: DiagnosedOptions = {},
): readonly [Readonly<SideFacts>, Readonly<SideFacts>] {
  const sides: [SideFacts, SideFacts][] = []
  const keep: Rule = {
    kinds: [],
    begin: () => ({
      onClose: ({ client, server }) => sides.push([copyOf(client), copyOf(server)]),
    }),
  }
  diagnose(talk, { ...options, rules: [keep] })
  assert.equal(sides.length, 1)
  return sides[0]!
}

function copyOf(side: SideFacts): SideFacts {
  return Object.assign(Object.create(Object.getPrototypeOf(side)), side)
}

/** Exactly these findings but for notes, as `id certainty x count`, in their order. */
export function assertFindings({ findings }: Diagnosed, ...expected: string[]): void {
  const said = findings
    .filter(({ severity }) => severity !== 'note')
    .map(({ id, certainty, count }) => `${id} ${certainty} x ${count}`)
  assert.deepEqual(said, expected)
}

/** Exactly these notes, by id. */
export function assertNotes({ findings }: Diagnosed, ...expected: string[]): void {
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'note').map(({ id }) => id),
    expected,
  )
}

function tick(from: Timestamp, to: Timestamp, advance: (t: Timestamp) => void): void {
  if (from.seconds === 0) return
  const t = from.clone()
  for (let left = elapsedMicros(from, to); left > TICK_MICROS; left -= TICK_MICROS) {
    const nanos = t.nanos + TICK_MICROS * 1e3
    t.seconds += Math.floor(nanos / 1e9)
    t.nanos = nanos % 1e9
    advance(t)
  }
}
