// The findings about names: queries that are not answered, that fail, that are slow, and look-ups that ask in vain.

import { editDistance } from '../../core/edit-distance.ts'
import type { Exchange } from '../../core/exchange.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import type { IcmpError } from '../../core/segment.ts'
import { epochMicros } from '../../core/timestamp.ts'
import { type AskedName, DnsLookups, type Lookup } from '../dns-lookups.ts'
import { DnsServers } from '../dns-servers.ts'
import { DnsTwins } from '../dns-twins.ts'
import type { Description, Judge, Judgement, Rule, Subject } from '../rule.ts'
import {
  DNS_FAILED,
  DNS_KINDS,
  DNS_NAME_UNKNOWN,
  DNS_NO_ANSWER,
  DNS_SEARCH_STORM,
  DNS_SLOW,
  DNS_TWIN_LOST,
} from './dns-kinds.ts'

/** Resolvers ask again after 2.5 s and more; who is faster does not make anybody wait. */
import { DnsRefusals } from './dns-refusals.ts'

const RETRY_MICROS = 900_000
/** The answer came so soon after the repetition: it was the repetition that was answered. */
const ANSWERED_AT_ONCE_MICROS = 500_000
/** At the end of a capture: so long it was waited for. */
const WAITED_MICROS = 5_000_000
const SUFFIXES_IN_VAIN = 3
const LOOKUPS_BEFORE_STORM = 2
const MAXIMUM_CLIENTS = 4096
/** Different names of one client that do not exist: what is more is one finding. */
const MAXIMUM_NAMES_TOLD = 20
const MAXIMUM_KNOWN_NAMES = 512
const ABOUT_NAMES = ['A', 'AAAA']
const NO_SUCH_NAME = 'NXDOMAIN'
const DOCKER_RESOLVER = '127.0.0.11'

/** Asked in passing, and meant to fail: proxies, canaries, lists of addresses, service names. */
const BY_DESIGN = /^(?:wpad|isatap|use-application-dns\.net$|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\.|(?:[0-9a-f]\.){8}|_)/i

export const dns: Rule = {
  kinds: DNS_KINDS,
  begin(judge: Judge): Judgement {
    const judgement = new DnsJudgement(judge)
    return {
      onExchange({ exchange }) {
        if (exchange.protocol === 'dns' && exchange.client !== undefined && exchange.server !== undefined)
          judgement.note(exchange)
      },
      onDatagramError: (error) => judgement.noteError(error),
      onClock: () => judgement.advance(),
      onEnd: () => judgement.end(),
    }
  },
}

class DnsJudgement {
  readonly #judge: Judge
  readonly #lookups: DnsLookups
  readonly #servers = new DnsServers()
  readonly #twins = new DnsTwins()
  readonly #refusals: DnsRefusals
  /** By client: look-ups that had to go through the list of suffixes. */
  readonly #storms = new Map<string, number>()
  /** By client: names that do not exist, and were told one by one. */
  readonly #unknown = new Map<string, Set<string>>()
  /** Names that exist, for "did you mean". */
  readonly #known = new Set<string>()

  constructor(judge: Judge) {
    this.#judge = judge
    this.#refusals = new DnsRefusals(judge, this.#servers)
    this.#lookups = new DnsLookups((lookup) => this.#judgeLookup(lookup))
  }

  note(exchange: Exchange): void {
    const { status, command } = exchange
    const isAnswered = status === 'ok' || status === 'error'
    if (isAnswered) this.#servers.noteAnswer(exchange)
    this.#lookups.advance(epochMicros(exchange.requestStart))
    if (ABOUT_NAMES.includes(command) && isAnswered) this.#noteOutcome(exchange)
    if (isAnswered) this.#judgeTime(exchange)
    else if (status === 'unanswered') this.#noAnswer(exchange)
    else if (status === 'unknown' && exchange.statusText !== '') this.#notAnsweredByTheEnd(exchange)
    if (status === 'ok') this.#twins.note(exchange)
  }

  advance(): void {
    this.#lookups.advance(this.#judge.nowMicros)
    this.#refusals.advance(this.#judge.nowMicros)
  }

  noteError(error: IcmpError): void {
    this.#refusals.note(error)
  }

  end(): void {
    this.#refusals.advance(Number.POSITIVE_INFINITY)
    this.#lookups.end()
  }

  #noteOutcome(exchange: Exchange): void {
    const { key, status, statusText } = exchange
    const code = status === 'ok' ? '' : (statusText.split(' ')[0] ?? '')
    if (code === '' && this.#known.size < MAXIMUM_KNOWN_NAMES) this.#known.add(key.toLowerCase())
    if (!BY_DESIGN.test(key)) this.#lookups.note(exchange, code)
  }

  // Late, or never.

  #judgeTime(exchange: Exchange): void {
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
      this.#judge.find(DNS_TWIN_LOST, this.#subject(exchange, ''), both ? 'likely' : 'possible', () => ({
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
      { ...this.#subject(exchange, ''), severity: 'warning', group: 'repeated' },
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
    this.#judge.find(DNS_SLOW, this.#subject(exchange, ''), 'certain', () => ({
      cause: `${this.#serverName(exchange)} took ${duration(waited)} to answer ${command} ${key}.`,
      next: `dig @${exchange.server!.address} ${key}; then the server that it asks in its turn`,
      evidence: [
        { micros: epochMicros(exchange.requestStart), text: `${command} ${key} is asked` },
        { micros: epochMicros(exchange.responseStart), text: `answered: ${exchange.statusText}` },
      ],
    }))
  }

  #notAnsweredByTheEnd(exchange: Exchange): void {
    const waited = this.#judge.nowMicros - epochMicros(exchange.requestStart)
    const again = epochMicros(exchange.lastRetry) - epochMicros(exchange.requestStart)
    if ((exchange.retries > 0 && again >= RETRY_MICROS) || waited >= WAITED_MICROS) this.#noAnswer(exchange)
  }

  #noAnswer(exchange: Exchange): void {
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
      ...this.#subject(exchange, answersOthers ? key : ''),
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

  // What a look-up came to.

  #judgeLookup(lookup: Lookup): void {
    const { unknown, failed } = lookup
    if (lookup.answered) {
      if (unknown.length >= SUFFIXES_IN_VAIN) this.#storm(lookup)
      if (failed.length > 0) this.#failed(lookup, true)
    } else if (failed.length > 0) {
      this.#failed(lookup, false)
    } else {
      this.#nameUnknown(lookup)
    }
  }

  #nameUnknown(lookup: Lookup): void {
    const { place, unknown } = lookup
    const { meant } = lookup
    const isSearched = unknown.length > 1
    // different names of one beginning, and the beginning itself was not asked
    const names = meant === '' ? unknown.map(({ name }) => name) : [meant]
    for (const name of names) {
      const [first] = unknown.filter((each) => meant !== '' || each.name === name)
      const last = unknown.at(-1)!
      const subject = {
        ...this.#subject({ place, client: lookup.client, server: first!.server }, name),
        ...(this.#isOneOfMany(lookup, name) ? { name: '' } : {}),
      }
      this.#judge.find(DNS_NAME_UNKNOWN, subject, 'certain', () => {
        const suffixes =
          isSearched && meant !== ''
            ? `, nor with ${counted(unknown.length - 1, 'search suffix', 'search suffixes')}`
            : ''
        return {
          cause: `${this.#judge.hostOf(place, first!.server)} does not know the name ${name}${suffixes}.${this.#nearest(name)}`,
          next: nextForName(name, first!.server.address),
          evidence: (meant === '' ? [first!] : first === last ? [first!] : [first!, last]).map((each) => ({
            micros: each.micros,
            text: `NXDOMAIN: ${each.name}`,
          })),
        }
      })
    }
  }

  #failed(lookup: Lookup, helped: boolean): void {
    const { place, client } = lookup
    const found = helped ? lookup.names.find(({ answered }) => answered) : undefined
    for (const each of lookup.failed) {
      // the query without EDNS that follows is the usual way to deal with servers that do not know it
      if (each.code === 'FORMERR' && found?.name === each.name) continue
      const subject = {
        ...this.#subject({ place, client, server: each.server }, each.name),
        group: helped ? `${each.code} ${severityOf(each)}` : each.code,
        ...(helped ? { severity: severityOf(each) } : {}),
      }
      this.#judge.find(DNS_FAILED, subject, 'certain', () => ({
        cause: `${this.#judge.hostOf(place, each.server)} answered ${each.code} for ${each.name}: ${meaningOf(each.code)}.${helped ? ' The name was found in the end.' : ''}`,
        next:
          each.code === 'REFUSED'
            ? `use a name server that serves ${this.#judge.hostOf(place, client)}, or allow it there`
            : `dig @${each.server.address} ${each.name}; see its log, and the server that it asks`,
        evidence: [{ micros: each.micros, text: `${each.code}: ${each.name}` }],
      }))
      if (!helped) return
    }
  }

  #storm(lookup: Lookup): void {
    const { place, client, unknown } = lookup
    const key = `${place} ${client.address}`
    const before = this.#storms.get(key) ?? 0
    if (before === 0 && this.#storms.size >= MAXIMUM_CLIENTS) return
    this.#storms.set(key, before + 1)
    if (before + 1 < LOOKUPS_BEFORE_STORM) return
    const found = lookup.names.find(({ answered }) => answered)!
    const queries = unknown.reduce((sum, each) => sum + each.queries, 0)
    const subject = this.#subject({ place, client, server: found.server }, '')
    const describe = (): Description => ({
      cause: `${this.#judge.hostOf(place, client)} asks for ${counted(unknown.length, 'name')} that do not exist before each that does: ${counted(queries, 'query', 'queries')} in vain for ${found.name}.`,
      next: `write the name with a dot at its end (${found.name}.), or set ndots:1`,
      evidence: [...unknown.slice(0, 3), found].map((each) => ({
        micros: each.micros,
        text: `${each.answered ? 'found' : NO_SUCH_NAME}: ${each.name}`,
      })),
    })
    // the first told nothing yet
    const cases = before + 1 === LOOKUPS_BEFORE_STORM ? LOOKUPS_BEFORE_STORM : 1
    for (let i = 0; i < cases; i++) this.#judge.find(DNS_SEARCH_STORM, subject, 'certain', describe)
  }

  #isOneOfMany({ place, client }: Lookup, name: string): boolean {
    const key = `${place} ${client.address}`
    const told = this.#unknown.get(key) ?? new Set()
    if (told.has(name)) return false
    if (told.size >= MAXIMUM_NAMES_TOLD || (told.size === 0 && this.#unknown.size >= MAXIMUM_CLIENTS)) return true
    told.add(name)
    this.#unknown.set(key, told)
    return false
  }

  /** A name that was answered and looks like it; '' for none. */
  #nearest(name: string): string {
    const allowed = name.length > 4 ? 2 : 1
    for (const known of this.#known) {
      if (Math.abs(known.length - name.length) <= allowed && editDistance(known, name) <= allowed)
        return ` ${known} exists.`
    }
    return ''
  }

  #subject({ place, client, server }: Pick<Exchange, 'place' | 'client' | 'server'>, name: string): Subject {
    // where Docker's resolver is asked, the port is one of its own
    return { place, client, server, name, anyPort: server?.address === DOCKER_RESOLVER }
  }

  #serverName({ place, server }: Exchange): string {
    return this.#judge.hostOf(place, server!)
  }
}

/** A server that knows the name and refuses AAAA alone keeps nobody waiting; after SERVFAIL resolvers ask again, or give up. */
function severityOf({ code, server, answeredBy }: AskedName): 'warning' | 'note' {
  return answeredBy.includes(server.address) && code !== 'SERVFAIL' ? 'note' : 'warning'
}

function nextForName(name: string, server: string): string {
  if (name.includes('.')) return `check how ${name} is written; dig @${server} ${name}`
  return server === DOCKER_RESOLVER
    ? `is a container with the name or alias ${name} running, on the same network? tcpflow containers; docker network connect NETWORK ${name}`
    : `${name} is no full name: names of containers are known on networks of your own only, not on Docker’s default bridge (docker network create)`
}

function meaningOf(code: string): string {
  switch (code) {
    case 'SERVFAIL':
      return 'it failed itself, mostly because the server that it asks did'
    case 'REFUSED':
      return 'it does not serve this client or this name'
    case 'FORMERR':
      return 'it does not understand the query'
    case 'NOTIMP':
      return 'it does not know this sort of query'
    default:
      return 'it could not answer'
  }
}
