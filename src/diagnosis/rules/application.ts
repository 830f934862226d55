// http-error, protocol-error and auth-failed: the network works, and the answers say that something failed. What an answer
// means its protocol says (core/exchange-failure.ts).

import type { Endpoint } from '../../core/endpoint.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { ExchangeFailure } from '../../core/exchange-failure.ts'
import { duration, grouped } from '../../core/plain-numbers.ts'
import { epochMicros } from '../../core/timestamp.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfEnd } from '../end-hash.ts'
import {
  about,
  type Description,
  type FindingKind,
  type Judge,
  type Judgement,
  type Rule,
  type Subject,
} from '../rule.ts'
import { shownRequest } from '../shown-request.ts'
import type { Trouble } from '../troubles.ts'
import { AUTH_FAILED, HTTP_ERROR, PROTOCOL_ERROR } from './application-kinds.ts'
import { Challenges } from './challenges.ts'

const KINDS: Readonly<Record<ExchangeFailure['id'], FindingKind>> = {
  'http-error': HTTP_ERROR,
  'protocol-error': PROTOCOL_ERROR,
  'auth-failed': AUTH_FAILED,
}

const MAXIMUM_REQUEST_CHARACTERS = 80
const MAXIMUM_SERVERS = 4096
/** A proxy gives up and lets go of the server behind it in one moment; which packet comes first is chance. */
const AROUND_MICROS = 1_000_000
const MAXIMUM_OPEN_QUESTIONS = 64

export const application: Rule = {
  kinds: [HTTP_ERROR, PROTOCOL_ERROR, AUTH_FAILED],
  begin(judge: Judge): Judgement {
    const judgement = new ApplicationJudgement(judge)
    return {
      onExchange({ exchange }, c) {
        if (c !== undefined && (exchange.status === 'ok' || exchange.status === 'error')) judgement.note(exchange, c)
      },
      onClock: () => judgement.advance(judge.nowMicros),
      onEnd: () => judgement.advance(Number.POSITIVE_INFINITY),
    }
  },
}

/** A proxy has failed, and what it had to do with the server behind it has not been seen yet. */
interface OpenQuestion {
  readonly subject: Subject
  readonly dueMicros: number
  readonly describe: (trouble: Trouble | undefined) => Description
  readonly find: () => Trouble | undefined
}

class ApplicationJudgement {
  readonly #judge: Judge
  readonly #challenges: Challenges
  /** Answers and failures of each server, by its hash. */
  readonly #servers = new Map<number, { answers: number; failures: number }>()
  #questions: OpenQuestion[] = []

  constructor(judge: Judge) {
    this.#judge = judge
    this.#challenges = new Challenges(judge)
  }

  note(exchange: Exchange, c: ConnectionFacts): void {
    const server = this.#serverOf(exchange)
    server.answers++
    const failure = this.#judge.failureOf(exchange)
    if (failure === undefined) {
      this.#challenges.passed(exchange)
      return
    }
    server.failures++
    if (failure.isChallenge) this.#challenges.note(exchange, c, failure)
    else this.#tell(exchange, c, failure, server)
  }

  advance(nowMicros: number): void {
    this.#challenges.advance(nowMicros)
    if (this.#questions.length === 0) return
    const due = this.#questions.filter(({ dueMicros }) => dueMicros <= nowMicros)
    if (due.length === 0) return
    this.#questions = this.#questions.filter(({ dueMicros }) => dueMicros > nowMicros)
    for (const { subject, describe, find } of due) {
      const trouble = find()
      if (trouble !== undefined) this.#judge.update(HTTP_ERROR, subject, () => describe(trouble))
    }
  }

  #tell(
    exchange: Exchange,
    c: ConnectionFacts,
    failure: ExchangeFailure,
    server: { answers: number; failures: number },
  ) {
    const kind = KINDS[failure.id]
    const subject: Subject = { ...subjectOf(exchange, c), group: failure.code }
    const { failures, answers } = server
    const askedMicros = epochMicros(exchange.requestStart)
    const answeredMicros = epochMicros(exchange.responseStart)
    const request = requestOf(exchange)
    const said = exchange.statusText
    const end = this.#judge.endOf(c.place, exchange.server!)
    const host = this.#judge.hostOf(c.place, exchange.server!)
    const meaning = failure.meaning === '' ? '' : `: ${failure.meaning}`
    const share = failures > 1 ? ` ${grouped(failures)} of its ${grouped(answers)} answers so far were errors.` : ''
    const describe = (trouble: Trouble | undefined): Description => ({
      cause: `${end} answered ${said} to "${request}"${meaning}.${share}${this.#behind(failure, host, trouble)}`,
      next: this.#next(failure, host, trouble),
      evidence: [
        ...(trouble === undefined
          ? []
          : [
              {
                micros: trouble.micros,
                text: `${trouble.id}: ${host} -> ${this.#judge.endOf(trouble.place, trouble.server)}`,
              },
            ]),
        { micros: askedMicros, text: `request: ${request}` },
        { micros: answeredMicros, text: `${said} after ${duration(answeredMicros - askedMicros)}` },
      ].sort((a, b) => a.micros - b.micros),
    })
    const find = () =>
      failure.ofUpstream
        ? this.#judge.troubleOf(c.place, exchangeServer, askedMicros, answeredMicros + AROUND_MICROS)
        : undefined
    const exchangeServer: Endpoint = exchange.server!
    const trouble = find()
    this.#judge.find(kind, subject, 'certain', () => describe(trouble))
    if (failure.ofUpstream && trouble === undefined && this.#questions.length < MAXIMUM_OPEN_QUESTIONS) {
      const dueMicros = this.#judge.nowMicros + AROUND_MICROS
      this.#questions.push({ subject: { ...subject, facts: c.counted }, dueMicros, describe, find })
    }
  }

  #behind(failure: ExchangeFailure, host: string, trouble: Trouble | undefined): string {
    if (trouble !== undefined) {
      return ` Just then ${host} itself had trouble with ${this.#judge.endOf(trouble.place, trouble.server)} (${trouble.id}).`
    }
    return failure.ofUpstream ? ` What ${host} itself asked just then was not seen to fail.` : ''
  }

  #next(failure: ExchangeFailure, host: string, trouble: Trouble | undefined): string {
    if (trouble !== undefined)
      return `see the finding ${trouble.id} about ${this.#judge.endOf(trouble.place, trouble.server)}`
    if (failure.id === 'auth-failed') return `compare the user and password of the client with those of ${host}`
    return failure.ofUpstream
      ? `see the log of ${host}, and the server behind it; capture there as well`
      : `see the log of ${host} at that moment`
  }

  #serverOf({ place, server }: Exchange): { answers: number; failures: number } {
    const hash = hashOfEnd(place, server!)
    let counts = this.#servers.get(hash)
    if (counts === undefined) {
      if (this.#servers.size >= MAXIMUM_SERVERS) this.#servers.delete(this.#servers.keys().next().value!)
      counts = { answers: 0, failures: 0 }
      this.#servers.set(hash, counts)
    }
    return counts
  }
}

/** Who asks may be the side that was connected to, or one whom a PROXY header names. */
export function subjectOf({ client, server }: Exchange, c: ConnectionFacts): Subject {
  return { ...about(c), client, server }
}

export function requestOf({ request }: Exchange): string {
  return shownRequest(request, MAXIMUM_REQUEST_CHARACTERS)
}
