// refused: the SYN was answered by a reset (RFC 9293 §3.10.7.1).

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { REFUSED } from './refused-kind.ts'
import { explainRefusal, LOCALHOST_MISUSE, WRONG_BIND } from './wrong-bind.ts'

/** Ends of which it is known why they refuse. */
const MAXIMUM_EXPLAINED = 1024
const KINDS = [REFUSED, WRONG_BIND, LOCALHOST_MISUSE] as const

export const refused: Rule = {
  kinds: KINDS,
  begin(judge: Judge): Judgement {
    const explained = new Map<string, FindingKind>()
    return {
      onReset(c, d) {
        if (d !== 1 || !isRefusal(c) || KINDS.some((kind) => judge.has(kind, c))) return
        const key = `${c.place} ${c.serverEnd}`
        const kind = explained.get(key)
        tell(judge, c, kind ?? REFUSED)
        if (kind !== undefined) return
        explainRefusal(judge, c, (better) => {
          if (explained.size < MAXIMUM_EXPLAINED) explained.set(key, better)
        })
      },
      onWentOn(c) {
        for (const kind of KINDS) judge.withdraw(kind, c)
      },
    }
  },
}

export function isRefusal({ client, server }: ConnectionFacts): boolean {
  return client.syns > 0 && server.syns === 0 && server.resetHasAcknowledgement && server.packets === server.resets
}

function tell(judge: Judge, c: ConnectionFacts, kind: FindingKind): void {
  const { place, serverEnd, client, server } = c
  judge.find(kind, about(c), 'likely', () => {
    const host = judge.hostOf(place, serverEnd)
    return {
      cause: `${host} answered the SYN with a reset: nothing listens on port ${serverEnd.port} there, or a firewall resets.`,
      next: `see which ports ${host} listens on (ss -ltn in its network namespace)`,
      evidence: [
        { micros: client.lastSynMicros, text: `SYN to ${serverEnd}` },
        { micros: server.resetMicros, text: `RST after ${duration(server.resetMicros - client.lastSynMicros)}` },
      ],
    }
  })
}
