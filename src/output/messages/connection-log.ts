// `-v`: a line on stderr when a connection begins and when it ends.

import type { CloseReason, Connection } from '../../core/connection.ts'
import type { ConnectionConsumer } from '../../core/consumers.ts'
import type { Messages, Names } from '../../core/ports.ts'
import { summaryLine, whoToWhom } from './connection-summary.ts'

export class ConnectionLog implements ConnectionConsumer {
  readonly #messages: Messages
  readonly #names: Names | undefined

  constructor(messages: Messages, names?: Names) {
    this.#messages = messages
    this.#names = names
  }

  onOpen(c: Connection): void {
    const known = c.openerKnown ? '' : ' (began before the capture)'
    this.#messages.info(`${whoToWhom(c, this.#names)}: ${c.resumed ? 'speaks again' : 'begins'}${known}`)
  }

  onClose(c: Connection, why: CloseReason): void {
    this.#messages.info(summaryLine(c, why, this.#names))
  }
}
