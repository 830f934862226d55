// How many elements a Redis reply still needs. Nested aggregates only add to the count, so depth costs nothing; RESP3's
// streamed aggregates, whose length nobody knows, need a stack and have a bound.

const MAXIMUM_STREAMS = 32
const MOST_ELEMENTS = 2 ** 50

export class RedisReplyNesting {
  /** Elements until the reply is complete, those of attributes included; 0 between replies. */
  left: number
  /** `left` outside each streamed aggregate that is open. */
  readonly #outside: number[]

  constructor() {
    this.left = 0
    this.#outside = []
  }

  begin(): void {
    this.left = 1
    if (this.#outside.length > 0) this.#outside.length = 0
  }

  reset(): void {
    this.left = 0
  }

  /** An aggregate's header, itself still an element to be completed, or an attribute's. False when it is too much. */
  add(elements: number): boolean {
    this.left += elements
    return this.left <= MOST_ELEMENTS || this.#outside.length > 0
  }

  /** Takes away one; true when the reply is complete. */
  complete(): boolean {
    return --this.left === 0
  }

  openStream(): boolean {
    if (this.#outside.length === MAXIMUM_STREAMS) return false
    this.#outside.push(this.left)
    this.left = Number.POSITIVE_INFINITY
    return true
  }

  closeStream(): boolean {
    const outside = this.#outside.pop()
    if (outside === undefined) return false
    this.left = outside
    return true
  }
}
