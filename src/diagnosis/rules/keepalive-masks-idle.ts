// keepalive-masks-idle: TCP keep-alive probes (RFC 9293 §3.8.4) keep a connection alive in which the application says nothing.

import type { FindingSeverity } from '../../core/finding.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { isRequestPending } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'

export const KEEPALIVE_MASKS_IDLE: FindingKind = {
  id: 'keepalive-masks-idle',
  severity: 'warning',
  title: 'keep-alive probes hide that the connection is idle',
  meaning:
    'The application said nothing for more than 30 s, and meanwhile its operating system sent keep-alive probes. To whatever watches for idle connections (a load balancer, NAT, a firewall) the connection is in use. So a test of such a limit with this client finds nothing wrong, and another client without probes is cut. While a request waits that is a warning, else a note.',
  told: 'More than 30 s without data, and in that time at least one segment of one byte or none before the next sequence number, which is acknowledged, or overtaken by data. The interval is the time from the last packet to the first probe.',
  limits:
    'Probes of a closed window look alike and are told apart by the window. Whether anything on the way has a limit for idleness cannot be seen while the probes come.',
  advice:
    'To test a limit for idleness use a client without probes, or with a longer interval: curl --no-keepalive, or curl --keepalive-time SECONDS; SO_KEEPALIVE off. To live with a limit keep the interval below it.',
}

const SILENT_MICROS = 30_000_000
/** An answer to a probe has come by then. */
const ANSWER_MICROS = 2_000_000

export const keepaliveMasksIdle: Rule = {
  kinds: [KEEPALIVE_MASKS_IDLE],
  begin(judge: Judge): Judgement {
    const look = (c: ConnectionFacts): void => {
      if (judge.has(KEEPALIVE_MASKS_IDLE, c)) return
      const own = c.sides.find((side) => masksIdleness(c, side, judge.nowMicros))
      if (own !== undefined) tell(judge, c, own)
    }
    return {
      onKeepAlive(c) {
        judge.wake(c, judge.nowMicros + ANSWER_MICROS)
      },
      onWake: look,
      onSilenceEnd: look,
      onClose(c) {
        look(c)
        // that it hangs is the matter, and not who would have cut it
        if (!judge.hasFailed(c) || !judge.has(KEEPALIVE_MASKS_IDLE, c)) return
        judge.withdraw(KEEPALIVE_MASKS_IDLE, c)
        const own = c.sides.find(({ keepAliveAnswers }) => keepAliveAnswers > 0)
        if (own !== undefined) tell(judge, c, own, 'note')
      },
    }
  },
}

/** A probe of this side fell into a long silence of the application: one that goes on, or that its latest data ended. */
function masksIdleness(c: ConnectionFacts, own: SideFacts, now: number): boolean {
  const { keepAliveAnswers, lastKeepAliveMicros, dataBeforeKeepAliveMicros } = own
  if (keepAliveAnswers === 0) return false
  const endsNow = c.lastDataMicros === now && now - c.silenceMicros - lastKeepAliveMicros < ANSWER_MICROS
  const goesOn = c.lastDataMicros <= dataBeforeKeepAliveMicros
  return (goesOn || endsNow ? now : lastKeepAliveMicros) - dataBeforeKeepAliveMicros >= SILENT_MICROS
}

function tell(judge: Judge, c: ConnectionFacts, own: SideFacts, severity = severityOf(c, own)): void {
  judge.find(KEEPALIVE_MASKS_IDLE, about(c, { severity, group: `${own.direction} ${severity}` }), 'certain', () => {
    const host = judge.hostOf(c.place, own.direction === 0 ? c.clientEnd : c.serverEnd)
    const interval = duration(own.keepAliveIdleMicros)
    const idle = Math.max(judge.nowMicros, c.lastMicros) - own.dataBeforeKeepAliveMicros
    return {
      cause: `Keep-alive probes of ${host}, the first after ${interval}${usual(own.keepAliveIdleMicros)}, keep the connection in use while the application says nothing: a limit for idle connections on the way is never reached.`,
      next: `to test such a limit, use a client without probes (curl --no-keepalive); to live with one, keep the interval (${interval}) below it`,
      evidence: [
        { micros: own.dataBeforeKeepAliveMicros, text: 'the last data' },
        { micros: own.firstKeepAliveMicros, text: `probe of ${host} after ${interval}` },
        {
          micros: own.lastKeepAliveMicros,
          text: `${counted(own.keepAliveProbes, 'probe')} so far, answered; ${duration(idle)} since that data`,
        },
      ],
    }
  })
}

function severityOf(c: ConnectionFacts, own: SideFacts): FindingSeverity {
  return own.keepAliveWhilePending || isRequestPending(c) ? 'warning' : 'note'
}

/** What such an interval mostly comes from. */
function usual(micros: number): string {
  const seconds = Math.round(micros / 1e6)
  if (seconds === 60) return ' (as curl does by default)'
  if (seconds === 15) return ' (as Go programs do by default)'
  if (seconds === 7200) return " (Linux' default)"
  return ''
}
