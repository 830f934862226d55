// Exchanges of a connection that a proxy made for a client: gives them the client that the PROXY header names.

import type { Endpoint } from '../../core/endpoint.ts'
import type { Exchange, ExchangeConsumer } from '../../core/exchange.ts'

export class ProxiedClient implements ExchangeConsumer {
  readonly #client: Endpoint
  readonly #consumer: ExchangeConsumer

  constructor(client: Endpoint, consumer: ExchangeConsumer) {
    this.#client = client
    this.#consumer = consumer
  }

  onExchange(exchange: Exchange): void {
    exchange.client = this.#client
    this.#consumer.onExchange(exchange)
  }
}
