// Requests that are still open when the capture ends get a status of their own: they may have been answered later.

import type { Exchange, ExchangeConsumer } from '../core/exchange.ts'

/** Its `statusText`; the status is then `unknown`. */
export const CAPTURE_ENDED = 'capture ended'

/**
 * Hands exchanges on. While `ended` is set, exchanges that parsers tell as unanswered become `unknown`: they only had no time
 * to be answered.
 */
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
    // the parser uses the object again and may not set all fields, so they are set back
    exchange.status = 'unanswered'
    exchange.statusText = statusText
  }
}
