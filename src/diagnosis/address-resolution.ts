// Who asked for which address by ARP, and whether anybody answered (RFC 826).

import { Endpoint } from '../core/endpoint.ts'
import type { Arp } from '../core/segment.ts'
import { epochMicros } from '../core/timestamp.ts'

const REQUEST = 1
const MAXIMUM_ADDRESSES = 4096
const MAXIMUM_ASKERS = 16
/** So many in one attempt, and it has failed. */
const LEAST_REQUESTS = 3
/** Linux asks three times, a second apart; what comes later is another attempt. */
const ATTEMPT_MICROS = 3_000_000

/** One host asks for one address. */
export class AddressFacts {
  readonly place: number
  readonly asker: Endpoint
  readonly target: Endpoint
  /** Requests since the last answer, and of those in this attempt. */
  requests = 0
  requestsInAttempt = 0
  firstMicros = 0
  lastMicros = 0
  answered = false

  constructor(place: number, asker: Endpoint, target: Endpoint) {
    this.place = place
    this.asker = asker
    this.target = target
  }
}

export class AddressResolution {
  readonly #onUnanswered: (a: AddressFacts) => void
  /** By place and target: one entry an asker, the latest last. */
  readonly #asked = new Map<string, AddressFacts[]>()

  constructor(onUnanswered: (a: AddressFacts) => void) {
    this.#onUnanswered = onUnanswered
  }

  note(arp: Arp): void {
    const { place, senderAddress, targetAddress } = arp
    if (senderAddress !== 0) this.#noteAlive(place, senderAddress)
    // probes for a free address (RFC 5227) and announcements want no answer
    if (arp.operation !== REQUEST || senderAddress === 0 || senderAddress === targetAddress) return
    this.#noteRequest(place, senderAddress, targetAddress, epochMicros(arp.time))
  }

  /** The latest who asked for the address. */
  of(place: number, endpoint: Endpoint): AddressFacts | undefined {
    return endpoint.family === 4 ? this.#asked.get(`${place} ${endpoint.word3}`)?.at(-1) : undefined
  }

  #noteAlive(place: number, address: number): void {
    for (const facts of this.#asked.get(`${place} ${address}`) ?? []) {
      facts.answered = true
      facts.requests = 0
      facts.requestsInAttempt = 0
    }
  }

  #noteRequest(place: number, asker: number, target: number, micros: number): void {
    const facts = this.#factsOf(place, asker, target)
    if (micros - facts.lastMicros > ATTEMPT_MICROS) facts.requestsInAttempt = 0
    if (facts.requests === 0) facts.firstMicros = micros
    facts.requests++
    facts.requestsInAttempt++
    facts.lastMicros = micros
    if (facts.requestsInAttempt >= LEAST_REQUESTS) this.#onUnanswered(facts)
  }

  #factsOf(place: number, asker: number, target: number): AddressFacts {
    const key = `${place} ${target}`
    let askers = this.#asked.get(key)
    if (askers === undefined) {
      if (this.#asked.size >= MAXIMUM_ADDRESSES) this.#asked.delete(this.#asked.keys().next().value!)
      askers = []
      this.#asked.set(key, askers)
    }
    const at = askers.findIndex((each) => each.asker.word3 === asker)
    const [known] = at < 0 ? [] : askers.splice(at, 1)
    const facts =
      known ?? new AddressFacts(place, new Endpoint(4, 0, 0, 0, asker, 0), new Endpoint(4, 0, 0, 0, target, 0))
    if (askers.length >= MAXIMUM_ASKERS) askers.shift()
    askers.push(facts)
    return facts
  }
}
