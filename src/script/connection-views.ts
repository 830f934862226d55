// Connections as scripts see them. Each has an object of its own, because the flow table reuses its objects.

import type { Connection } from '../core/connection.ts'
import type { Names } from '../core/ports.ts'
import { hostView, microsOf } from './event-views.ts'
import type { ConnectionState } from './script-engine.ts'
import type { ScriptConnection } from './script-types.d.ts'

export class ConnectionViews {
  readonly #names: Names | undefined
  readonly #bySlot: (ScriptConnection | undefined)[] = []

  constructor(names: Names | undefined) {
    this.#names = names
  }

  /** The same object from the connection's first packet to `forget`. */
  of(c: Connection): ScriptConnection {
    const known = this.#bySlot[c.slot]
    if (known !== undefined) return known
    const view: ScriptConnection = {
      id: c.id,
      client: hostView(c.endpoints[0], c.place, this.#names),
      server: hostView(c.endpoints[1], c.place, this.#names),
      openMicros: microsOf(c.openTime),
      ...stateOf(c),
    }
    this.#bySlot[c.slot] = view
    return view
  }

  forget(c: Connection): void {
    this.#bySlot[c.slot] = undefined
  }
}

/** As of now; open, unless the caller says how it was closed. */
export function stateOf(c: Connection, closeMicros = 0, closeReason = ''): ConnectionState {
  const [toServer, toClient] = c.streams
  return {
    handshakeMicros: c.handshakeMicros,
    clientBytes: toServer.bytes,
    serverBytes: toClient.bytes,
    retransmittedBytes: toServer.retransmittedBytes + toClient.retransmittedBytes,
    missingBytes: toServer.missingBytes + toClient.missingBytes,
    closeMicros,
    closeReason,
  }
}
