// aborted-transfer: one side ended the connection before what was announced had come (RFC 9112 §8).

import { byteSize, duration } from '../../core/plain-numbers.ts'
import type { ConnectionEnd } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge } from '../rule.ts'

export const ABORTED_TRANSFER: FindingKind = {
  id: 'aborted-transfer',
  severity: 'error',
  title: 'a transfer was broken off',
  meaning:
    'A request or an answer announced its length, or was sent in chunks, and the connection ended before all of it had come; or the server closed without an answer. Whoever reads it has an incomplete body: "unexpected end of file", "transfer closed with bytes remaining", "empty reply from server". When the client ended it, it has given up, and that is a note.',
  told: 'A FIN or a RST before the Content-Length, the last chunk or the end of a reply (Redis, memcached) was reached, or before there was any answer.',
  limits:
    'Where a body lasts until the connection is closed, a FIN is its regular end, and nothing is announced. Event streams have no end.',
  advice:
    'Look at the log of the side that ended it: a crash, a time limit for the whole request, a limit of size, a proxy whose upstream failed.',
}

export function tellAborted(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const { by, how } = end
  const severity = by === 0 ? 'note' : 'error'
  judge.find(ABORTED_TRANSFER, about(c, { severity, group: by === 0 ? 'client' : 'server' }), 'certain', () => {
    const host = judge.hostOf(c.place, by === 0 ? c.clientEnd : c.serverEnd)
    const idle = how === 'RST' ? c.sides[by].idleBeforeResetMicros : c.sides[by].idleBeforeFinMicros
    return {
      cause: `${host} ended the connection ${missing(c)}.`,
      next: by === 1 ? `see the log of ${host} at that moment` : '',
      evidence: [
        ...(c.lastDataMicros > 0 && c.lastDataMicros < end.micros
          ? [{ micros: c.lastDataMicros, text: 'the last data' }]
          : []),
        { micros: end.micros, text: `${how} of ${host}, ${duration(idle)} after the last data` },
      ],
    }
  })
}

function missing({ cutShort, unanswered, protocol }: ConnectionFacts): string {
  if (cutShort === undefined) return `before it answered ${unanswered?.request ?? 'the request'}`
  const { request, responseMissingBytes, requestMissingBytes, responseBytes } = cutShort
  const isResponse = responseMissingBytes !== 0
  const bytes = isResponse ? responseMissingBytes : requestMissingBytes
  const what = `before ${isResponse ? 'the answer to' : 'the request'} ${request} was complete`
  if (bytes >= 0) return `${what}: ${byteSize(bytes)} are missing`
  const come = responseBytes > 0 ? `, ${byteSize(responseBytes)} had come` : ''
  return protocol === 'http' ? `${what}: the last chunk is missing${come}` : what
}
