// Pumps a feed whose source delivers its bytes by calling: one live capture. Each piece is used up during the call, so nothing
// is allocated or awaited between two pieces.

import type { ByteSource, Delivery } from '../core/ports.ts'
import { READ_END, READ_NEED_INPUT } from '../savefile/reader.ts'
import { type Feed, type River, takePackets } from './feed.ts'

export type Deliver = NonNullable<ByteSource['deliver']>

export class DeliveredFeed {
  readonly #feed: Feed
  readonly #river: River
  readonly #delivery: Delivery
  readonly #done: Promise<void>
  #over = false
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(feed: Feed, river: River, deliver: Deliver) {
    this.#feed = feed
    this.#river = river
    this.#done = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    }).finally(() => {
      this.#over = true
    })
    this.#delivery = deliver(feed.reader.landing, (bytes) => this.#take(bytes))
  }

  /** Resolves at the end of the feed; rejects like `pump`. */
  run(): Promise<void> {
    this.#feed.reader.clearLanding()
    this.#delivery.resume()
    return this.#done
  }

  #take(bytes: number): boolean {
    if (this.#over) return false
    this.#feed.reader.landed(bytes)
    return this.#usePiece()
  }

  /** True when all of the piece is used and nothing has to be waited for. */
  #usePiece(): boolean {
    const { reader } = this.#feed
    try {
      for (;;) {
        const status = takePackets(this.#feed, this.#river)
        if (status === READ_END) {
          this.#resolve()
          return false
        }
        const used = status === READ_NEED_INPUT
        if (used) reader.clearLanding()
        const pause = this.#river.pause(used)
        if (pause !== undefined) {
          this.#goOnAfter(pause, used)
          return false
        }
        if (used) return true
      }
    } catch (error) {
      this.#reject(error)
      return false
    }
  }

  #goOnAfter(pause: Promise<void>, used: boolean): void {
    pause
      .then(() => {
        if (used || this.#usePiece()) this.#delivery.resume()
      })
      .catch(this.#reject)
  }
}
