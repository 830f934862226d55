// What a rule is, and what it is given. A rule is one file in rules/ and a line in registry.ts; CONTRIBUTING.md has the steps.

import type { CloseReason, Direction } from '../core/connection.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { Exchange } from '../core/exchange.ts'
import type { ExchangeFailure } from '../core/exchange-failure.ts'
import type { FindingCertainty, FindingSeverity } from '../core/finding.ts'
import type { Mismatch } from '../core/first-words.ts'
import type { HostFacts, OtherListener } from '../core/ports.ts'
import type { Datagram, IcmpError } from '../core/segment.ts'
import type { TimedExchange } from '../core/timed-exchange.ts'
import type { TlsEvent, TlsHandshake } from '../core/tls-handshake.ts'
import type { AddressFacts } from './address-resolution.ts'
import type { CaptureFacts } from './capture-facts.ts'
import type { ConnectionFacts, CountedConnection, IcmpNews } from './connection-facts.ts'
import type { Trouble } from './troubles.ts'

/** One id of the vocabulary, with the text that `--explain` prints and docs/diagnosis.md has. Plain sentences, one paragraph each. */
export interface FindingKind {
  readonly id: string
  readonly severity: FindingSeverity
  /** A heading: `nothing listens on that port`. */
  readonly title: string
  readonly meaning: string
  /** How it is told from packets. */
  readonly told: string
  /** What it cannot tell, and what looks the same. */
  readonly limits: string
  /** What to do. */
  readonly advice: string
  /** Several ports of one pair of hosts are one finding. Default: each port has its own. */
  readonly foldsPorts?: boolean
  /** Cause, next step and evidence are those of the latest case; default: of the first. For findings whose text has figures. */
  readonly latestText?: boolean
  /** Kinds that this one explains: a connection that is counted here is not, or no longer, counted there. */
  readonly insteadOf?: readonly FindingKind[]
}

/** Whom a finding is about. What agrees in kind, hosts, server's port, name and group is one finding that counts. */
export interface Subject {
  readonly place: number
  readonly client: Endpoint | undefined
  readonly server: Endpoint | undefined
  /** The server is meant as a host, whatever the port. */
  readonly anyPort?: boolean
  /** For what is no connection: a DNS name. */
  readonly name?: string
  /** What else tells one cause from another: an error code. */
  readonly group?: string
  /** The connection that it touches. */
  readonly facts?: CountedConnection
  /** In place of the kind's. */
  readonly severity?: FindingSeverity
}

/** The words of a finding. Names and text of packets may stand in them as they are: the output makes them harmless. */
export interface Description {
  /** A sentence or two. What is `possible` is not worded as a fact. */
  readonly cause: string
  /** '' where there is nothing to do. */
  readonly next: string
  /** At most five, oldest first. The first one's time is the case's. */
  readonly evidence: readonly { readonly micros: number; readonly text: string }[]
}

/** What a rule may ask and say. */
export interface Judge {
  /** Where capture time stands, in microseconds since 1970. */
  readonly nowMicros: number
  readonly options: JudgeOptions
  /** Of the capture as a whole: drops, directions, snapshot length. */
  readonly capture: CaptureFacts
  /**
   * One more case of a kind. `describe` is called where its words are needed, at once. A connection counts once in each finding,
   * a case as often as this is called.
   */
  find(kind: FindingKind, subject: Subject, certainty: FindingCertainty, describe: () => Description): void
  /** New words for a finding that the subject is counted in already; it counts no further. */
  update(kind: FindingKind, subject: Subject, describe: () => Description): void
  /** The connection is not a case of that kind after all. */
  withdraw(kind: FindingKind, c: CountedConnection): void
  /** The connection is counted in a finding of that kind. */
  has(kind: FindingKind, c: CountedConnection): boolean
  /** The connection is counted in some finding that is an error: its end needs no other explanation. */
  hasFailed(c: CountedConnection): boolean
  /** Other words, and another certainty, for the finding that counts the connection: something was learnt that no packet tells. */
  revise(kind: FindingKind, c: CountedConnection, certainty: FindingCertainty, describe: () => Description): void
  /** The same of the finding that counts `subject.facts`, and its cases become a finding of kind `by`: the one of kind `kind` is withdrawn in its favour. */
  replace(
    kind: FindingKind,
    by: FindingKind,
    subject: Subject,
    certainty: FindingCertainty,
    describe: () => Description,
  ): void
  /**
   * What the engine and the system know of a host: calls `onKnown` at once or later, not at all where nobody knows. Each host is
   * asked about once for each `purpose`. Only for findings that would be others for it.
   */
  askHost(place: number, endpoint: Endpoint, purpose: string, onKnown: (facts: HostFacts) => void): void
  /** Who else listens on the port of this container's own loopback address; likewise. */
  askListeners(place: number, endpoint: Endpoint, onKnown: (others: readonly OtherListener[]) => void): void
  /** Call onWake for the connection when capture time has come to `micros`, if it is still open then. The earliest wish counts. */
  wake(c: ConnectionFacts, micros: number): void
  /** What the outcome of an exchange says, by its protocol; undefined: it succeeded, or failed as healthy use does. */
  failureOf(exchange: Exchange): ExchangeFailure | undefined
  /** The latest error or warning about what that host itself asked of others, between those times. */
  troubleOf(place: number, host: Endpoint, fromMicros: number, toMicros: number): Trouble | undefined
  /** `web`, or `172.17.0.2` where nobody knows a name. */
  hostOf(place: number, endpoint: Endpoint): string
  /** `web:80`, `172.17.0.2:80`. */
  endOf(place: number, endpoint: Endpoint): string
  /** The name alone; '' where nobody knows one. */
  nameOf(place: number, endpoint: Endpoint): string
  /** ARP for this address, as far as it was seen. */
  arpOf(place: number, endpoint: Endpoint): AddressFacts | undefined
}

export interface JudgeOptions {
  /** --slow */
  readonly slowMicros: number
  /** --hung-after */
  readonly hungAfterMicros: number
}

/**
 * The moments at which a rule is asked, in capture time. All are optional, and none comes for each packet of healthy traffic.
 * Facts are lent: they go on changing, and end with onClose.
 */
export interface Judgement {
  /** First packet of a connection. */
  onOpen?(c: ConnectionFacts): void
  /** A SYN (of the client) or SYN+ACK (of the server) came again. */
  onSynAgain?(c: ConnectionFacts, d: Direction): void
  /** The client acknowledged the SYN+ACK. */
  onEstablished?(c: ConnectionFacts): void
  /** Data was sent again, by the sender of `d`; the facts of that side tell of what sort. */
  onRetransmission?(c: ConnectionFacts, d: Direction): void
  /** A packet of `d` ended a silence of a second or more: `c.silenceMicros`. */
  onSilenceEnd?(c: ConnectionFacts, d: Direction): void
  /** A keep-alive probe by the sender of `d`. */
  onKeepAlive?(c: ConnectionFacts, d: Direction): void
  /** The sender of `d` has less room than for one segment, or none. */
  onWindowShut?(c: ConnectionFacts, d: Direction): void
  /** It has room again, after `micros`. */
  onWindowOpen?(c: ConnectionFacts, d: Direction, micros: number): void
  /** The sender of `d` has waited for a delayed acknowledgement, and goes on: `nagleDelays` of that side. */
  onNagleDelay?(c: ConnectionFacts, d: Direction): void
  onFin?(c: ConnectionFacts, d: Direction): void
  onReset?(c: ConnectionFacts, d: Direction): void
  /** A RST or SYN was not believed: both sides went on. */
  onWentOn?(c: ConnectionFacts, d: Direction): void
  /** An ICMP error about a packet of the connection. It is the last of `c.icmp`. */
  onIcmp?(c: ConnectionFacts, news: IcmpNews): void
  /** An ICMP error about a UDP datagram: `error.quoted`. Lent. */
  onDatagramError?(error: IcmpError): void
  /** ARP asked three times and more, and nobody answered. Again for each further time. */
  onAddressUnanswered?(a: AddressFacts): void
  /**
   * A request and its response, or a request that has waited longer than --hung-after (status `unanswered`, and once more with
   * `late` when its answer comes). `c` is undefined for datagrams (DNS). Lent.
   */
  onExchange?(timed: TimedExchange, c: ConnectionFacts | undefined): void
  /**
   * Something of a TLS handshake was seen, before rules hear of the packet's other moments; `closed` comes before onClose. `h`
   * is the rule's to keep, and goes on changing until `closed`.
   */
  onTls?(h: TlsHandshake, event: TlsEvent, c: ConnectionFacts): void
  /** The two sides speak different protocols. */
  onMismatch?(c: ConnectionFacts, mismatch: Mismatch): void
  /** Every UDP datagram. Lent: what is done here is done often. */
  onDatagram?(datagram: Datagram): void
  /** See Judge.wake. */
  onWake?(c: ConnectionFacts): void
  /** Once a second of capture time. */
  onClock?(): void
  /** The connection has ended; requests that waited have been told. */
  onClose?(c: ConnectionFacts, why: CloseReason): void
  /** The capture has ended, and every connection with it. */
  onEnd?(): void
}

export interface Rule {
  readonly kinds: readonly FindingKind[]
  /** Makes what one run needs; what it keeps must be bounded. */
  begin(judge: Judge): Judgement
}

/** A connection as a subject. */
export function about(c: ConnectionFacts, more: Omit<Subject, 'place' | 'client' | 'server' | 'facts'> = {}): Subject {
  return { place: c.place, client: c.clientEnd, server: c.serverEnd, facts: c, ...more }
}
