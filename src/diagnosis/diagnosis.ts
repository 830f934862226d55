// The engine: is given what happens, keeps facts, asks the rules, and tells what they find. One for each run that wants
// findings; nothing of it runs otherwise.

import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from '../core/connection.ts'
import type {
  ClockConsumer,
  DatagramConsumer,
  FindingConsumer,
  NetworkEventConsumer,
  SegmentConsumer,
  StreamConsumer,
} from '../core/consumers.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { formatAddress, isSameAddress } from '../core/endpoint.ts'
import type { Exchange } from '../core/exchange.ts'
import type { ExchangeFailure, ExchangeFailures } from '../core/exchange-failure.ts'
import type { Finding, FindingCertainty } from '../core/finding.ts'
import type { Mismatch, MismatchConsumer } from '../core/first-words.ts'
import type { Packet } from '../core/packet.ts'
import { counted } from '../core/plain-numbers.ts'
import type { HostFacts, HostFactsSource, Names, OtherListener } from '../core/ports.ts'
import type { Arp, Datagram, IcmpError, Segment } from '../core/segment.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { epochMicros, type Timestamp } from '../core/timestamp.ts'
import type { TlsConsumer, TlsEvent, TlsHandshake } from '../core/tls-handshake.ts'
import { type AddressFacts, AddressResolution } from './address-resolution.ts'
import { Agenda } from './agenda.ts'
import { CaptureFacts } from './capture-facts.ts'
import type { ConnectionFacts, CountedConnection } from './connection-facts.ts'
import { FactDesk } from './fact-desk.ts'
import { type BookOptions, FindingBook } from './finding-book.ts'
import { IcmpTargets } from './icmp-targets.ts'
import { Moments } from './moments.ts'
import type { Description, FindingKind, Judge, JudgeOptions, Rule, Subject } from './rule.ts'
import { shownRequest } from './shown-request.ts'
import { Timeline } from './timeline.ts'
import { type Trouble, Troubles } from './troubles.ts'

const UDP = 17
/** onClock of the rules, in capture time. */
const CLOCK_MICROS = 1_000_000
const MAXIMUM_REQUEST_CHARACTERS = 100
const UNKNOWN_PROTOCOL = 'raw'
/** One character of so many that is none makes it unreadable. */
const LEAST_TEXT = 4
const MAXIMUM_NAME_CHARACTERS = 64

export interface DiagnosisOptions extends JudgeOptions, BookOptions {
  readonly rules: readonly Rule[]
  readonly names: Names | undefined
  readonly failures: ExchangeFailures
  /** Left out: nobody can be asked, and findings stand on packets alone. */
  readonly hosts?: HostFactsSource | undefined
}

export class Diagnosis
  implements
    Judge,
    StreamConsumer,
    SegmentConsumer,
    DatagramConsumer,
    NetworkEventConsumer,
    ClockConsumer,
    TimedExchangeConsumer,
    TlsConsumer,
    MismatchConsumer
{
  readonly options: JudgeOptions
  readonly capture = new CaptureFacts()
  nowMicros = 0
  readonly #names: Names | undefined
  readonly #failures: ExchangeFailures
  readonly #troubles = new Troubles()
  readonly #hosts: HostFactsSource | undefined
  readonly #desk = new FactDesk()
  readonly #book: FindingBook
  readonly #agenda = new Agenda()
  readonly #addresses: AddressResolution
  readonly #moments: Moments
  readonly #timeline: Timeline
  readonly #icmpTargets = new IcmpTargets()
  #clockMicros = 0

  constructor(consumer: FindingConsumer, options: DiagnosisOptions) {
    this.options = options
    this.#names = options.names
    this.#failures = options.failures
    this.#hosts = options.hosts
    this.#book = new FindingBook(consumer, options, options.names)
    this.#moments = new Moments(options.rules, this)
    this.#timeline = new Timeline(this.#moments, this.capture)
    this.#addresses = new AddressResolution((facts) => {
      for (const rule of this.#moments.onAddressUnanswered) rule.onAddressUnanswered(facts)
    })
  }

  // What happens.

  onOpen(c: Connection, t: Timestamp): void {
    this.#advance(t)
    this.#timeline.begin(c)
    const facts = this.#timeline.of(c)
    if (facts !== undefined) this.#icmpTargets.add(facts)
  }

  onSegment(c: Connection, d: Direction, s: Segment, _packet: Packet): void {
    this.#advance(s.time)
    this.capture.segments++
    if (d === 0) this.capture.clientSegments++
    this.#timeline.onSegment(c, d, s)
  }

  onData(): void {}

  onLateData(): void {}

  onGap(c: Connection, _d: Direction, _offset: number, missing: number, cause: GapCause, _t: Timestamp): void {
    const facts = this.#timeline.of(c)
    if (facts === undefined || cause !== 'capture') return
    facts.captureLostBytes += missing
    facts.captureLosses++
  }

  onWentOn(c: Connection, d: Direction, after: WentOnAfter, t: Timestamp): void {
    this.#advance(t)
    const facts = this.#timeline.of(c)
    if (facts === undefined) return
    if (after === 'reset') {
      facts.sides[d].resets = 0
      facts.sides[d].resetMicros = 0
      facts.firstResetBy = -1
    }
    for (const rule of this.#moments.onWentOn) rule.onWentOn(facts, d)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#advance(t)
    const facts = this.#timeline.of(c)
    if (facts === undefined) return
    facts.closed = why
    this.capture.noteClosed(facts)
    for (const rule of this.#moments.onClose) rule.onClose(facts, why)
    this.#icmpTargets.remove(facts)
    this.#timeline.end(facts)
  }

  onDatagram(datagram: Datagram): void {
    this.#advance(datagram.time)
    this.capture.datagrams++
    for (const rule of this.#moments.onDatagram) rule.onDatagram(datagram)
  }

  onIcmpError(error: IcmpError): void {
    this.#advance(error.time)
    if (error.quotedProtocol === UDP) for (const rule of this.#moments.onDatagramError) rule.onDatagramError(error)
    const found = this.#icmpTargets.find(error)
    if (found === undefined) return
    const { facts, direction } = found
    const news = {
      micros: epochMicros(error.time),
      family: error.family,
      type: error.type,
      code: error.code,
      reporter: formatAddress(
        error.family,
        error.reporterWord0,
        error.reporterWord1,
        error.reporterWord2,
        error.reporterWord3,
      ),
      direction,
      nextHopMtu: error.nextHopMtu,
    }
    facts.noteIcmp(news)
    for (const rule of this.#moments.onIcmp) rule.onIcmp(facts, news)
  }

  onArp(arp: Arp): void {
    this.#advance(arp.time)
    this.#addresses.note(arp)
  }

  onTimedExchange(timed: TimedExchange): void {
    const { exchange } = timed
    if (exchange.protocol === 'dns') this.capture.noteName(exchange.key)
    const facts = exchange.connection === undefined ? undefined : this.#timeline.of(exchange.connection)
    if (facts !== undefined) noteExchange(facts, timed)
    for (const rule of this.#moments.onExchange) rule.onExchange(timed, facts)
  }

  onMismatch(c: Connection, mismatch: Mismatch, t: Timestamp): void {
    this.#advance(t)
    const facts = this.#timeline.of(c)
    if (facts === undefined) return
    for (const rule of this.#moments.onMismatch) rule.onMismatch(facts, mismatch)
  }

  onTls(handshake: TlsHandshake, event: TlsEvent, t: Timestamp): void {
    this.#advance(t)
    if (event === 'client-hello') this.capture.handshakes++
    const facts = this.#timeline.of(handshake.connection)
    if (facts === undefined) return
    for (const rule of this.#moments.onTls) rule.onTls(handshake, event, facts)
  }

  onClock(t: Timestamp): void {
    this.#advance(t)
  }

  noteKernelDrops(packets: number): void {
    this.capture.kernelDrops += packets
  }

  /** A copy of a packet that was seen at another capture point; it comes no further. */
  noteDuplicate(): void {
    this.capture.duplicatePackets++
  }

  /** Resolves when all that was asked of the engine and the system is answered. Call it before `end`. */
  async settle(): Promise<void> {
    await this.#desk.settle()
  }

  /** The traffic is over, every connection closed: the rules are asked for the last time. */
  endTraffic(): void {
    for (const rule of this.#moments.onEnd) rule.onEnd()
  }

  /** After endTraffic: counts are final, and told. */
  end(): void {
    this.#desk.close()
    this.#book.close()
  }

  /** As they stand, ranked. */
  findings(): readonly Finding[] {
    return this.#book.ranked()
  }

  /** Cases for whose findings there was no room. */
  get casesBeyond(): number {
    return this.#book.beyond
  }

  // What rules ask and say.

  find(kind: FindingKind, subject: Subject, certainty: FindingCertainty, describe: () => Description): void {
    this.#book.find(kind, subject, certainty, this.nowMicros, describe)
    const { place, client, server } = subject
    if (client !== undefined && server !== undefined && (subject.severity ?? kind.severity) !== 'note') {
      this.#troubles.note({ id: kind.id, micros: this.nowMicros, place, client, server })
    }
  }

  update(kind: FindingKind, subject: Subject, describe: () => Description): void {
    this.#book.update(kind, subject, describe)
  }

  withdraw(kind: FindingKind, c: CountedConnection): void {
    this.#book.withdraw(kind, c)
  }

  has(kind: FindingKind, c: CountedConnection): boolean {
    return this.#book.has(kind, c)
  }

  hasFailed(c: CountedConnection): boolean {
    return this.#book.hasFailed(c)
  }

  failureOf(exchange: Exchange): ExchangeFailure | undefined {
    return this.#failures.get(exchange.protocol)?.(exchange)
  }

  troubleOf(place: number, host: Endpoint, fromMicros: number, toMicros: number): Trouble | undefined {
    const name = this.nameOf(place, host)
    const isHost = (at: number, each: Endpoint): boolean =>
      isSameAddress(each, host) || (name !== '' && this.nameOf(at, each) === name)
    return this.#troubles.of(isHost, fromMicros, toMicros)
  }

  revise(kind: FindingKind, c: CountedConnection, certainty: FindingCertainty, describe: () => Description): void {
    this.#book.revise(kind, c, certainty, describe)
  }

  replace(
    kind: FindingKind,
    by: FindingKind,
    subject: Subject,
    certainty: FindingCertainty,
    describe: () => Description,
  ): void {
    this.#book.replace(kind, by, subject, certainty, this.nowMicros, describe)
  }

  askHost(place: number, endpoint: Endpoint, purpose: string, onKnown: (facts: HostFacts) => void): void {
    const hosts = this.#hosts
    if (hosts === undefined) return
    this.#desk.ask(`${purpose} ${place} ${endpoint.address}`, () => hosts.factsOf(place, endpoint), onKnown)
  }

  askListeners(place: number, endpoint: Endpoint, onKnown: (others: readonly OtherListener[]) => void): void {
    const hosts = this.#hosts
    if (hosts === undefined) return
    this.#desk.ask(`listeners ${place} ${endpoint}`, () => hosts.listenersBeside(place, endpoint), onKnown)
  }

  wake(c: ConnectionFacts, micros: number): void {
    this.#agenda.add(c, micros)
  }

  nameOf(place: number, endpoint: Endpoint): string {
    return this.#names?.hostOf(place, endpoint)?.name.slice(0, MAXIMUM_NAME_CHARACTERS) ?? ''
  }

  hostOf(place: number, endpoint: Endpoint): string {
    return this.nameOf(place, endpoint) || endpoint.address
  }

  endOf(place: number, endpoint: Endpoint): string {
    const name = this.nameOf(place, endpoint)
    return name === '' ? endpoint.toString() : `${name}:${endpoint.port}`
  }

  arpOf(place: number, endpoint: Endpoint): AddressFacts | undefined {
    return this.#addresses.of(place, endpoint)
  }

  #advance(t: Timestamp): void {
    const micros = epochMicros(t)
    if (this.capture.firstMicros === 0) this.capture.firstMicros = micros
    // never back: what was due then has been
    if (micros <= this.nowMicros) return
    this.nowMicros = micros
    this.capture.lastMicros = micros
    for (let due = this.#agenda.takeDue(micros); due !== undefined; due = this.#agenda.takeDue(micros)) {
      for (const rule of this.#moments.onWake) rule.onWake(due)
    }
    if (micros - this.#clockMicros < CLOCK_MICROS) return
    this.#clockMicros = micros
    for (const rule of this.#moments.onClock) rule.onClock()
  }
}

function noteExchange(facts: ConnectionFacts, { exchange }: TimedExchange): void {
  const { status, late } = exchange
  facts.protocol = exchange.protocol
  facts.wantsNoAnswer = status === 'silent'
  if (exchange.blocking) facts.blocking = true
  if (late) {
    facts.unanswered = undefined
    facts.unansweredRequests = Math.max(0, facts.unansweredRequests - 1)
  } else {
    facts.requests++
  }
  if (status === 'ok' || status === 'error') facts.answered++
  if (status === 'error') facts.errors++
  if (exchange.requestMissingBytes !== 0 || exchange.responseMissingBytes !== 0) {
    facts.cutShort = {
      request: requestText(exchange),
      isAnswered: status === 'ok' || status === 'error',
      requestMissingBytes: exchange.requestMissingBytes,
      responseMissingBytes: exchange.responseMissingBytes,
      responseBytes: exchange.responseBytes,
    }
  }
  if (status !== 'unanswered') return
  facts.unansweredRequests++
  facts.unanswered = {
    protocol: exchange.protocol,
    request: requestText(exchange),
    micros: epochMicros(exchange.requestStart),
  }
}

/** Bounded. Bytes of a protocol that is not known, of which much is no text, are only counted. */
function requestText({ protocol, request, requestBytes }: TimedExchange['exchange']): string {
  const text = shownRequest(request, MAXIMUM_REQUEST_CHARACTERS)
  if (protocol !== UNKNOWN_PROTOCOL) return text
  // what cannot be printed is a dot there
  const unprintable = text.split(/[^\x20-\x2d\x2f-\x7e]/).length - 1
  return unprintable * LEAST_TEXT > text.length ? `(${counted(requestBytes, 'byte')})` : text
}
