// Connections as scripts see them: an object of their own for each, because the flow table uses its objects again.

import type { CloseReason, Connection } from '../core/connection.ts'
import type { Names } from '../core/ports.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { hostView, microsOf } from './event-views.ts'
import type { ScriptConnection } from './script-types.d.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export class ConnectionViews {
  readonly #names: Names | undefined
  readonly #bySlot: (Writable<ScriptConnection> | undefined)[] = []

  constructor(names: Names | undefined) {
    this.#names = names
  }

  open(c: Connection, t: Timestamp): ScriptConnection {
    const view: ScriptConnection = {
      id: c.id,
      client: hostView(c.endpoints[0], c.place, this.#names),
      server: hostView(c.endpoints[1], c.place, this.#names),
      openMicros: microsOf(t),
      handshakeMicros: c.handshakeMicros,
      clientBytes: 0,
      serverBytes: 0,
      retransmittedBytes: 0,
      missingBytes: 0,
      closeMicros: 0,
      closeReason: '',
    }
    this.#bySlot[c.slot] = view
    return view
  }

  /** The view with what is known now. */
  of(c: Connection): ScriptConnection {
    const view = this.#bySlot[c.slot] ?? this.open(c, c.openTime)
    const [toServer, toClient] = c.streams
    view.handshakeMicros = c.handshakeMicros
    view.clientBytes = toServer.bytes
    view.serverBytes = toClient.bytes
    view.retransmittedBytes = toServer.retransmittedBytes + toClient.retransmittedBytes
    view.missingBytes = toServer.missingBytes + toClient.missingBytes
    return view
  }

  close(c: Connection, why: CloseReason, t: Timestamp): ScriptConnection {
    const view = this.of(c)
    view.closeMicros = microsOf(t)
    view.closeReason = why
    this.#bySlot[c.slot] = undefined
    return view
  }
}
