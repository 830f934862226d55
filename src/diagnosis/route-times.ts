// How long the answers of one server to one sort of request usually take.

import type { Exchange } from '../core/exchange.ts'
import type { CountedConnection } from './connection-facts.ts'
import { hashOfEnd } from './end-hash.ts'

const MAXIMUM_TOLD = 16
const MAXIMUM_ROUTES = 4096
const MAXIMUM_COMMAND_CHARACTERS = 80
/** How far one answer moves the usual time: up or down by a twentieth, so that half of them lie on either side. */
const STEP = 1.05

export class RouteTimes {
  answers = 0
  /** Answers that took longer than --slow. */
  slow = 0
  slowestMicros = 0
  /** About the median; 0 before the first answer. */
  usualMicros = 0
  /** Connections whose slow answers were told as findings: the latest. */
  readonly told: CountedConnection[] = []

  noteTold(c: CountedConnection): void {
    if (this.told.length >= MAXIMUM_TOLD) this.told.shift()
    this.told.push(c)
  }

  note(micros: number, isSlow: boolean): void {
    this.answers++
    if (isSlow) this.slow++
    if (micros > this.slowestMicros) this.slowestMicros = micros
    if (this.usualMicros === 0) this.usualMicros = Math.max(1, micros)
    else if (micros > this.usualMicros) this.usualMicros *= STEP
    else if (micros < this.usualMicros) this.usualMicros /= STEP
  }
}

/** What is no protocol that is known: whoever speaks first asks, and what the other says then is taken for the answer. */
export const RAW_PROTOCOL = 'raw'

export class Routes {
  /** By a hash of the server, then by protocol and sort of request: an exchange costs no string of its own. */
  readonly #byServer = new Map<number, Map<string, RouteTimes>>()
  #size = 0

  /** Of the server and the sort of request; of protocols that are not known, of the server. */
  of(exchange: Exchange): RouteTimes {
    const { protocol, command, place, server } = exchange
    const sort = protocol === RAW_PROTOCOL ? '' : command.slice(0, MAXIMUM_COMMAND_CHARACTERS)
    const ofServer = this.#ofServer(server === undefined ? 0 : hashOfEnd(place, server))
    let times = ofServer.get(sort)
    if (times === undefined) {
      times = new RouteTimes()
      ofServer.set(sort, times)
      this.#size++
    }
    return times
  }

  #ofServer(hash: number): Map<string, RouteTimes> {
    // the server met first goes with all its routes
    while (this.#size >= MAXIMUM_ROUTES) {
      const [oldest, routes] = this.#byServer.entries().next().value!
      this.#byServer.delete(oldest)
      this.#size -= routes.size
    }
    let ofServer = this.#byServer.get(hash)
    if (ofServer === undefined) {
      ofServer = new Map()
      this.#byServer.set(hash, ofServer)
    }
    return ofServer
  }
}
