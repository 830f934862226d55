// Captures of one direction alone (a filter such as "dst port 80", a mirror port of half a link) look like servers that
// never answer: tells which half is missing.

import type { CloseReason, Connection } from '../core/connection.ts'
import type { ConnectionConsumer } from '../core/consumers.ts'
import type { Timestamp } from '../core/timestamp.ts'

/** Fewer connections than this may be attempts at a server that is down. */
const A_HANDFUL = 5

/** Looks at connections on which something was said. A server that only acknowledges was captured, too. */
export class OneWay implements ConnectionConsumer {
  #toServerOnly = 0
  #toClientOnly = 0
  #both = 0

  onOpen(_c: Connection, _t: Timestamp): void {
    // which sides spoke is known at the end
  }

  onClose({ streams }: Connection, _why: CloseReason, _t: Timestamp): void {
    const [toServer, toClient] = streams
    if (toServer.bytes + toClient.bytes === 0) return
    if (toServer.packets === 0) this.#toClientOnly++
    else if (toClient.packets === 0) this.#toServerOnly++
    else this.#both++
  }

  /** A line for the operator, when more than a handful was seen and nothing of the other half. `requests`: how many were found, and of them those with a response. */
  line(requests: number, answered: number): string | undefined {
    if (this.#both > 0 || answered > 0) return undefined
    const oneWay = this.#toServerOnly + this.#toClientOnly
    if (Math.max(requests, oneWay) <= A_HANDFUL) return undefined
    const missing = requests === 0 && this.#toClientOnly > this.#toServerOnly ? 'requests' : 'responses'
    return `only one direction was captured: ${missing} were not seen (does the filter leave them out?)`
  }
}
