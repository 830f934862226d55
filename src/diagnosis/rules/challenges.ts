// 401 and 407: part of a login, or its failure. Held until it shows whether the same request succeeds.

import type { Exchange } from '../../core/exchange.ts'
import type { ExchangeFailure } from '../../core/exchange-failure.ts'
import { epochMicros } from '../../core/timestamp.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Judge, type Subject } from '../rule.ts'
import { shownRequest } from '../shown-request.ts'
import { AUTH_FAILED } from './application-kinds.ts'

/** The request comes again with credentials at once, or after somebody has typed them in. */
const HOLD_MICROS = 5_000_000
const MAXIMUM_HELD = 1024
const MAXIMUM_REQUEST_CHARACTERS = 80
/** So many in a row are no login. */
const IN_A_ROW = 3

interface Held {
  readonly subject: Subject
  readonly failure: ExchangeFailure
  readonly request: string
  readonly host: string
  readonly firstMicros: number
  lastMicros: number
  count: number
}

export class Challenges {
  readonly #judge: Judge
  /** By client, server and request. */
  readonly #held = new Map<string, Held>()
  #dueMicros = Number.POSITIVE_INFINITY

  constructor(judge: Judge) {
    this.#judge = judge
  }

  note(exchange: Exchange, c: ConnectionFacts, failure: ExchangeFailure): void {
    const key = keyOf(exchange)
    const micros = epochMicros(exchange.responseStart)
    const known = this.#held.get(key)
    if (known !== undefined) {
      known.count++
      known.lastMicros = micros
      return
    }
    if (this.#held.size >= MAXIMUM_HELD) return
    const { client, server } = exchange
    this.#held.set(key, {
      subject: { ...about(c), client, server, facts: c.counted },
      failure,
      request: shownRequest(exchange.request, MAXIMUM_REQUEST_CHARACTERS),
      host: this.#judge.hostOf(c.place, server!),
      firstMicros: micros,
      lastMicros: micros,
      count: 1,
    })
    this.#dueMicros = Math.min(this.#dueMicros, micros + HOLD_MICROS)
  }

  /** An answer that asks for nothing. */
  passed(exchange: Exchange): void {
    if (this.#held.size > 0) this.#held.delete(keyOf(exchange))
  }

  advance(nowMicros: number): void {
    if (nowMicros < this.#dueMicros) return
    this.#dueMicros = Number.POSITIVE_INFINITY
    for (const [key, held] of this.#held) {
      const due = held.lastMicros + HOLD_MICROS
      // who goes on for ever is told, too
      if (due > nowMicros && held.count < IN_A_ROW) this.#dueMicros = Math.min(this.#dueMicros, due)
      else {
        this.#held.delete(key)
        this.#tell(held)
      }
    }
  }

  #tell({ subject, failure, request, host, firstMicros, lastMicros, count }: Held): void {
    const severity = count >= IN_A_ROW ? 'warning' : 'note'
    for (let i = 0; i < count; i++) {
      this.#judge.find(AUTH_FAILED, { ...subject, severity, group: `${failure.code} ${severity}` }, 'likely', () => ({
        cause: `${host} answered ${failure.code} to "${request}"${count > 1 ? `, ${count} times in a row` : ''}, and the same request did not succeed after that: ${failure.meaning}.`,
        next: `compare the user, password or token of the client with what ${host} knows`,
        evidence: [
          { micros: firstMicros, text: `${failure.code} to ${request}` },
          ...(count > 1 ? [{ micros: lastMicros, text: 'the latest' }] : []),
        ],
      }))
    }
  }
}

function keyOf({ place, client, server, command }: Exchange): string {
  return `${place} ${client!.address} ${server} ${command}`
}
