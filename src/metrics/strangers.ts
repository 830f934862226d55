// Connections of readers whom nobody knows: each has a deadline, none keeps the program alive, and all go when it ends.

import type { Socket } from 'node:net'

export class Strangers {
  readonly #deadlineMillis: number
  readonly #sockets = new Set<Socket>()

  /** `deadlineMillis`: the longest that a connection may last. */
  constructor(deadlineMillis: number) {
    this.#deadlineMillis = deadlineMillis
  }

  admit(socket: Socket): void {
    this.#sockets.add(socket)
    socket.unref()
    const deadline = setTimeout(() => socket.destroy(), this.#deadlineMillis)
    deadline.unref()
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(deadline)
      this.#sockets.delete(socket)
    })
  }

  dismiss(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
