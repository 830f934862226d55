// reset: one side broke the connection off (RFC 9293 §3.5.2, §3.10.7.4), and nothing more special explains it.

import type { Direction } from '../../core/connection.ts'
import type { FindingSeverity } from '../../core/finding.ts'
import { byteSize, duration } from '../../core/plain-numbers.ts'
import type { ConnectionEnd } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'

export const RESET: FindingKind = {
  id: 'reset',
  severity: 'warning',
  title: 'a connection was reset',
  meaning:
    'One side broke an open connection off instead of closing it. The other side sees "connection reset by peer". A program does so when it dies or closes while data that it has not read waits for it; some do it on purpose. It is an error when the server resets while a request waits, and a note when a client resets that has all its answers.',
  told: 'A RST that its receiver believes, while the connection was open: not after both sides had finished, not in answer to a packet that came late.',
  limits:
    'Why the program did so is not in the packets, unless the RST carries text. A firewall that sends the RST with the right time to live looks the same as the side itself.',
  advice:
    'Look at the log of the side that sent the RST at that moment: crash, restart, out of memory, a limit for connections. docker inspect tells of exits and OOM kills.',
}

const JUST_NOW_MICROS = 20_000

export function tellReset(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const { by } = end
  const own = c.sides[by]
  const severity = severityOf(c, end)
  const certainty = isStray(c, by) ? 'possible' : 'likely'
  judge.find(RESET, about(c, { severity, group: `${by} ${severity}` }), certainty, () => {
    const host = judge.hostOf(c.place, by === 0 ? c.clientEnd : c.serverEnd)
    const text = own.resetText === '' ? '' : ` The reset says: ${own.resetText}`
    return {
      cause: `${host} reset the connection after ${amounts(c)}${waiting(c, end)}: ${reasonOf(c, end)}.${text}`,
      next:
        by === 1 ? `see the log of ${host} at that moment, and whether it was restarted: docker inspect ${host}` : '',
      evidence: [
        ...lastWords(c),
        { micros: own.resetMicros, text: `RST of ${host}, ${duration(own.idleBeforeResetMicros)} after the last data` },
      ],
    }
  })
}

function severityOf(c: ConnectionFacts, { by, isPending }: ConnectionEnd): FindingSeverity {
  if (by === 1) return isPending && !isStray(c, by) ? 'error' : 'warning'
  return isPending || hasUnheard(c) ? 'warning' : 'note'
}

/** The capture began later, and of that side there is nothing but the reset: perhaps the connection was over long ago. */
function isStray(c: ConnectionFacts, by: Direction): boolean {
  return c.client.syns + c.server.syns === 0 && c.sides[by].packets === c.sides[by].resets
}

function amounts({ client, server }: ConnectionFacts): string {
  return `${byteSize(client.sentBytes)} to the server and ${byteSize(server.sentBytes)} back`
}

function waiting(c: ConnectionFacts, { isPending, by }: ConnectionEnd): string {
  if (!isPending) return ''
  const request = c.unanswered === undefined ? 'a request' : `the request ${c.unanswered.request}`
  return by === 1 ? `, while ${request} waited for its answer` : `, before it had the answer to ${request}`
}

function reasonOf(c: ConnectionFacts, { by, isPending }: ConnectionEnd): string {
  const own = c.sides[by]
  if (by === 0) return isPending ? 'it gave up, or died' : 'it closes so, or died'
  if (own.finMicros !== 0) return 'it had closed the connection before it was asked'
  if (!own.resetHasAcknowledgement) return 'it knew nothing of this connection any more'
  // unread, for it had no time for more
  const justCame = isPending && own.turns > 0 && own.resetMicros - c.client.turnMicros < JUST_NOW_MICROS
  if (justCame) return 'it closed the connection (a restart, a reload), or died, just as that request came'
  return isPending
    ? 'the program there died, or closed without reading what was sent'
    : 'the program there died, or closes so'
}

/** The other side's latest data. */
function lastWords(c: ConnectionFacts): { micros: number; text: string }[] {
  if (c.lastDataMicros === 0) return []
  const { lastDataDirection, lastDataMicros } = c
  const side: SideFacts = c.sides[lastDataDirection]
  const whose = lastDataDirection === 0 ? 'client' : 'server'
  return [{ micros: lastDataMicros, text: `last data, ${byteSize(side.lastPayload)}, by the ${whose}` }]
}

/** The server was speaking when the client broke off. */
function hasUnheard({ client, server }: ConnectionFacts): boolean {
  return server.lastDataMicros > client.lastMicros
}
