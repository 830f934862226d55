// slow-start-idle: after a pause a sender feels its way again, as if the connection were new (RFC 5681 §4.1).

import { byteSize, counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'

export const SLOW_START_IDLE: FindingKind = {
  id: 'slow-start-idle',
  severity: 'note',
  title: 'a sender begins slowly after each pause',
  meaning:
    'After a pause the sender forgot how fast the way is: it sent a few segments, waited a round trip, sent twice as many, and so on. On a long way every answer after a pause takes several round trips more than it needs to.',
  told: 'After a pause of 250 ms and more, on a way of 10 ms and more, the first burst has about ten segments and is at most a quarter of what was under way before; more follows only as acknowledgements come, three rounds and more.',
  limits:
    'Seen only where the capture is near the sender. An application that writes a little, waits for an acknowledgement and writes more looks the same.',
  advice: 'At the sender: sysctl -w net.ipv4.tcp_slow_start_after_idle=0.',
  latestText: true,
}

export const slowStartIdle: Rule = {
  kinds: [SLOW_START_IDLE],
  begin: (judge: Judge): Judgement => ({
    onClose(c) {
      for (const side of c.sides) if (side.slowRestarts > 0) tell(judge, c, side)
    },
  }),
}

function tell(judge: Judge, c: ConnectionFacts, side: SideFacts): void {
  const { slowRestarts, slowRestartMicros, latestSlowRestartMicros, restartFlight, flightBeforeRestart } = side
  judge.find(SLOW_START_IDLE, about(c, { group: `${side.direction}` }), 'likely', () => {
    const host = judge.hostOf(c.place, side.direction === 0 ? c.clientEnd : c.serverEnd)
    const cost = duration(slowRestartMicros / slowRestarts)
    return {
      cause: `${host} began slowly after a pause, ${counted(slowRestarts, 'time')}: it sent ${byteSize(restartFlight)} and waited, though ${byteSize(flightBeforeRestart)} had been under way before. Each time it took ${cost} and more until it was up to speed.`,
      next: `at ${host}: sysctl -w net.ipv4.tcp_slow_start_after_idle=0`,
      evidence: [
        {
          micros: latestSlowRestartMicros,
          text: `first data after a pause, ${byteSize(restartFlight)} in the first round trip`,
        },
      ],
    }
  })
}
