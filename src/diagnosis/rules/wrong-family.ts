// wrong-family: refused or unanswered over one of IPv6 and IPv4, and answered over the other at once.

import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { isRefusal } from './refused.ts'
import { REFUSED } from './refused-kind.ts'
import { isUnanswered, UNANSWERED } from './unanswered.ts'

export const WRONG_FAMILY: FindingKind = {
  id: 'wrong-family',
  severity: 'warning',
  title: 'the server listens on one of IPv4 and IPv6 only',
  meaning: 'The client tried the other family first, failed, and got through with the second attempt.',
  told: 'A connection that is refused or unanswered over one family, and one of the same client to the same port of the same host that is answered over the other, within a second.',
  limits:
    'Hosts are the same where their name or their link-layer address is: behind one router two hosts look like one.',
  advice: 'Let the server listen on :: as well (or the client use 127.0.0.1 or the IPv4 address by name).',
  insteadOf: [REFUSED, UNANSWERED],
}

const TOGETHER_MICROS = 1_000_000
const MAXIMUM_RECENT = 256

/** The latest attempts over one family, in the order in which they began. A flood of them costs no memory, and no search. */
class Attempts {
  readonly #facts: ConnectionFacts[] = []
  readonly #ids: number[] = []
  #next = 0

  add(c: ConnectionFacts): void {
    this.#facts[this.#next] = c
    this.#ids[this.#next] = c.id
    this.#next = (this.#next + 1) % MAXIMUM_RECENT
  }

  /** Those that are still open, and began within a second before `c`. */
  *before(c: ConnectionFacts): Iterable<ConnectionFacts> {
    for (const [i, facts] of this.#facts.entries()) {
      const since = c.openMicros - facts.openMicros
      if (facts.id === this.#ids[i] && since >= 0 && since <= TOGETHER_MICROS) yield facts
    }
  }

  get isEmpty(): boolean {
    return this.#facts.length === 0
  }
}

export const wrongFamily: Rule = {
  kinds: [WRONG_FAMILY],
  begin(judge: Judge): Judgement {
    const overV4 = new Attempts()
    const overV6 = new Attempts()
    return {
      onOpen(c) {
        if (c.client.packets > 0) return
        const attempts = c.serverEnd.family === 6 ? overV6 : overV4
        attempts.add(c)
      },
      onEstablished(c) {
        const others = c.serverEnd.family === 6 ? overV4 : overV6
        if (others.isEmpty) return
        for (const failed of others.before(c)) {
          if (failed.serverEnd.port !== c.serverEnd.port) continue
          if (isSameHost(judge, failed, c) && hasFailed(judge, failed)) tell(judge, failed, c)
        }
      },
    }
  },
}

function hasFailed(judge: Judge, facts: ConnectionFacts): boolean {
  return isRefusal(facts) || isUnanswered(judge, facts)
}

function isSameHost(judge: Judge, a: ConnectionFacts, b: ConnectionFacts): boolean {
  if (a.place !== b.place) return false
  const name = judge.nameOf(a.place, a.serverEnd)
  if (name !== '' && name === judge.nameOf(b.place, b.serverEnd)) return true
  const [there] = a.connection.streams
  const [here] = b.connection.streams
  return (
    there.destinationMacHigh === here.destinationMacHigh &&
    there.destinationMacLow === here.destinationMacLow &&
    there.sourceMacHigh === here.sourceMacHigh &&
    there.sourceMacLow === here.sourceMacLow
  )
}

function tell(judge: Judge, failed: ConnectionFacts, c: ConnectionFacts): void {
  judge.find(WRONG_FAMILY, about(failed), 'likely', () => {
    const host = judge.hostOf(c.place, c.serverEnd)
    const how = isRefusal(failed) ? 'refused' : 'not answered'
    return {
      cause: `${host} listens on port ${c.serverEnd.port} over IPv${c.serverEnd.family} only: the client tried IPv${failed.serverEnd.family} first and was ${how}.`,
      next:
        failed.serverEnd.family === 6
          ? 'let it listen on :: too, or name the IPv4 address'
          : 'let it listen on 0.0.0.0 too',
      evidence: [
        { micros: failed.client.firstSynMicros, text: `SYN to ${failed.serverEnd}, ${how}` },
        { micros: c.establishedMicros, text: `connected to ${c.serverEnd}` },
      ],
    }
  })
}
