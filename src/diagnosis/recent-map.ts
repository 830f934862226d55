// A map of bounded size that forgets what has not been set for longest. Taking the oldest key out of a Map, one at a time, walks
// over the places of those taken out before: a flood of new keys would spend most of its time there. So whole halves go.

export class RecentMap<K, V extends NonNullable<unknown>> {
  readonly #most: number
  readonly #onForgotten: ((value: V) => void) | undefined
  #latest = new Map<K, V>()
  #before = new Map<K, V>()

  /** Keeps the latest `most` keys, and up to as many older ones. `onForgotten` is told of each value that goes by itself. */
  constructor(most: number, onForgotten?: (value: V) => void) {
    this.#most = most
    this.#onForgotten = onForgotten
  }

  get(key: K): V | undefined {
    return this.#latest.get(key) ?? this.#before.get(key)
  }

  set(key: K, value: V): void {
    if (this.#latest.size >= this.#most && !this.#latest.has(key)) this.#forget()
    this.#latest.set(key, value)
    this.#before.delete(key)
  }

  #forget(): void {
    if (this.#onForgotten !== undefined) for (const value of this.#before.values()) this.#onForgotten(value)
    this.#before = this.#latest
    this.#latest = new Map()
  }
}
