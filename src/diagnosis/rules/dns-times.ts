// dns-slow, dns-no-answer, dns-twin-lost: answers that are late, come only when they are asked for again, or never.

import type { Exchange } from '../../core/exchange.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { epochMicros } from '../../core/timestamp.ts'
import type { DnsLookups } from '../dns-lookups.ts'
import type { DnsServers } from '../dns-servers.ts'
import { dnsSubject } from '../dns-subject.ts'
import { DnsTwins } from '../dns-twins.ts'
import type { Judge } from '../rule.ts'
import { DNS_NO_ANSWER, DNS_SLOW, DNS_TWIN_LOST } from './dns-kinds.ts'
import type { DnsRefusals } from './dns-refusals.ts'

/** Resolvers ask again after 2.5 s and more; who is faster does not make anybody wait. */
const RETRY_MICROS = 900_000
/** The answer came so soon after the repetition: it was the repetition that was answered. */
const ANSWERED_AT_ONCE_MICROS = 500_000
/** At the end of a capture: so long it was waited for. */
const WAITED_MICROS = 5_000_000

export class DnsTimes {
  readonly #judge: Judge
  readonly #servers: DnsServers
  readonly #lookups: DnsLookups
  readonly #refusals: DnsRefusals
  readonly #twins = new DnsTwins()

  constructor(judge: Judge, servers: DnsServers, lookups: DnsLookups, refusals: DnsRefusals) {
    this.#judge = judge
    this.#servers = servers
    this.#lookups = lookups
    this.#refusals = refusals
  }

  noteSuccess(exchange: Exchange): void {
    this.#twins.note(exchange)
  }

  /** It was answered: when? */
  judgeAnswer(exchange: Exchange): void {
    const asked = epochMicros(exchange.requestStart)
    const answered = epochMicros(exchange.responseStart)
    const again = epochMicros(exchange.lastRetry)
    const waited = answered - asked
    const atOnce = answered - again < Math.min(ANSWERED_AT_ONCE_MICROS, this.#judge.options.slowMicros)
    if (exchange.retries > 0 && again - asked >= RETRY_MICROS && atOnce) this.#answeredOnRepetition(exchange)
    else if (waited >= this.#judge.options.slowMicros && !exchange.late) this.#slow(exchange, waited)
  }

  #answeredOnRepetition(exchange: Exchange): void {
    const { key, command } = exchange
    const asked = epochMicros(exchange.requestStart)
    const again = epochMicros(exchange.lastRetry)
    const twin = this.#twins.find(exchange)
    const evidence = [
      { micros: asked, text: `${command} ${key} is asked` },
      { micros: again, text: `asked again after ${duration(again - asked)}` },
      { micros: epochMicros(exchange.responseStart), text: 'answered' },
    ]
    if (twin !== undefined) {
      const both = twin.askedAgainMicros !== 0
      this.#judge.find(DNS_TWIN_LOST, dnsSubject(exchange, ''), both ? 'likely' : 'possible', () => ({
        cause: `A and AAAA of ${key} were asked at once; ${twin.command} was answered in ${duration(twin.tookMicros)}, ${command} got lost, and the program waited ${duration(again - asked)} for the repetition. Mostly connection tracking loses one of two packets that leave one socket at once${both ? '' : '; ordinary loss looks the same'}.`,
        next: 'options single-request-reopen in resolv.conf (docker run --dns-option single-request-reopen), or a name server on the same host',
        evidence: [
          ...evidence.slice(0, 1),
          { micros: twin.micros, text: `${twin.command} answered` },
          ...evidence.slice(1),
        ],
      }))
      return
    }
    this.#judge.find(
      DNS_NO_ANSWER,
      { ...dnsSubject(exchange, ''), severity: 'warning', group: 'repeated' },
      'likely',
      () => ({
        cause: `${this.#serverName(exchange)} did not answer ${command} ${key} for ${duration(again - asked)}; asked again, it answered. The query or the answer was lost.`,
        next: `see what is lost on the way to ${this.#serverName(exchange)} (UDP port 53)`,
        evidence,
      }),
    )
  }

  #slow(exchange: Exchange, waited: number): void {
    const { key, command } = exchange
    this.#judge.find(DNS_SLOW, dnsSubject(exchange, ''), 'certain', () => ({
      cause: `${this.#serverName(exchange)} took ${duration(waited)} to answer ${command} ${key}.`,
      next: `dig @${exchange.server!.address} ${key}; then the server that it asks in its turn`,
      evidence: [
        { micros: epochMicros(exchange.requestStart), text: `${command} ${key} is asked` },
        { micros: epochMicros(exchange.responseStart), text: `answered: ${exchange.statusText}` },
      ],
    }))
  }

  /** The capture has ended before its answer. */
  judgeUnfinished(exchange: Exchange): void {
    const waited = this.#judge.nowMicros - epochMicros(exchange.requestStart)
    const again = epochMicros(exchange.lastRetry) - epochMicros(exchange.requestStart)
    if ((exchange.retries > 0 && again >= RETRY_MICROS) || waited >= WAITED_MICROS) this.noAnswer(exchange)
  }

  /** Nobody waits for it any more. */
  noAnswer(exchange: Exchange): void {
    if (this.#refusals.has(exchange)) return
    const { capture } = this.#judge
    // one direction is captured: the answers are in the other
    if (!this.#servers.anyAnswered && capture.segments > 0 && capture.clientSegments === capture.segments) return
    const { key, command, place, client, retries } = exchange
    const asked = epochMicros(exchange.requestStart)
    const server = this.#serverName(exchange)
    const answersOthers = this.#servers.answered(exchange)
    const helped = this.#lookups.answeredSince(place, client!, key, asked)
    const subject = {
      ...dnsSubject(exchange, answersOthers ? key : ''),
      ...(helped ? ({ severity: 'warning', group: 'other' } as const) : {}),
    }
    this.#judge.find(DNS_NO_ANSWER, subject, 'likely', () => {
      const others = this.#servers.others(exchange).map((each) => this.#judge.hostOf(place, each))
      const again = retries > 0 ? `, asked ${counted(retries + 1, 'time')}` : ''
      const same = answersOthers ? ' It answered other queries.' : ' It answered nothing at all.'
      const elsewhere = others.length === 0 ? '' : ` ${others.join(', ')} did answer.`
      return {
        cause: `${server} did not answer ${command} ${key}${again}.${same}${elsewhere}${helped ? ' The name was found in the end.' : ''}`,
        next: answersOthers
          ? `dig @${exchange.server!.address} ${key} ${command}`
          : `see that ${server} is a name server and can be reached on UDP port 53 (cat /etc/resolv.conf in the container)`,
        evidence: [
          { micros: asked, text: `${command} ${key} to ${exchange.server}` },
          ...(retries > 0 ? [{ micros: epochMicros(exchange.lastRetry), text: 'asked for the last time' }] : []),
        ],
      }
    })
  }

  #serverName({ place, server }: Exchange): string {
    return this.#judge.hostOf(place, server!)
  }
}
