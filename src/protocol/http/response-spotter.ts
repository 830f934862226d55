// Checks whether a body begins with a response. Then it is no body: its head answered a HEAD request that was not seen, and the
// next response follows (RFC 9112 §6.3).

import { fitsResponse, RESPONSE_BYTES } from './http-start-line.ts'

export class ResponseSpotter {
  /** The body begins with a response. */
  spotted: boolean
  /** So many bytes of the body are like a response's; -1: it is none. */
  #fitting: number

  constructor() {
    this.spotted = false
    this.#fitting = 0
  }

  begin(): void {
    this.spotted = false
    this.#fitting = 0
  }

  /** The next bytes of the body. True when they complete what a response is known by. */
  read(buf: Buffer, start: number, end: number): boolean {
    for (let i = start; i < end && this.#fitting >= 0; i++) {
      if (!fitsResponse(this.#fitting, buf[i]!)) {
        this.#fitting = -1
      } else if (++this.#fitting === RESPONSE_BYTES) {
        this.#fitting = -1
        this.spotted = true
        return true
      }
    }
    return false
  }
}
