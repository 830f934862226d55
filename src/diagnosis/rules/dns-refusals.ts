// Queries that the name server's host sends back: nothing listens on its port 53, or a filter rejects (ICMP 3, ICMPv6 1).

import { Endpoint } from '../../core/endpoint.ts'
import type { Exchange } from '../../core/exchange.ts'
import { icmpMeaning } from '../../core/icmp-words.ts'
import { counted } from '../../core/plain-numbers.ts'
import type { IcmpError } from '../../core/segment.ts'
import type { DnsServers } from '../dns-servers.ts'
import type { Judge } from '../rule.ts'
import { DNS_NO_ANSWER } from './dns-kinds.ts'

const DNS_PORT = 53
const UNREACHABLE = 3
const UNREACHABLE_6 = 1
/** The next server is asked at once. */
const HOLD_MICROS = 3_000_000
const MAXIMUM_PAIRS = 1024

interface Refused {
  readonly place: number
  readonly client: Endpoint
  readonly server: Endpoint
  readonly words: string
  readonly micros: number
  count: number
  told: boolean
}

export class DnsRefusals {
  readonly #judge: Judge
  readonly #servers: DnsServers
  /** By client and server. */
  readonly #refused = new Map<string, Refused>()
  #dueMicros = Number.POSITIVE_INFINITY

  constructor(judge: Judge, servers: DnsServers) {
    this.#judge = judge
    this.#servers = servers
  }

  note(error: IcmpError): void {
    const { quoted, place, family, type, code } = error
    if (quoted.destinationPort !== DNS_PORT || type !== (family === 4 ? UNREACHABLE : UNREACHABLE_6)) return
    const { sourceWord0, sourceWord1, sourceWord2, sourceWord3, sourcePort } = quoted
    const { destinationWord0, destinationWord1, destinationWord2, destinationWord3 } = quoted
    const client = new Endpoint(family, sourceWord0, sourceWord1, sourceWord2, sourceWord3, sourcePort)
    const server = new Endpoint(
      family,
      destinationWord0,
      destinationWord1,
      destinationWord2,
      destinationWord3,
      DNS_PORT,
    )
    const key = keyOf(place, client, server)
    const known = this.#refused.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    if (this.#refused.size >= MAXIMUM_PAIRS) return
    const micros = this.#judge.nowMicros
    this.#refused.set(key, {
      place,
      client,
      server,
      words: icmpMeaning(family, type, code),
      micros,
      count: 1,
      told: false,
    })
    this.#dueMicros = Math.min(this.#dueMicros, micros + HOLD_MICROS)
  }

  has({ place, client, server }: Exchange): boolean {
    return this.#refused.size > 0 && this.#refused.has(keyOf(place, client!, server!))
  }

  advance(nowMicros: number): void {
    if (nowMicros < this.#dueMicros) return
    this.#dueMicros = Number.POSITIVE_INFINITY
    for (const refused of this.#refused.values()) {
      if (refused.told) continue
      const due = refused.micros + HOLD_MICROS
      if (due > nowMicros) this.#dueMicros = Math.min(this.#dueMicros, due)
      else this.#tell(refused)
    }
  }

  #tell(refused: Refused): void {
    refused.told = true
    const { place, client, server, words, micros, count } = refused
    const helped = this.#servers.answeredSince(place, client, micros)
    const more = helped ? ({ severity: 'warning', group: 'other' } as const) : {}
    this.#judge.find(DNS_NO_ANSWER, { place, client, server, ...more }, 'certain', () => {
      const host = this.#judge.hostOf(place, server)
      return {
        cause: `${host} is no name server, or is not reached: queries to its UDP port 53 come back as "${words}".${helped ? ' Another name server answered.' : ''}`,
        next: `see which name servers the program asks (cat /etc/resolv.conf in the container), and whether one runs on ${host}`,
        evidence: [{ micros, text: `ICMP: ${words}; ${counted(count, 'time')}` }],
      }
    })
  }
}

function keyOf(place: number, client: Endpoint, server: Endpoint): string {
  return `${place} ${client.address} ${server.address}`
}
