// Tells the operator once for each server what it was found to speak.

import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Messages } from '../core/ports.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'

/** Servers of which it is told. */
const MAXIMUM_TOLD = 500

export class SpokenProtocols implements TimedExchangeConsumer {
  readonly #hosts: ExchangeHosts
  readonly #messages: Messages
  readonly #told = new Set<string>()
  /** Of the latest exchange: most of the time the next has the same. */
  #server = ''
  #protocol = ''

  constructor(hosts: ExchangeHosts, messages: Messages) {
    this.#hosts = hosts
    this.#messages = messages
  }

  onTimedExchange({ exchange }: TimedExchange): void {
    const { server } = this.#hosts.of(exchange)
    const { protocol } = exchange
    if (server === this.#server && protocol === this.#protocol) return
    this.#server = server
    this.#protocol = protocol
    const line = `${server}: ${protocol}`
    if (this.#told.has(line) || this.#told.size >= MAXIMUM_TOLD) return
    this.#told.add(line)
    this.#messages.info(line)
  }
}
