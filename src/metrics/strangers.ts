// Connections of readers whom nobody knows: bounded in number and in time. None keeps the program alive, and all are closed
// when it ends. A newcomer is never refused while somebody holds a place without having asked for anything.

import type { Socket } from 'node:net'

export interface StrangerLimits {
  /** From this many on, one is closed for each that comes: the oldest without a complete request, else the oldest. */
  readonly connections: number
  /** Until here, connections younger than `graceMillis` are spared. */
  readonly mostConnections: number
  /** A reader's request has this long to arrive before its place may be taken. */
  readonly graceMillis: number
  /** The longest that a connection may last. */
  readonly deadlineMillis: number
}

interface Stranger {
  readonly since: number
  readonly deadline: NodeJS.Timeout
}

export class Strangers {
  readonly #limits: StrangerLimits
  // Both in the order in which they came.
  readonly #waiting = new Map<Socket, Stranger>()
  readonly #answered = new Map<Socket, Stranger>()

  constructor(limits: StrangerLimits) {
    this.#limits = limits
  }

  /** A new connection. Its request is not complete until `hasAsked` says so. */
  admit(socket: Socket): void {
    this.#makeRoom()
    socket.unref()
    const deadline = setTimeout(() => socket.destroy(), this.#limits.deadlineMillis)
    deadline.unref()
    this.#waiting.set(socket, { since: performance.now(), deadline })
    socket.on('error', () => {})
    socket.on('close', () => this.#forget(socket))
  }

  /** Its request is complete: others are closed before it is. */
  hasAsked(socket: Socket): void {
    const stranger = this.#waiting.get(socket)
    if (stranger === undefined) return
    this.#waiting.delete(socket)
    this.#answered.set(socket, stranger)
  }

  dismiss(): void {
    for (const socket of [...this.#waiting.keys(), ...this.#answered.keys()]) socket.destroy()
  }

  #makeRoom(): void {
    const { connections, mostConnections, graceMillis } = this.#limits
    const count = this.#waiting.size + this.#answered.size
    if (count < connections) return
    const spared = count >= mostConnections ? 0 : graceMillis
    const oldestSince = performance.now() - spared
    for (const group of [this.#waiting, this.#answered]) {
      const [oldest] = group
      if (oldest === undefined || oldest[1].since > oldestSince) continue
      this.#close(oldest[0])
      return
    }
  }

  /** `close` is emitted later; its place is free now. */
  #close(socket: Socket): void {
    this.#forget(socket)
    socket.destroy()
  }

  #forget(socket: Socket): void {
    clearTimeout((this.#waiting.get(socket) ?? this.#answered.get(socket))?.deadline)
    this.#waiting.delete(socket)
    this.#answered.delete(socket)
  }
}
