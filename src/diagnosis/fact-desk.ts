// Facts that no packet tells: asks for each once, hands on what comes, and forgets about what comes too late.

import type { MaybeLater } from '../core/ports.ts'

/** Hosts that are asked about in one run. */
const MAXIMUM_QUESTIONS = 512

export class FactDesk {
  readonly #answers = new Map<string, unknown>()
  readonly #waiting = new Map<string, ((answer: unknown) => void)[]>()
  readonly #pending = new Set<Promise<void>>()
  #closed = false

  /** Calls `onKnown` at once where the answer is known, later where it is still to come, never where it is undefined. */
  ask<T>(key: string, question: () => MaybeLater<T | undefined>, onKnown: (answer: T) => void): void {
    if (this.#closed) return
    if (this.#answers.has(key)) {
      tell(this.#answers.get(key) as T | undefined, onKnown)
      return
    }
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) {
      waiting.push(onKnown as (answer: unknown) => void)
      return
    }
    if (this.#answers.size + this.#waiting.size >= MAXIMUM_QUESTIONS) return
    const answer = question()
    if (!(answer instanceof Promise)) {
      this.#answers.set(key, answer)
      tell(answer, onKnown)
      return
    }
    this.#waiting.set(key, [onKnown as (answer: unknown) => void])
    const done = answer.then((value) => this.#take(key, value))
    this.#pending.add(done)
    void done.finally(() => this.#pending.delete(done))
  }

  /** Resolves when every question is answered. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  /** What comes from now on changes nothing. */
  close(): void {
    this.#closed = true
  }

  #take(key: string, answer: unknown): void {
    const waiting = this.#waiting.get(key) ?? []
    this.#waiting.delete(key)
    this.#answers.set(key, answer)
    if (this.#closed) return
    for (const onKnown of waiting) tell(answer, onKnown)
  }
}

function tell<T>(answer: T | undefined, onKnown: (answer: T) => void): void {
  if (answer !== undefined) onKnown(answer)
}
