// host-unreachable: nobody has that address, or no way leads there (RFC 826, RFC 792, RFC 4443).

import { icmpMeaning } from '../../core/icmp-words.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import type { AddressFacts } from '../address-resolution.ts'
import type { ConnectionFacts, IcmpNews } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { isAboutSyn } from './rejected.ts'

export const HOST_UNREACHABLE: FindingKind = {
  id: 'host-unreachable',
  severity: 'error',
  title: 'no such address on this network',
  meaning: 'Nobody answers for the address: the host or container is down, or it is not on this network.',
  told: 'ARP asks three times within seconds and nobody answers; or an ICMP error says that the network or the host cannot be reached.',
  limits:
    'ARP is a broadcast and its answer is not: a capture that does not see the traffic of the one who asks cannot see the answer. There nothing is said.',
  advice:
    'See whether the container runs and which address it has now: tcpflow containers, docker network inspect NET.',
}

const CODES_V4: ReadonlySet<number> = new Set([0, 1, 5, 6, 7, 8, 11, 12])
const CODES_V6: ReadonlySet<number> = new Set([0, 2, 3])
const MAXIMUM_HOSTS = 4096

export const unreachable: Rule = {
  kinds: [HOST_UNREACHABLE],
  begin(judge: Judge): Judgement {
    /** Hosts of which more than broadcasts was seen. */
    const heard = new Set<string>()
    return {
      onOpen(c) {
        if (heard.size >= MAXIMUM_HOSTS) return
        heard.add(c.clientEnd.address)
      },
      onIcmp(c, news) {
        if (isAboutSyn(c, news) && isUnreachable(news) && !judge.has(HOST_UNREACHABLE, c)) tell(judge, c, news)
      },
      onEstablished(c) {
        judge.withdraw(HOST_UNREACHABLE, c)
      },
      onAddressUnanswered(a) {
        const { segments, datagrams } = judge.capture
        if (heard.has(a.asker.address) || segments + datagrams === 0) tellOfArp(judge, a)
      },
    }
  },
}

function isUnreachable({ family, type, code }: IcmpNews): boolean {
  return family === 4 ? type === 3 && CODES_V4.has(code) : type === 1 && CODES_V6.has(code)
}

function tell(judge: Judge, c: ConnectionFacts, news: IcmpNews): void {
  const { place, serverEnd, clientEnd, client } = c
  const { family, type, code, reporter } = news
  judge.find(HOST_UNREACHABLE, about(c, { anyPort: true }), 'certain', () => {
    const said = icmpMeaning(family, type, code)
    const by = reporter === clientEnd.address ? 'the client itself' : reporter
    return {
      cause: `${judge.hostOf(place, serverEnd)} cannot be reached: ${by} says "${said}".`,
      next: `see whether ${serverEnd.address} is still in use: docker network inspect, ip neigh`,
      evidence: [
        { micros: client.lastSynMicros, text: `SYN to ${serverEnd}` },
        { micros: news.micros, text: `ICMP type ${type} code ${code} from ${reporter}: ${said}` },
      ],
    }
  })
}

function tellOfArp(judge: Judge, a: AddressFacts): void {
  const { place, asker, target, requests, firstMicros, lastMicros } = a
  judge.find(HOST_UNREACHABLE, { place, client: asker, server: target, anyPort: true }, 'likely', () => ({
    cause: `nobody answers for the address ${target.address} on this network: that host is down, or it is not here.`,
    next: `see who had the address last: docker network inspect, ip neigh show ${target.address}`,
    evidence: [
      { micros: firstMicros, text: `ARP: who has ${target.address}? tell ${asker.address}` },
      {
        micros: lastMicros,
        text: `${counted(requests, 'request')} in ${duration(lastMicros - firstMicros)}, no answer`,
      },
    ],
  }))
}
