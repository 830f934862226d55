// Facts about containers' processes when this process may not look itself: the broker looks.

import type { Broker } from '../capture/broker-launcher.ts'
import type { InspectAnswer } from '../capture/broker-requests/inspect-process.ts'
import { OperatorError } from '../core/errors.ts'
import { NO_FACTS, type ProcessFacts, type ProcessFactsSource } from '../core/process-facts.ts'

/** When there are more, the oldest are forgotten: what matters is looked at again before it is used. */
const MOST_REMEMBERED = 4096

export class BrokerFacts implements ProcessFactsSource {
  readonly #broker: Broker
  readonly #facts = new Map<number, InspectAnswer>()
  #mayEnter = false

  constructor(broker: Broker) {
    this.#broker = broker
  }

  of(pid: number): ProcessFacts {
    return this.#facts.get(pid) ?? NO_FACTS
  }

  async look(pids: readonly number[]): Promise<void> {
    if (this.#facts.size > MOST_REMEMBERED) this.#facts.clear()
    await Promise.all([...new Set(pids)].filter((pid) => pid > 0).map((pid) => this.#lookAt(pid)))
  }

  mayEnterNamespaces(): boolean {
    return this.#mayEnter
  }

  async #lookAt(pid: number): Promise<void> {
    this.#facts.delete(pid)
    try {
      const facts = (await this.#broker.ask('inspect-process', { pid })) as InspectAnswer
      this.#facts.set(pid, facts)
      this.#mayEnter = facts.mayEnter
    } catch (error) {
      // Without the broker nothing is visible here, and whoever wants to capture is told why.
      if (!(error instanceof OperatorError)) throw error
    }
  }
}
