// By what exchanges are put together in the table.

import type { ExchangeEnds } from '../core/exchange-hosts.ts'
import { keyPatternOf, routeOf } from './patterns.ts'

export const GROUPINGS = ['server', 'container', 'command', 'route', 'key'] as const
export type Grouping = (typeof GROUPINGS)[number]

/** The same keys come again and again. */
const MAXIMUM_CACHED = 4096

/** What of an exchange decides its group. */
export interface Groupable {
  readonly protocol: string
  readonly command: string
  readonly key: string
}

export class Grouper {
  readonly #by: readonly Grouping[]
  readonly #keys = new Map<string, string>()

  /** Several are joined in the order given. */
  constructor(by: readonly Grouping[]) {
    this.#by = by
  }

  /** As the table shows it, not sanitised. */
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
        return exchange.protocol === 'http' ? methodOf(exchange.command) : commandOf(exchange)
      case 'route':
        return exchange.protocol === 'http' ? routeOf(exchange.command) : commandOf(exchange)
      case 'key':
        return cached(this.#keys, exchange.key, exchange.protocol === 'http' ? pathPatternOf : keyPatternOf)
    }
  }
}

/** Of a protocol that is not known, the first word, if there is one. */
function commandOf({ protocol, command }: Groupable): string {
  if (protocol !== 'raw') return command
  return /^[A-Za-z][\w-]*/.exec(command)?.[0] ?? '(binary)'
}

function methodOf(command: string): string {
  const space = command.indexOf(' ')
  return space < 0 ? command : command.slice(0, space)
}

function pathPatternOf(path: string): string {
  return routeOf(` ${path}`).slice(1)
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
