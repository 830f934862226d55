// rejected: an ICMP error in answer to a SYN that says "not allowed" or "not here" (RFC 792, RFC 1812 §5.2.7.1, RFC 4443).

import { icmpMeaning } from '../../core/icmp-words.ts'
import type { ConnectionFacts, IcmpNews } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const REJECTED: FindingKind = {
  id: 'rejected',
  severity: 'error',
  title: 'a filter or router said no',
  meaning:
    'An ICMP error came back in place of an answer: somebody on the way, or the server itself, does not let this through.',
  told: 'An ICMP error that quotes the SYN: IPv4 type 3 with code 2, 3, 9, 10 or 13, IPv6 type 1 with code 1, 4, 5 or 6.',
  limits: 'The packet names who refuses, not which rule.',
  advice:
    'Look at the filter rules of the host that sent the error. What the application was told differs: on Linux code 3 reads "connection refused", 2 "protocol not available", 9 "network is unreachable", 10 and 13 "no route to host".',
  foldsPorts: true,
}

const CODES_V4: ReadonlySet<number> = new Set([2, 3, 9, 10, 13])
const CODES_V6: ReadonlySet<number> = new Set([1, 4, 5, 6])
/** Linux, in the application's words. */
const ERRORS_V4: Readonly<Record<number, string>> = {
  2: 'protocol not available',
  3: 'connection refused',
  9: 'network is unreachable',
  10: 'no route to host',
  13: 'no route to host',
}

export const rejected: Rule = {
  kinds: [REJECTED],
  begin: (judge: Judge): Judgement => ({
    onIcmp(c, news) {
      if (isAboutSyn(c, news) && isRejection(news) && !judge.has(REJECTED, c)) tell(judge, c, news)
    },
    onEstablished(c) {
      judge.withdraw(REJECTED, c)
    },
  }),
}

/** It quotes the client, who has had no other answer. */
export function isAboutSyn({ client, server }: ConnectionFacts, { direction }: IcmpNews): boolean {
  return direction === 0 && client.syns > 0 && server.packets === 0
}

function isRejection({ family, type, code }: IcmpNews): boolean {
  return family === 4 ? type === 3 && CODES_V4.has(code) : type === 1 && CODES_V6.has(code)
}

function tell(judge: Judge, c: ConnectionFacts, news: IcmpNews): void {
  const { place, serverEnd, client } = c
  const { family, type, code, reporter } = news
  judge.find(REJECTED, about(c, { group: `${type}/${code} ${reporter}` }), 'certain', () => {
    const said = icmpMeaning(family, type, code)
    const by = reporter === serverEnd.address ? `${judge.hostOf(place, serverEnd)} itself` : reporter
    const error = family === 4 ? ERRORS_V4[code] : undefined
    const heard = error === undefined ? '' : ` An application on Linux reads "${error}".`
    return {
      cause: `${by} answered the SYN with an ICMP error: ${said}.${heard}`,
      next: `look at the filter rules of ${reporter}: iptables-save, nft list ruleset`,
      evidence: [
        { micros: client.lastSynMicros, text: `SYN to ${serverEnd}` },
        { micros: news.micros, text: `ICMP type ${type} code ${code} from ${reporter}: ${said}` },
      ],
    }
  })
}
