// Which side asks, in a connection that was met in its middle, of a protocol whose sides say similar things: Redis' large
// answers hold arrays that look like requests, and the rest of a request looks like answers. Then it is told by who
// answers whom: what opens a turn begins a message, but for the first of the capture.

import { type Direction, opposite } from '../core/connection.ts'
import { type ExchangeProtocol, RECOGNISED_LIKELY_CLIENT, RECOGNISED_LIKELY_SERVER } from './exchange-parser.ts'

export class WhoAsks {
  /** The protocol that some bytes were likely to be; undefined for none. */
  protocol: ExchangeProtocol | undefined
  /** Valid when `told`. */
  client: Direction
  told: boolean
  /** Who speaks, since how many deliveries, in which turn; -1 before the first. */
  #speaker: Direction | -1
  #deliveries: number
  #turn: number
  /** How the turn before this one began: a RECOGNISED_LIKELY_ value or 0. */
  #before: number
  #opening: number
  /** Of each side: deliveries, and those likely to be a client's. */
  readonly #count: [number, number]
  readonly #likelyClient: [number, number]

  constructor() {
    this.protocol = undefined
    this.client = 0
    this.told = false
    this.#speaker = -1
    this.#deliveries = 0
    this.#turn = 0
    this.#before = 0
    this.#opening = 0
    this.#count = [0, 0]
    this.#likelyClient = [0, 0]
  }

  /** A delivery of `d` was judged: what it is likely to be, and for which protocol; `verdict` is 0 for neither. */
  heard(protocol: ExchangeProtocol | undefined, verdict: number, d: Direction): void {
    if (protocol !== undefined) this.protocol = protocol
    this.#count[d]++
    if (verdict === RECOGNISED_LIKELY_CLIENT) this.#likelyClient[d]++
    if (this.#speaker === d) {
      this.#deliveries++
      return
    }
    const isAfterMany = this.#turn === 1 && this.#deliveries > 1
    this.#before = this.#opening
    this.#opening = verdict
    this.#speaker = d
    this.#deliveries = 1
    this.#turn++
    // the rest of a large answer, then the next request
    if (isAfterMany && verdict === RECOGNISED_LIKELY_CLIENT) this.#tell(d)
    else if (this.#before === RECOGNISED_LIKELY_CLIENT && verdict === RECOGNISED_LIKELY_SERVER) this.#tell(opposite(d))
  }

  /** Nothing more is waited for: who looked more like a client. Of one side alone most of what it said has to. */
  settle(): void {
    const [there, back] = this.#likelyClient
    const d: Direction = back > there ? 1 : 0
    const votes = this.#likelyClient[d]
    const answered = this.#count[opposite(d)] > 0
    if (this.protocol === undefined || this.told || there === back) return
    if (answered || votes * 2 >= this.#count[d]) this.#tell(d)
  }

  #tell(client: Direction): void {
    this.client = client
    this.told = true
  }
}
