// idle-cut: a timer ended the connection, or forgot it, because nothing was said for too long.

import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionEnd } from '../connection-end.ts'
import { hasOtherHopLimit } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import type { IdleTimer } from '../idle-times.ts'
import { about, type Description, type FindingKind, type Judge } from '../rule.ts'
import { HUNG_PEER } from './answer-kinds.ts'

export const IDLE_CUT: FindingKind = {
  id: 'idle-cut',
  severity: 'warning',
  title: 'a connection was cut because it was idle',
  meaning:
    'Nothing was said for some time, and then one side, or a device between the two, ended the connection: it has a limit for idleness. An orderly end (FIN) while nobody waits is how servers end idle connections, and a note. A reset is a warning, and so is a connection into which the other side spoke afterwards. When somebody waited for an answer it is an error.',
  told: 'A time without packets or without data, then a FIN or a RST; or, after such a time, data that is answered by a RST or is sent again and again with no answer. It is certain when connections of the same server were cut after the same time at different moments, and likely when the time is long or is one of whole seconds.',
  limits:
    'A single cut after a time that no timer has may be chance: a crash, a restart. Who is named is the side that sent the last packet; a device between the two that forges its packets well cannot be told from it.',
  insteadOf: [HUNG_PEER],
  advice:
    'Find the limit of the side that cut, and either raise it or let the other side use the connection, or send TCP keep-alive probes, more often than that. In a pool of connections the time after which an idle one is thrown away must be shorter than that limit.',
}

export function tellIdleCut(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const { isPending, how, kind } = end
  // what was asked before the cut is lost; what is asked into it is mostly asked again on a new connection
  const waited = isPending && kind !== 'ran-into'
  const severity = waited ? 'error' : how === 'FIN' ? 'note' : 'warning'
  judge.find(IDLE_CUT, about(c, { severity, group: `${how} ${severity}` }), certaintyOf(c, end), () =>
    describe(judge, c, end),
  )
}

function certaintyOf(c: ConnectionFacts, { kind, timer }: ConnectionEnd) {
  if (timer !== undefined && timer.others > 0) return 'certain'
  const isShort = timer !== undefined && timer.micros < 30_000_000
  return isShort && (kind === 'silent' || (kind === 'ran-into' && c.server.finMicros === 0)) ? 'possible' : 'likely'
}

function describe(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): Description {
  const { by, how, kind, micros, timer } = end
  const peer = c.sides[by === 0 ? 1 : 0]
  const name = judge.hostOf(c.place, by === 0 ? c.clientEnd : c.serverEnd)
  const other = judge.hostOf(c.place, by === 0 ? c.serverEnd : c.clientEnd)
  const idle = duration(timer?.micros ?? 0)
  const who =
    how === 'RST' && hasOtherHopLimit(c.sides[by]) ? `a device between the two, in the name of ${name},` : name
  const began = { micros: startOf(c, end), text: `the last packet before ${idle} of silence` }
  if (kind === 'silent') {
    return {
      cause: `${peer.repeats === 0 ? `For ${idle} nothing has come from ${name}, and it does not answer keep-alive probes` : `After ${idle} without a packet ${name} does not answer any more`}: a device between the two (NAT, firewall, load balancer) has forgotten the idle connection, or ${name} is gone.`,
      next: nextOf(other, timer),
      evidence: [
        began,
        ...(peer.repeats === 0
          ? [{ micros, text: `${counted(peer.keepAliveProbes, 'keep-alive probe')} of ${other}, no answer` }]
          : [
              { micros, text: `${other} speaks again` },
              { micros: peer.lastRetransmissionMicros, text: `sent again ${counted(peer.repeats, 'time')}, no answer` },
            ]),
      ],
    }
  }
  if (kind === 'ran-into') {
    const isClosed = c.sides[by].finMicros !== 0
    return {
      cause: isClosed
        ? `${name} had closed the connection after ${idle} of idleness, and ${other} used it all the same.`
        : `The connection had been forgotten during ${idle} without a packet: when ${other} used it again, ${who} answered with a reset.`,
      next: nextOf(other, timer),
      evidence: [
        began,
        ...(isClosed ? [{ micros: c.sides[by].finMicros, text: `FIN of ${name}` }] : []),
        { micros: peer.turnMicros, text: `${other} sends data` },
        { micros, text: `RST of ${name}` },
      ],
    }
  }
  return {
    cause: `${who} cut the connection after ${idle} of idleness${waitingText(c, end)}.${similar(timer)}`,
    next: how === 'FIN' && !end.isPending ? '' : nextOf(other, timer),
    evidence: [began, { micros, text: `${how} of ${name} after ${idle} without data` }],
  }
}

function startOf(c: ConnectionFacts, { by, kind, micros, timer }: ConnectionEnd): number {
  const peer = c.sides[by === 0 ? 1 : 0]
  const until = kind === 'silent' ? micros : kind === 'ran-into' ? c.sides[by].finMicros || peer.turnMicros : micros
  return until - (timer?.micros ?? 0)
}

function waitingText(c: ConnectionFacts, { isPending, by }: ConnectionEnd): string {
  if (!isPending) return ''
  const request = c.unanswered === undefined ? 'a request' : `the request ${c.unanswered.request}`
  return by === 1 ? ` while ${request} waited for its answer` : ` while it waited for the answer to ${request}`
}

function similar(timer: IdleTimer | undefined): string {
  if (timer === undefined) return ''
  if (timer.others > 0) return ` Other connections were cut after the same time.`
  const known = knownFor(timer.micros)
  return known === '' ? '' : ` ${duration(timer.micros)} is what ${known} have by default.`
}

/** Hints for the text, and no proof. */
const KNOWN: readonly (readonly [seconds: number, whose: string])[] = [
  [5, 'Node.js servers (keepAliveTimeout) and Apache 2.4 (KeepAliveTimeout)'],
  [60, 'AWS application load balancers and nginx (proxy_read_timeout)'],
  [75, 'nginx servers (keepalive_timeout)'],
  [230, 'Azure App Service front ends'],
  [240, 'Azure load balancers'],
  [350, 'AWS network load balancers and NAT gateways'],
  [600, 'Google Cloud firewalls and load balancers'],
  [900, 'IPVS services (Docker Swarm)'],
  [432_000, 'connections in Linux conntrack'],
]

function knownFor(micros: number): string {
  const seconds = micros / 1e6
  return KNOWN.find(([each]) => Math.abs(seconds - each) <= Math.max(0.2, each * 0.005))?.[1] ?? ''
}

function nextOf(other: string, timer: IdleTimer | undefined): string {
  const seconds = Math.max(1, Math.floor(((timer?.micros ?? 0) / 1e6) * 0.8))
  return `raise that limit, or let ${other} send keep-alives or drop idle connections before: every ${seconds} s at the latest`
}
