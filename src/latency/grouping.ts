// Says which exchanges share a line of the table.

import type { ExchangeGrouping, ExchangeGroupings } from '../core/exchange-grouping.ts'
import type { ExchangeEnds } from '../core/exchange-hosts.ts'
import { keyPatternOf } from './key-pattern.ts'

export const GROUPINGS = ['server', 'container', 'command', 'route', 'key'] as const
export type Grouping = (typeof GROUPINGS)[number]

/** Patterns of keys are remembered: the same keys come again and again. */
const MAXIMUM_CACHED = 4096

/** The part of an exchange that decides its group. */
export interface Groupable {
  readonly protocol: string
  readonly command: string
  readonly key: string
}

export class Grouper {
  readonly #by: readonly Grouping[]
  readonly #protocols: ExchangeGroupings
  readonly #keys = new Map<string, string>()
  /** Of the latest exchange: most of the time the next has the same protocol. */
  #protocol = ''
  #rules: ExchangeGrouping | undefined = undefined
  /** Rules of protocols that have their own. */
  readonly #ownKeys = new Map<string, Map<string, string>>()

  /** Several are joined in the order given. `protocols`: those that have rules of their own. */
  constructor(by: readonly Grouping[], protocols: ExchangeGroupings) {
    this.#by = by
    this.#protocols = protocols
  }

  /** The group's name as the table shows it, not sanitised. */
  groupOf(exchange: Groupable, ends: ExchangeEnds): string {
    const by = this.#by
    if (by.length === 1) return this.#part(by[0]!, exchange, ends)
    let group = ''
    for (let i = 0; i < by.length; i++) {
      if (i > 0) group += ' '
      group += this.#part(by[i]!, exchange, ends)
    }
    return group
  }

  #part(by: Grouping, exchange: Groupable, ends: ExchangeEnds): string {
    switch (by) {
      case 'server':
        return ends.server
      case 'container':
        return ends.container === '' ? ends.serverEndpoint.address : ends.container
      case 'command':
        return commandOf(this.#rulesOf(exchange.protocol), exchange.command)
      case 'route':
        return routeOf(this.#rulesOf(exchange.protocol), exchange.command)
      case 'key':
        return this.#keyPatternOf(exchange)
    }
  }

  #rulesOf(protocol: string): ExchangeGrouping | undefined {
    if (protocol !== this.#protocol) {
      this.#protocol = protocol
      this.#rules = this.#protocols.get(protocol)
    }
    return this.#rules
  }

  #keyPatternOf({ protocol, key }: Groupable): string {
    const own = this.#protocols.get(protocol)?.keyPatternOf
    if (own === undefined) return cached(this.#keys, key, keyPatternOf)
    let keys = this.#ownKeys.get(protocol)
    if (keys === undefined) {
      keys = new Map()
      this.#ownKeys.set(protocol, keys)
    }
    return cached(keys, key, own)
  }
}

function commandOf(protocol: ExchangeGrouping | undefined, command: string): string {
  return protocol?.commandOf === undefined ? command : protocol.commandOf(command)
}

function routeOf(protocol: ExchangeGrouping | undefined, command: string): string {
  return protocol?.routeOf === undefined ? commandOf(protocol, command) : protocol.routeOf(command)
}

function cached(cache: Map<string, string>, text: string, make: (text: string) => string): string {
  let made = cache.get(text)
  if (made === undefined) {
    made = make(text)
    if (cache.size >= MAXIMUM_CACHED) cache.clear()
    cache.set(text, made)
  }
  return made
}
