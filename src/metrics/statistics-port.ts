// --stats: a plain TCP port that hands its JSON to whoever connects, and hangs up, as tcpkit's does.

import { createServer, type Server, type Socket } from 'node:net'
import { type ListenAddress, listen } from './listen.ts'
import { Strangers } from './strangers.ts'

/** A reader has `deadlineMillis` to take it. */
const LIMITS = { connections: 64, mostConnections: 2048, graceMillis: 500, deadlineMillis: 5000 }
/** Those who ask again within this get the same text. */
const FRESH_MILLIS = 50

export class StatisticsPort {
  readonly #server: Server
  readonly #text: () => string
  /** All who do not read it share its bytes. */
  #made = Buffer.alloc(0)
  #madeAt = Number.NEGATIVE_INFINITY
  readonly #strangers = new Strangers(LIMITS)

  constructor(text: () => string) {
    this.#text = text
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
  }

  /** Resolves to the port. Rejects with OperatorError, which names the flag that asked for it. */
  listen(address: ListenAddress, flag = '--stats'): Promise<number> {
    return listen(this.#server, address, flag)
  }

  close(): void {
    this.#server.close()
    this.#strangers.dismiss()
  }

  #serve(socket: Socket): void {
    this.#strangers.admit(socket)
    // what it says (telnet's negotiation) is thrown away, so that closing does not reset it
    socket.on('end', () => socket.destroySoon())
    socket.resume()
    socket.end(this.#current())
  }

  #current(): Buffer {
    const now = performance.now()
    if (now - this.#madeAt >= FRESH_MILLIS) {
      this.#made = Buffer.from(this.#text(), 'utf8')
      this.#madeAt = performance.now()
    }
    return this.#made
  }
}
