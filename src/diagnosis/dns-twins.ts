// Queries for A and AAAA of one name that leave one socket at once, as glibc and musl ask.

import type { Exchange } from '../core/exchange.ts'
import { epochMicros } from '../core/timestamp.ts'

const MAXIMUM_KEPT = 4096
/** Answers of one type that are kept of a socket and a name. */
const MAXIMUM_ANSWERS = 4
const AT_ONCE_MICROS = 50_000
const QUICK_MICROS = 1_000_000

interface Answer {
  readonly command: string
  readonly askedMicros: number
  readonly answeredMicros: number
}

export interface Twin {
  /** `A`, `AAAA`. */
  readonly command: string
  /** When it was answered, and how long that took. */
  readonly micros: number
  readonly tookMicros: number
  /** It was asked again, though it was answered, when the lost one was; 0: it was not. */
  readonly askedAgainMicros: number
}

export class DnsTwins {
  readonly #answers = new Map<string, Answer[]>()

  note(exchange: Exchange): void {
    if (exchange.command !== 'A' && exchange.command !== 'AAAA') return
    const key = keyOf(exchange)
    const answers = this.#answers.get(key) ?? []
    this.#answers.delete(key)
    if (answers.length >= MAXIMUM_ANSWERS) answers.shift()
    answers.push({
      command: exchange.command,
      askedMicros: epochMicros(exchange.requestStart),
      answeredMicros: epochMicros(exchange.responseStart),
    })
    this.#answers.set(key, answers)
    if (this.#answers.size > MAXIMUM_KEPT) this.#answers.delete(this.#answers.keys().next().value!)
  }

  /** The one that was asked together with this and answered at once, while this had to be repeated. */
  find(exchange: Exchange): Twin | undefined {
    if (exchange.command !== 'A' && exchange.command !== 'AAAA') return undefined
    const others = this.#answers.get(keyOf(exchange))?.filter(({ command }) => command !== exchange.command) ?? []
    const asked = epochMicros(exchange.requestStart)
    const again = epochMicros(exchange.lastRetry)
    const first = others.find(({ askedMicros }) => Math.abs(askedMicros - asked) < AT_ONCE_MICROS)
    if (first === undefined || first.answeredMicros - first.askedMicros > QUICK_MICROS) return undefined
    const second = others.find((each) => each !== first && Math.abs(each.askedMicros - again) < QUICK_MICROS)
    return {
      command: first.command,
      micros: first.answeredMicros,
      tookMicros: first.answeredMicros - first.askedMicros,
      askedAgainMicros: second?.askedMicros ?? 0,
    }
  }
}

function keyOf({ place, client, server, key }: Exchange): string {
  return `${place} ${client} ${server!.address} ${key.toLowerCase()}`
}
