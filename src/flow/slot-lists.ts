// Several doubly linked lists over the same small numbers, in two typed arrays: who was silent longest is at the front.

export class SlotLists {
  readonly #previous: Int32Array
  readonly #next: Int32Array
  readonly #capacity: number
  /** Members of each list. */
  readonly sizes: Int32Array

  /** `lists` empty lists for slots `0 … capacity - 1`. A slot is in at most one list; the caller knows in which. */
  constructor(capacity: number, lists: number) {
    this.#capacity = capacity
    this.#previous = new Int32Array(capacity + lists)
    this.#next = new Int32Array(capacity + lists)
    this.sizes = new Int32Array(lists)
    for (let head = capacity; head < capacity + lists; head++) {
      this.#previous[head] = head
      this.#next[head] = head
    }
  }

  append(list: number, slot: number): void {
    const head = this.#capacity + list
    const last = this.#previous[head]!
    this.#next[last] = slot
    this.#previous[slot] = last
    this.#next[slot] = head
    this.#previous[head] = slot
    this.sizes[list]!++
  }

  remove(list: number, slot: number): void {
    const previous = this.#previous[slot]!
    const next = this.#next[slot]!
    this.#next[previous] = next
    this.#previous[next] = previous
    this.sizes[list]!--
  }

  /** Makes `slot`, a member of `list`, its last. */
  moveToEnd(list: number, slot: number): void {
    if (this.#previous[this.#capacity + list] === slot) return
    this.remove(list, slot)
    this.append(list, slot)
  }

  /** The slot at the front, or -1. */
  first(list: number): number {
    return this.after(this.#capacity + list)
  }

  /** The slot behind `slot`, or -1. */
  after(slot: number): number {
    const next = this.#next[slot]!
    return next < this.#capacity ? next : -1
  }
}
