// `-v`: a line on stderr when a connection begins and when it ends.

import type { CloseReason, Connection } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import type { Messages } from '../core/ports.ts'
import { summaryLine } from './connection-summary.ts'

export class ConnectionLog implements StreamConsumer {
  readonly #messages: Messages

  constructor(messages: Messages) {
    this.#messages = messages
  }

  onOpen(c: Connection): void {
    const known = c.openerKnown ? '' : ' (began before the capture)'
    this.#messages.info(`${c.endpoints[0]} -> ${c.endpoints[1]}: ${c.resumed ? 'speaks again' : 'begins'}${known}`)
  }

  onData(): void {}
  onGap(): void {}
  onLateData(): void {}

  onClose(c: Connection, why: CloseReason): void {
    this.#messages.info(summaryLine(c, why))
  }
}
