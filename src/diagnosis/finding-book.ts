// Rules report cases; this makes findings of them. Cases with the same cause, hosts and port are counted in one finding. A
// connection that turns out to be no case is taken out again. Many ports of one pair of hosts become one finding. At the end all
// findings are ranked.

import type { FindingConsumer } from '../core/consumers.ts'
import { type Endpoint, isLoopback } from '../core/endpoint.ts'
import {
  type Evidence,
  type Finding,
  type FindingCertainty,
  type FindingHost,
  type FindingSeverity,
  type FindingState,
  isAtLeast,
  SEVERITIES,
} from '../core/finding.ts'
import type { Names } from '../core/ports.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { CountedConnection } from './connection-facts.ts'
import type { Description, FindingKind, Subject } from './rule.ts'

const MAXIMUM_FINDINGS = 4096
const MAXIMUM_CONNECTIONS = 20
const MAXIMUM_EVIDENCE = 5
/** Ports of one pair of hosts that are told one by one. */
const PORTS_BEFORE_FOLDING = 4
const MAXIMUM_PORTS = 65_536
const CERTAINTIES: readonly FindingCertainty[] = ['certain', 'likely', 'possible']

export interface BookOptions {
  /** Only these; undefined: all. */
  readonly ids: ReadonlySet<string> | undefined
  readonly notIds: ReadonlySet<string>
  readonly minimumSeverity: FindingSeverity
}

export class OpenFinding implements Finding {
  readonly key: string
  /** The key without the port. */
  readonly pair: string
  readonly kind: FindingKind
  readonly id: string
  state: FindingState = 'open'
  severity: FindingSeverity
  certainty: FindingCertainty
  client: FindingHost | undefined
  server: FindingHost | undefined
  readonly name: string
  readonly connections: number[] = []
  connectionCount = 0
  count = 0
  readonly firstTime = new Timestamp()
  readonly lastTime = new Timestamp()
  /** Of the first case; of the latest where the kind says so. */
  text = ''
  next = ''
  evidence: Evidence[] = []
  /** Told to consumers; what was not told is not withdrawn either. */
  told = false
  /** What it says comes from more than packets, and is not said anew for the next case. */
  isRevised = false
  /** Of many ports: which. */
  ports: Set<number> | undefined = undefined
  /** Once this finding of one port has become part of one of many ports: that one, which counts its cases from then on. */
  foldedInto: OpenFinding | undefined = undefined

  constructor(key: string, pair: string, kind: FindingKind, subject: Subject, certainty: FindingCertainty) {
    this.key = key
    this.pair = pair
    this.kind = kind
    this.id = kind.id
    this.severity = subject.severity ?? kind.severity
    this.certainty = certainty
    this.name = subject.name ?? ''
  }

  get cause(): string {
    return this.ports === undefined
      ? this.text
      : `${this.ports.size} ports, ${portRange(this.ports)}. The first: ${this.text}`
  }
}

export class FindingBook {
  readonly #consumer: FindingConsumer
  readonly #options: BookOptions
  readonly #names: Names | undefined
  readonly #findings = new Map<string, OpenFinding>()
  /** Kinds that fold: by kind, hosts, name and group, the findings of single ports. */
  readonly #byPair = new Map<string, OpenFinding[]>()
  /** Cases of findings that there was no room for. */
  beyond = 0

  constructor(consumer: FindingConsumer, options: BookOptions, names: Names | undefined) {
    this.#consumer = consumer
    this.#options = options
    this.#names = names
  }

  find(
    kind: FindingKind,
    subject: Subject,
    certainty: FindingCertainty,
    micros: number,
    describe: () => Description,
  ): void {
    if (subject.facts !== undefined) {
      if (isExplained(subject.facts, kind)) return
      for (const other of kind.insteadOf ?? []) this.withdraw(other, subject.facts)
    }
    if (!this.#isWanted(kind, subject)) {
      // rules ask what a connection is counted in, told or not
      if (subject.facts !== undefined) remember(subject.facts, kind, undefined)
      return
    }
    const finding = this.#findingOf(kind, subject, certainty)
    if (finding === undefined) {
      this.beyond++
      return
    }
    const isFirst = finding.count === 0
    this.#count(finding, subject)
    const surer = CERTAINTIES.indexOf(certainty) < CERTAINTIES.indexOf(finding.certainty)
    if (surer) finding.certainty = certainty
    const { ports } = finding
    if (ports !== undefined && subject.server !== undefined && ports.size < MAXIMUM_PORTS)
      ports.add(subject.server.port)
    const isSaid = !isFirst && finding.isRevised
    if (!isSaid && (isFirst || surer || (kind.latestText === true && ports === undefined)))
      describeTo(finding, describe())
    const time = timeOf(micros)
    if (isFirst) finding.firstTime.set(finding.evidence[0]?.time ?? time)
    if (isFirst || compareTime(time, finding.lastTime) > 0) finding.lastTime.set(time)
    if (finding.told) this.#consumer.onCase?.(finding, subject.facts?.id)
    else this.#tell(finding)
  }

  update(kind: FindingKind, subject: Subject, describe: () => Description): void {
    const pair = pairKey(kind, subject)
    const key = keyOf(pair, subject)
    const known = (subject.facts?.findings as Remembered[] | undefined)?.find(({ finding }) => finding?.key === key)
    if (known?.finding?.state === 'open' && !known.finding.isRevised) describeTo(known.finding, describe())
  }

  revise(kind: FindingKind, c: CountedConnection, certainty: FindingCertainty, describe: () => Description): void {
    const finding = findingOf(kind, c)
    if (finding?.state !== 'open' || finding.ports !== undefined) return
    finding.isRevised = true
    finding.certainty = certainty
    describeTo(finding, describe())
  }

  replace(
    kind: FindingKind,
    by: FindingKind,
    subject: Subject,
    certainty: FindingCertainty,
    micros: number,
    describe: () => Description,
  ): void {
    const former = subject.facts === undefined ? undefined : findingOf(kind, subject.facts)
    // many ports that were folded into one finding need not have one cause
    if (former?.state !== 'open' || former.kind !== kind || former.ports !== undefined || !this.#isWanted(by, subject))
      return
    const finding = this.#findingOf(by, subject, certainty)
    if (finding === undefined) return
    finding.count += former.count
    finding.connectionCount += former.connectionCount
    for (const number of former.connections) {
      if (finding.connections.length < MAXIMUM_CONNECTIONS) finding.connections.push(number)
    }
    finding.isRevised = true
    describeTo(finding, describe())
    finding.firstTime.set(former.firstTime)
    finding.lastTime.set(former.lastTime.seconds === 0 ? timeOf(micros) : former.lastTime)
    former.foldedInto = finding
    this.#remove(former)
    if (!finding.told) this.#tell(finding)
  }

  withdraw(kind: FindingKind, c: CountedConnection): void {
    const at = c.findings.findIndex((each) => (each as Remembered).kind === kind)
    if (at < 0) return
    const [{ finding: counted, cases }] = c.findings.splice(at, 1) as [Remembered]
    const finding = counted?.foldedInto ?? counted
    if (finding === undefined || finding.state !== 'open') return
    finding.count -= cases
    finding.connectionCount--
    const number = finding.connections.indexOf(c.id)
    if (number >= 0) finding.connections.splice(number, 1)
    if (finding.connectionCount <= 0 && finding.count <= 0) this.#remove(finding)
  }

  has(kind: FindingKind, c: CountedConnection): boolean {
    return c.findings.some((each) => (each as Remembered).kind === kind)
  }

  hasFailed(c: CountedConnection): boolean {
    return (c.findings as Remembered[]).some(({ kind, finding }) => (finding ?? kind).severity === 'error')
  }

  /** As they stand, the most serious first, then those that touch most connections. */
  ranked(): readonly Finding[] {
    return [...this.#findings.values()].sort(
      (a, b) =>
        SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
        b.connectionCount - a.connectionCount ||
        b.count - a.count ||
        compareTime(a.firstTime, b.firstTime),
    )
  }

  /** All counts are final: tells every finding once more, in their order. */
  close(): void {
    for (const finding of this.ranked() as OpenFinding[]) {
      finding.state = 'final'
      this.#consumer.onFinding(finding)
    }
  }

  #isWanted(kind: FindingKind, subject: Subject): boolean {
    const { ids, notIds, minimumSeverity } = this.#options
    if (notIds.has(kind.id) || (ids !== undefined && !ids.has(kind.id))) return false
    return isAtLeast(subject.severity ?? kind.severity, minimumSeverity)
  }

  #findingOf(kind: FindingKind, subject: Subject, certainty: FindingCertainty): OpenFinding | undefined {
    const pair = pairKey(kind, subject)
    const folded = this.#findings.get(pair)
    if (folded !== undefined) return folded
    const port = portOf(subject)
    const key = keyOf(pair, subject)
    const known = this.#findings.get(key)
    if (known !== undefined) return known
    if (this.#findings.size >= MAXIMUM_FINDINGS) return undefined
    const finding = new OpenFinding(key, pair, kind, subject, certainty)
    finding.client = this.#hostOf(subject.place, subject.client, true)
    finding.server = this.#hostOf(subject.place, subject.server, port === undefined)
    if (kind.foldsPorts === true && port !== undefined) {
      const others = this.#byPair.get(pair) ?? []
      if (others.length >= PORTS_BEFORE_FOLDING) return this.#fold(pair, others)
      others.push(finding)
      this.#byPair.set(pair, others)
    }
    this.#findings.set(key, finding)
    return finding
  }

  /** The first of several ports goes on as that of all; the others are withdrawn in its favour. */
  #fold(pair: string, single: readonly OpenFinding[]): OpenFinding {
    const [first, ...others] = single as [OpenFinding, ...OpenFinding[]]
    this.#findings.delete(first.key)
    this.#findings.set(pair, first)
    first.ports = new Set()
    if (first.server?.port !== undefined) first.ports.add(first.server.port)
    for (const other of others) {
      if (other.server?.port !== undefined) first.ports.add(other.server.port)
      first.count += other.count
      first.connectionCount += other.connectionCount
      for (const number of other.connections) {
        if (first.connections.length < MAXIMUM_CONNECTIONS) first.connections.push(number)
      }
      this.#findings.delete(other.key)
      other.foldedInto = first
      other.state = 'withdrawn'
      if (other.told) this.#consumer.onFinding(other)
    }
    if (first.server !== undefined) first.server = { ...first.server, port: undefined }
    this.#byPair.delete(pair)
    return first
  }

  #count(finding: OpenFinding, { facts }: Subject): void {
    finding.count++
    if (facts === undefined) return
    const known = (facts.findings as Remembered[]).find(
      (each) => (each.finding?.foldedInto ?? each.finding) === finding,
    )
    if (known !== undefined) {
      known.cases++
      return
    }
    remember(facts, finding.kind, finding)
    finding.connectionCount++
    if (finding.connections.length < MAXIMUM_CONNECTIONS) finding.connections.push(facts.id)
  }

  #tell(finding: OpenFinding): void {
    finding.told = true
    this.#consumer.onFinding(finding)
  }

  #remove(finding: OpenFinding): void {
    this.#findings.delete(finding.ports === undefined ? finding.key : finding.pair)
    const single = this.#byPair.get(finding.pair)
    const at = single?.indexOf(finding) ?? -1
    if (at >= 0) single!.splice(at, 1)
    if (single?.length === 0) this.#byPair.delete(finding.pair)
    finding.state = 'withdrawn'
    if (finding.told) this.#consumer.onFinding(finding)
  }

  #hostOf(place: number, endpoint: Endpoint | undefined, anyPort: boolean): FindingHost | undefined {
    if (endpoint === undefined) return undefined
    const known = this.#names?.hostOf(place, endpoint)
    return {
      address: endpoint.address,
      port: anyPort || endpoint.port === 0 ? undefined : endpoint.port,
      name: known?.name ?? '',
      container: known?.container,
      image: known?.image,
      network: known?.network,
    }
  }
}

interface Remembered {
  readonly kind: FindingKind
  readonly finding: OpenFinding | undefined
  /** How many of the finding's cases are this connection's. */
  cases: number
}

/** The finding of that kind that counts the connection. */
function findingOf(kind: FindingKind, c: CountedConnection): OpenFinding | undefined {
  const counted = (c.findings as Remembered[]).find((each) => each.kind === kind)?.finding
  return counted?.foldedInto ?? counted
}

/** It is counted in a finding that stands instead of those of this kind. */
function isExplained({ findings }: CountedConnection, kind: FindingKind): boolean {
  return (findings as Remembered[]).some((each) => each.kind.insteadOf?.includes(kind) === true)
}

function remember(facts: CountedConnection, kind: FindingKind, finding: OpenFinding | undefined): void {
  if (finding === undefined && facts.findings.some((each) => (each as Remembered).kind === kind)) return
  facts.findings.push({ kind, finding, cases: 1 } satisfies Remembered)
}

/** Two namespaces' 127.0.0.1 differ; other addresses are the same host wherever it is captured. */
function pairKey(kind: FindingKind, { place, client, server, name, group }: Subject): string {
  const where = server !== undefined && isLoopback(server) ? place : ''
  return `${kind.id} ${where} ${client?.address ?? ''} ${server?.address ?? ''} ${name ?? ''} ${group ?? ''}`
}

function portOf({ anyPort, server }: Subject): number | undefined {
  return anyPort === true ? undefined : server?.port
}

function keyOf(pair: string, subject: Subject): string {
  const port = portOf(subject)
  return port === undefined ? pair : `${pair} ${port}`
}

function describeTo(finding: OpenFinding, { cause, next, evidence }: Description): void {
  finding.text = cause
  finding.next = next
  finding.evidence = evidence.slice(0, MAXIMUM_EVIDENCE).map(({ micros, text }) => ({ time: timeOf(micros), text }))
}

function portRange(ports: ReadonlySet<number>): string {
  let least = Number.POSITIVE_INFINITY
  let greatest = 0
  for (const port of ports) {
    least = Math.min(least, port)
    greatest = Math.max(greatest, port)
  }
  return `${least} to ${greatest}`
}

function timeOf(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1e6)
  return new Timestamp(seconds, Math.round((micros - seconds * 1e6) * 1e3))
}
