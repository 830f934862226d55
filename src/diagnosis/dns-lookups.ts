// Queries that belong together: what a resolver asks for one name that a program wanted. Names with search suffixes come one
// right after the other, for A and AAAA, perhaps to several servers (resolv.conf(5): search, ndots).

import type { Endpoint } from '../core/endpoint.ts'
import type { Exchange } from '../core/exchange.ts'
import { epochMicros } from '../core/timestamp.ts'

/** So long after its last answer a look-up is over. */
const HOLD_MICROS = 3_000_000
/** A resolver goes on to the next suffix as soon as it has the answer. */
const NEXT_SUFFIX_MICROS = 50_000
/** Look-ups in which something failed, of all clients. */
const MAXIMUM_LOOKUPS = 4096
/** Names that were answered, remembered for answers of the other type that fail later. */
const MAXIMUM_ANSWERED = 8192
/** Servers that are remembered of a name. */
const MAXIMUM_SERVERS = 8
/** Names of one look-up. */
const MAXIMUM_NAMES = 32
/** Look-ups at once of one client that begin with the same label (www). */
const MAXIMUM_ALIKE = 16

export interface AskedName {
  readonly name: string
  /** Who failed, or else who was asked first. */
  server: Endpoint
  micros: number
  /** `NXDOMAIN`, `SERVFAIL` …; '' while only answers were seen. */
  code: string
  answered: boolean
  /** Addresses of those who did. */
  readonly answeredBy: string[]
  queries: number
}

export class Lookup {
  readonly place: number
  readonly client: Endpoint
  readonly firstMicros: number
  lastMicros = 0
  readonly names: AskedName[] = []

  constructor(place: number, client: Endpoint, firstMicros: number) {
    this.place = place
    this.client = client
    this.firstMicros = firstMicros
  }

  get answered(): boolean {
    return this.names.some(({ answered }) => answered)
  }

  /** Those that do not exist. */
  get unknown(): readonly AskedName[] {
    return this.names.filter(({ code, answered }) => code === 'NXDOMAIN' && !answered)
  }

  /** Whose servers failed; some may have been answered all the same. */
  get failed(): readonly AskedName[] {
    return this.names.filter(({ code }) => code !== '' && code !== 'NXDOMAIN')
  }

  /**
   * What the program asked for: what all names begin with, where that was asked itself or the suffixes are those of one list
   * (each ends in the next). '': the names are different ones that begin alike.
   */
  get meant(): string {
    const names = this.names.map(({ name }) => name)
    const common = names.reduce(commonLabels)
    if (names.includes(common)) return common
    const suffixes = names.map((name) => name.slice(common.length)).sort((a, b) => a.length - b.length)
    return suffixes.every((suffix) => suffix.endsWith(suffixes[0]!)) ? common : ''
  }
}

export class DnsLookups {
  /** By client and first label. */
  readonly #open = new Map<string, Lookup[]>()
  /** By client and name: when it was answered last, and by whom. */
  readonly #answered = new Map<string, { readonly micros: number; readonly server: Endpoint }>()
  readonly #onOver: (lookup: Lookup) => void
  #count = 0
  /** When the one that is held longest may be over. */
  #dueMicros = Number.POSITIVE_INFINITY

  constructor(onOver: (lookup: Lookup) => void) {
    this.#onOver = onOver
  }

  /** An answer to a query for A or AAAA. `code`: '' for one without error. */
  note(exchange: Exchange, code: string): void {
    const { place, client, server, key } = exchange
    const name = key.toLowerCase()
    const micros = epochMicros(exchange.responseEnd)
    const asked = epochMicros(exchange.requestStart)
    if (code === '') this.#noteAnswered(exchange, name, micros)
    const group = `${place} ${client!.address} ${labelsOf(name)[0]}`
    const alike = this.#open.get(group)
    let lookup = alike?.find((each) => belongs(each, name, asked))
    if (lookup !== undefined && beginsAnew(lookup, name, asked)) {
      this.#end(group, alike!, lookup)
      lookup = undefined
    }
    if (lookup !== undefined) add(lookup, name, server!, code, micros)
    else if (code !== '') this.#begin(group, exchange, name, code, asked, micros)
  }

  /** Was that name answered to that client after `micros`, by that server? */
  answeredSince(place: number, client: Endpoint, name: string, micros: number, by?: Endpoint): boolean {
    const answer = this.#answered.get(`${place} ${client.address} ${name.toLowerCase()}`)
    if (answer === undefined || answer.micros < micros) return false
    return by === undefined || by.address === answer.server.address
  }

  /** Tells those that are over by now. */
  advance(nowMicros: number): void {
    if (nowMicros < this.#dueMicros) return
    this.#dueMicros = Number.POSITIVE_INFINITY
    for (const [group, alike] of this.#open) {
      for (const lookup of [...alike]) {
        const due = lookup.lastMicros + HOLD_MICROS
        if (due <= nowMicros) this.#end(group, alike, lookup)
        else if (due < this.#dueMicros) this.#dueMicros = due
      }
    }
  }

  end(): void {
    this.advance(Number.POSITIVE_INFINITY)
  }

  #begin(group: string, exchange: Exchange, name: string, code: string, asked: number, micros: number): void {
    if (this.#count >= MAXIMUM_LOOKUPS) this.#endOldest()
    const alike = this.#open.get(group) ?? []
    if (alike.length >= MAXIMUM_ALIKE) this.#end(group, alike, alike[0]!)
    const lookup = new Lookup(exchange.place, exchange.client!, asked)
    add(lookup, name, exchange.server!, code, micros)
    alike.push(lookup)
    this.#open.set(group, alike)
    this.#count++
    this.#dueMicros = Math.min(this.#dueMicros, micros + HOLD_MICROS)
  }

  #endOldest(): void {
    for (const [group, alike] of this.#open) {
      this.#end(group, alike, alike[0]!)
      return
    }
  }

  #end(group: string, alike: Lookup[], lookup: Lookup): void {
    alike.splice(alike.indexOf(lookup), 1)
    if (alike.length === 0) this.#open.delete(group)
    this.#count--
    for (const each of lookup.names) {
      // A was answered before AAAA failed
      const since = lookup.firstMicros - HOLD_MICROS
      if (this.answeredSince(lookup.place, lookup.client, each.name, since)) {
        each.answered = true
        if (this.answeredSince(lookup.place, lookup.client, each.name, since, each.server)) {
          each.answeredBy.push(each.server.address)
        }
      }
    }
    this.#onOver(lookup)
  }

  #noteAnswered({ place, client, server }: Exchange, name: string, micros: number): void {
    const key = `${place} ${client!.address} ${name}`
    this.#answered.delete(key)
    this.#answered.set(key, { micros, server: server! })
    if (this.#answered.size > MAXIMUM_ANSWERED) this.#answered.delete(this.#answered.keys().next().value!)
  }
}

function add(lookup: Lookup, name: string, server: Endpoint, code: string, micros: number): void {
  lookup.lastMicros = Math.max(lookup.lastMicros, micros)
  const known = lookup.names.find((each) => each.name === name)
  if (known !== undefined) {
    known.queries++
    known.micros = micros
    if (code === '') {
      known.answered = true
      if (known.answeredBy.length < MAXIMUM_SERVERS) known.answeredBy.push(server.address)
    } else if (known.code === '' || known.code === 'NXDOMAIN') {
      known.code = code
      known.server = server
    }
  } else if (lookup.names.length < MAXIMUM_NAMES) {
    const answered = code === ''
    lookup.names.push({
      name,
      server,
      micros,
      code,
      answered,
      answeredBy: answered ? [server.address] : [],
      queries: 1,
    })
  }
}

/** Is this another name of the same look-up? Both begin with the same label. */
function belongs(lookup: Lookup, name: string, askedMicros: number): boolean {
  if (askedMicros - lookup.lastMicros > HOLD_MICROS) return false
  const soon = askedMicros - lookup.lastMicros < NEXT_SUFFIX_MICROS
  return lookup.names.some((each) => {
    if (each.name === name) return true
    if (each.name.startsWith(`${name}.`) || name.startsWith(`${each.name}.`)) return true
    // one suffix ends in the other, as a pod's do; or it is asked as soon as the other was answered
    const common = commonLabels(each.name, name)
    const one = each.name.slice(common.length)
    const other = name.slice(common.length)
    return one.endsWith(other) || other.endsWith(one) || (soon && lookup.unknown.length > 0)
  })
}

/** The name was found, and what was asked before it is asked again: by the next look-up. */
function beginsAnew(lookup: Lookup, name: string, askedMicros: number): boolean {
  const found = lookup.names.find(({ answered }) => answered)
  return (
    found !== undefined &&
    found.name !== name &&
    found.micros <= askedMicros &&
    lookup.names.some((each) => each.name === name)
  )
}

function labelsOf(name: string): readonly string[] {
  return name.split('.')
}

function commonLabels(a: string, b: string): string {
  const one = labelsOf(a)
  const other = labelsOf(b)
  let i = 0
  while (i < one.length && i < other.length && one[i] === other[i]) i++
  return one.slice(0, i).join('.')
}
