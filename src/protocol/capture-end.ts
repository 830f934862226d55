// What is still open when the capture ends was not given up by anybody: it is told apart from what got no answer.

import type { Exchange, ExchangeConsumer } from '../core/exchange.ts'

/** Its `statusText`; the status is then `unknown`. */
export const CAPTURE_ENDED = 'capture ended'

/** Hands exchanges on. While `ended`, those that parsers tell as unanswered only had no time to be answered. */
export class CaptureEnd implements ExchangeConsumer {
  ended: boolean
  readonly #consumer: ExchangeConsumer

  constructor(consumer: ExchangeConsumer) {
    this.ended = false
    this.#consumer = consumer
  }

  onExchange(exchange: Exchange): void {
    if (!this.ended || exchange.status !== 'unanswered') {
      this.#consumer.onExchange(exchange)
      return
    }
    const { statusText } = exchange
    exchange.status = 'unknown'
    exchange.statusText = CAPTURE_ENDED
    this.#consumer.onExchange(exchange)
    // Parsers use the object again, and need not set what they never change.
    exchange.status = 'unanswered'
    exchange.statusText = statusText
  }
}
