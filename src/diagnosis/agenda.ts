// Which connections want to be looked at again, and when: a heap by time. A connection has one entry that counts.

import type { ConnectionFacts } from './connection-facts.ts'

interface Entry {
  readonly micros: number
  readonly facts: ConnectionFacts
  readonly id: number
}

export class Agenda {
  readonly #heap: Entry[] = []

  /** An earlier wish stands; a later one is forgotten. */
  add(facts: ConnectionFacts, micros: number): void {
    if (facts.wakeMicros !== 0 && facts.wakeMicros <= micros) return
    facts.wakeMicros = micros
    const heap = this.#heap
    const entry = { micros, facts, id: facts.id }
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.micros <= micros) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  /** The next that is due by `micros`, whose wish is then forgotten; undefined: none. */
  takeDue(micros: number): ConnectionFacts | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.micros <= micros) {
      const { facts, id, micros: wished } = this.#takeFirst()
      if (facts.id !== id || facts.wakeMicros !== wished) continue
      facts.wakeMicros = 0
      return facts
    }
    return undefined
  }

  #takeFirst(): Entry {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.micros < heap[child]!.micros) child++
      if (heap[child]!.micros >= last.micros) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}
