// What is spoken on a server's port, as far as other connections have shown it: TLS, plain text, or both.

import { type Endpoint, isLoopback } from '../core/endpoint.ts'

export const SPEAKS_TLS = 1
export const SPEAKS_PLAIN = 2

const MAXIMUM_PORTS = 4096

export class PortSpeech {
  readonly #spoken = new Map<string, number>()

  /** True when it was not known before. */
  note(port: string, speech: number): boolean {
    const known = this.#spoken.get(port) ?? 0
    if ((known & speech) !== 0) return false
    if (known === 0 && this.#spoken.size >= MAXIMUM_PORTS) return false
    this.#spoken.set(port, known | speech)
    return true
  }

  /** SPEAKS_ values, added up; 0: nothing is known. */
  of(port: string): number {
    return this.#spoken.get(port) ?? 0
  }
}

/** Two namespaces' 127.0.0.1 differ; other addresses are the same host wherever it is captured. */
export function portKey(place: number, server: Endpoint): string {
  return isLoopback(server) ? `${place} ${server}` : server.toString()
}
