// HTTP/1.x for latency: how to know it, and how its connections are read.

import {
  type ExchangeProtocol,
  RECOGNISED_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
  SIDE_CLIENT,
  SIDE_SERVER,
  SIDE_UNKNOWN,
} from '../exchange-parser.ts'
import { HttpExchanges } from './http-exchanges.ts'
import { httpFailureOf } from './http-failures.ts'
import { matchOddRequestLine, matchOddStatusLine } from './http-odd-line.ts'
import { httpGrouping } from './http-route.ts'
import {
  findResponse,
  hasLongTarget,
  MORE_NEEDED,
  matchResponse,
  matchStartLine,
  matchStatusLine,
  NO_MATCH,
} from './http-start-line.ts'
import { http09 } from './http09.ts'

const CR = 13
const LF = 10
/** A start line that goes on for so long without anything that has no place in one is one. */
const CONVINCING_BYTES = 256

export const http: ExchangeProtocol = {
  name: 'http',
  ports: [80, 8080, 8000, 8008, 8081, 3000, 5000, 9090],

  /** A start line at the beginning of a line, or a response's anywhere. */
  recognise(buf, start, end, side = SIDE_UNKNOWN) {
    let line = start
    while (line < end && (buf[line] === CR || buf[line] === LF)) line++
    if (line === end) return RECOGNISED_MAYBE
    const first = line
    let cutOff = false
    while (line < end) {
      // a server's words are no requests, though they may look like the beginning of one
      const length = side === SIDE_SERVER ? matchStatusLine(buf, line, end, 0) : matchStartLine(buf, line, end, 0)
      if (length > 0 || (length === MORE_NEEDED && line === first && isLong(buf, line, end))) {
        return matchResponse(buf, line, end) === NO_MATCH ? RECOGNISED_CLIENT : RECOGNISED_SERVER
      }
      if (length === MORE_NEEDED) cutOff = true
      while (line < end && buf[line] !== LF) line++
      line++
    }
    for (let pos = findResponse(buf, first + 1, end); pos < end; pos = findResponse(buf, pos + 1, end)) {
      const length = matchStatusLine(buf, pos, end, 0)
      if (length > 0) return RECOGNISED_SERVER
      if (length === MORE_NEEDED) cutOff = true
    }
    const status = side === SIDE_CLIENT ? NO_MATCH : matchOddStatusLine(buf, first, end)
    if (status > 0) return RECOGNISED_SERVER
    // the answer will tell
    const isOdd = status !== NO_MATCH || (side !== SIDE_SERVER && matchOddRequestLine(buf, first, end, 0) !== NO_MATCH)
    return cutOff || isOdd ? RECOGNISED_MAYBE : RECOGNISED_NO
  },

  createParser: (context) => new HttpExchanges(context),
  grouping: httpGrouping,
  // without one: a server of HTTP/0.9, or of another protocol
  errorCodeOf: (statusText) => /^\d{3}/.exec(statusText)?.[0] ?? '',

  failureOf: httpFailureOf,

  byAnswer: http09,
}

function isLong(buf: Buffer, start: number, end: number): boolean {
  if (end - start < CONVINCING_BYTES) return false
  return matchResponse(buf, start, end) !== NO_MATCH || hasLongTarget(buf, start, end)
}
