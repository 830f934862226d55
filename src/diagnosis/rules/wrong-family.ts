// wrong-family: refused or unanswered over one of IPv6 and IPv4, and answered over the other at once.

import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { isRefusal, REFUSED } from './refused.ts'
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

interface Attempt {
  readonly facts: ConnectionFacts
  readonly id: number
  readonly micros: number
}

export const wrongFamily: Rule = {
  kinds: [WRONG_FAMILY],
  begin(judge: Judge): Judgement {
    let recent: Attempt[] = []
    return {
      onOpen(c) {
        if (c.client.packets > 0) return
        recent = recent.filter(({ micros }) => c.openMicros - micros <= TOGETHER_MICROS)
        if (recent.length < MAXIMUM_RECENT) recent.push({ facts: c, id: c.id, micros: c.openMicros })
      },
      onEstablished(c) {
        for (const { facts, id, micros } of recent) {
          if (facts.id !== id || facts === c || c.openMicros - micros > TOGETHER_MICROS || micros > c.openMicros)
            continue
          if (facts.serverEnd.family === c.serverEnd.family || facts.serverEnd.port !== c.serverEnd.port) continue
          if (isSameHost(judge, facts, c) && hasFailed(judge, facts)) tell(judge, facts, c)
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
