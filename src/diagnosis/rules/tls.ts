// The findings about TLS in a run: asks the verdict functions whenever something of a handshake was seen, when a hello has
// waited too long, and when it becomes known what else is spoken on a port.

import type { Direction } from '../../core/connection.ts'
import { sequenceDistance } from '../../core/sequence.ts'
import type { TlsEvent, TlsHandshake } from '../../core/tls-handshake.ts'
import type { ConnectionFacts, CountedConnection } from '../connection-facts.ts'
import { PortSpeech, portKey, SPEAKS_PLAIN, SPEAKS_TLS } from '../port-speech.ts'
import type { Judge, Judgement, Rule, Subject } from '../rule.ts'
import { PLAINTEXT_TO_TLS, TLS_KINDS, TLS_NO_ANSWER, TLS_TO_PLAINTEXT } from './tls-kinds.ts'
import { judgeTls } from './tls-rules.ts'
import type { TlsSurroundings } from './tls-verdict.ts'

/** Handshakes that are over and of which the port may tell more. */
const MAXIMUM_OPEN_QUESTIONS = 1024
const SHOWS_MICROS = 1_000_000
/** Who asked for TLS, was told no and says so little more has only taken leave (QUIT, LOGOUT). */
const LONGEST_LEAVE_BYTES = 20

export const tls: Rule = {
  kinds: TLS_KINDS,
  begin(judge: Judge): Judgement {
    const judgement = new TlsJudgement(judge)
    return {
      onTls: (h, event, c) => judgement.onTls(h, event, c),
      onWake: (c) => judgement.onWake(c),
      onExchange: ({ exchange }, c) => {
        if (c !== undefined && c.answered === 1 && speaksPlainly(exchange)) judgement.noteSpeech(c, 1, SPEAKS_PLAIN)
      },
      onClose: (c) => judgement.onClose(c),
    }
  },
}

/** It has closed without telling what is spoken there. */
interface OpenQuestion {
  readonly port: string
  readonly handshake: TlsHandshake
  readonly subject: Subject
  readonly counted: CountedConnection
  readonly around: Omit<TlsSurroundings, 'tlsSeenOnPort' | 'plainSeenOnPort'>
}

interface Declined {
  readonly handshake: TlsHandshake
  readonly micros: number
  readonly sentBytes: number
}

class TlsJudgement {
  readonly #judge: Judge
  readonly #ports = new PortSpeech()
  /** By number of the connection, while it is open. */
  readonly #handshakes = new Map<number, TlsHandshake>()
  readonly #declined = new Map<number, Declined>()
  #questions: OpenQuestion[] = []

  constructor(judge: Judge) {
    this.#judge = judge
  }

  onTls(h: TlsHandshake, event: TlsEvent, c: ConnectionFacts): void {
    this.#handshakes.set(c.id, h)
    if (event === 'upgrade-refused') {
      this.#declined.set(c.id, { handshake: h, micros: this.#judge.nowMicros, sentBytes: c.client.sentBytes })
      return
    }
    if (event === 'client-hello') this.#judge.wake(c, this.#judge.nowMicros + this.#judge.options.slowMicros)
    if (event === 'finished') this.noteSpeech(c, h.clientDirection === 0 ? 1 : 0, SPEAKS_TLS)
    // whether the client has accepted it shows in what it does next
    if (event === 'finished' && h.server.certificates.length > 0)
      this.#judge.wake(c, this.#judge.nowMicros + SHOWS_MICROS)
    const around = this.#around(h, c)
    const subject = subjectOf(h, c)
    this.#say(h, subject, c, around)
    if (event === 'closed') this.#ask(h, subject, c, around)
  }

  /** A hello has waited, or a handshake was finished a while ago. */
  onWake(c: ConnectionFacts): void {
    const h = this.#handshakes.get(c.id)
    if (h === undefined) return
    if (h.finishedMicros !== 0) this.#say(h, subjectOf(h, c), c, this.#around(h, c))
    if (h.server.spoke || h.clientHello === undefined) return
    const due = h.clientHello.micros + this.#judge.options.slowMicros
    if (this.#judge.nowMicros < due) this.#judge.wake(c, due)
    else this.#say(h, subjectOf(h, c), c, this.#around(h, c))
  }

  onClose(c: ConnectionFacts): void {
    if (this.#handshakes.delete(c.id)) this.#leftAfterRefusal(c)
    else if (c.answered > 0) this.noteSpeech(c, 1, SPEAKS_PLAIN)
  }

  /** `server`: who answers requests on that connection. */
  noteSpeech(c: ConnectionFacts, server: Direction, speech: number): void {
    const port = portKey(c.place, c.connection.endpoints[server])
    if (!this.#ports.note(port, speech) || this.#questions.length === 0) return
    for (const { port: asked, handshake, subject, counted, around } of this.#questions) {
      if (asked === port) this.#say(handshake, subject, counted, { ...around, ...this.#spokenOn(port) })
    }
    this.#questions = this.#questions.filter(
      (each) =>
        each.port !== port || !TLS_KINDS.some((kind) => kind !== TLS_NO_ANSWER && this.#judge.has(kind, each.counted)),
    )
  }

  #say(h: TlsHandshake, subject: Subject, counted: CountedConnection, around: TlsSurroundings): void {
    const judge = this.#judge
    const verdicts = judgeTls(h, around)
    for (const verdict of verdicts) {
      const { kind, severity, certainty, name } = verdict
      if (!judge.has(kind, counted))
        judge.find(kind, { ...subject, facts: counted, severity, name }, certainty, () => verdict)
    }
    if (judge.has(TLS_NO_ANSWER, counted) && !verdicts.some(({ kind }) => kind === TLS_NO_ANSWER)) {
      judge.withdraw(TLS_NO_ANSWER, counted)
    }
  }

  /** Closed, and what is spoken on the port would tell why. */
  #ask(h: TlsHandshake, subject: Subject, c: ConnectionFacts, around: TlsSurroundings): void {
    if (h.server.spoke || h.finishedMicros !== 0) return
    if (this.#judge.has(TLS_TO_PLAINTEXT, c) || this.#judge.has(PLAINTEXT_TO_TLS, c)) return
    if (this.#questions.length >= MAXIMUM_OPEN_QUESTIONS) this.#questions.shift()
    const { counted } = c
    const port = portKey(c.place, subject.server!)
    this.#questions.push({ port, handshake: h, subject: { ...subject, facts: counted }, counted, around })
  }

  /** It asked for TLS, the server declined, and it said nothing more. */
  #leftAfterRefusal(c: ConnectionFacts): void {
    const declined = this.#declined.get(c.id)
    if (declined === undefined) return
    this.#declined.delete(c.id)
    const { handshake, micros, sentBytes } = declined
    if (c.firstFinBy !== 0 && c.firstResetBy !== 0) return
    if (c.client.sentBytes - sentBytes > LONGEST_LEAVE_BYTES) return
    const { upgradeOf, upgradeRefusal } = handshake
    this.#judge.find(TLS_TO_PLAINTEXT, subjectOf(handshake, c), 'likely', () => ({
      cause: `The client asked for TLS (${upgradeOf}), the server declined it (“${upgradeRefusal}”), and the client gave up.`,
      next: 'switch TLS on in the server, or off in the client (sslmode=disable or the like)',
      evidence: [{ micros, text: `the server declines TLS: “${upgradeRefusal}”` }],
    }))
  }

  #around(h: TlsHandshake, c: ConnectionFacts): TlsSurroundings {
    const server = h.clientDirection === 0 ? 1 : 0
    const first = firstToEnd(c)
    return {
      nowMicros: this.#judge.nowMicros,
      slowMicros: this.#judge.options.slowMicros,
      seenBothWays: c.seenBothWays,
      acknowledged: hasAcknowledged(c, server),
      endedBy: first < 0 ? '' : first === h.clientDirection ? 'client' : 'server',
      endedMicros: first < 0 ? 0 : endMicrosOf(c, first as Direction),
      ...this.#spokenOn(portKey(c.place, c.connection.endpoints[server])),
    }
  }

  #spokenOn(port: string): Pick<TlsSurroundings, 'tlsSeenOnPort' | 'plainSeenOnPort'> {
    const spoken = this.#ports.of(port)
    return { tlsSeenOnPort: (spoken & SPEAKS_TLS) !== 0, plainSeenOnPort: (spoken & SPEAKS_PLAIN) !== 0 }
  }
}

/** An HTTP error may be the complaint of a server that speaks TLS. */
function speaksPlainly({ protocol, status }: { protocol: string; status: string }): boolean {
  return protocol !== 'raw' && (status === 'ok' || (status === 'error' && protocol !== 'http'))
}

function subjectOf(h: TlsHandshake, c: ConnectionFacts): Subject {
  const { clientDirection } = h
  const [first, second] = c.connection.endpoints
  const isOpener = clientDirection === 0
  return { place: c.place, client: isOpener ? first : second, server: isOpener ? second : first, facts: c }
}

/** By time: a FIN and a RST of either side. */
function firstToEnd(c: ConnectionFacts): Direction | -1 {
  const { firstFinBy, firstResetBy } = c
  if (firstFinBy < 0) return firstResetBy
  if (firstResetBy < 0) return firstFinBy
  return c.sides[firstResetBy as Direction].resetMicros < c.sides[firstFinBy as Direction].finMicros
    ? firstResetBy
    : firstFinBy
}

function endMicrosOf(c: ConnectionFacts, by: Direction): number {
  const { finMicros, resetMicros } = c.sides[by]
  return finMicros === 0 || resetMicros === 0 ? Math.max(finMicros, resetMicros) : Math.min(finMicros, resetMicros)
}

/** All that the other side has said; its FIN need not be. */
function hasAcknowledged(c: ConnectionFacts, by: Direction): boolean {
  const own = c.sides[by]
  const peer = c.sides[by === 0 ? 1 : 0]
  if (!own.hasAcknowledged || !peer.hasSent) return false
  return sequenceDistance(own.acknowledged, peer.furthest) >= (peer.fins > 0 ? -1 : 0)
}
