// server-slow behind TLS 1.3: the server's session tickets come between the first request and its answer (RFC 8446 §4.6.1). Pairing
// by turns would take the tickets for the answer.

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Judge, type Judgement, type Rule } from '../rule.ts'
import { SERVER_SLOW } from './answer-kinds.ts'

/** Two tickets and HTTP/2's settings are no more. */
const TICKETS_BYTES = 800
/** They come at once. */
const TICKETS_MICROS = 300_000
/** Larger than a Finished, an alert. */
const REQUEST_BYTES = 90
const ALERT_BYTES = 40

interface Finished {
  readonly micros: number
  readonly serverBytes: number
}

export const lateTlsAnswers: Rule = {
  // SERVER_SLOW is told by late-answers.ts as well, and listed there
  kinds: [],
  begin(judge: Judge): Judgement {
    /** By number of the connection: handshakes that are over, until the first answer. */
    const waiting = new Map<number, Finished>()
    return {
      onTls(h, event, c) {
        if (event === 'finished' && h.clientDirection === 0)
          waiting.set(c.id, { micros: h.finishedMicros, serverBytes: c.server.sentBytes })
      },
      onSilenceEnd(c, d) {
        const finished = d === 1 ? waiting.get(c.id) : undefined
        if (finished === undefined) return
        waiting.delete(c.id)
        if (c.silenceMicros >= judge.options.slowMicros && isFirstAnswer(c, finished)) tell(judge, c)
      },
      onClose: (c) => waiting.delete(c.id),
    }
  },
}

/** The client has asked, nothing but tickets came, and after the silence something that is no farewell. */
function isFirstAnswer(c: ConnectionFacts, finished: Finished): boolean {
  const { client, server, silenceMicros } = c
  // where the client spoke last it is a turn like any other
  if (!c.serverSpokeUnasked) return false
  const { lastPayload, sentBytes, lastDataMicros } = server
  if (client.lastPayload < REQUEST_BYTES || lastPayload <= ALERT_BYTES) return false
  if (sentBytes - lastPayload - finished.serverBytes > TICKETS_BYTES) return false
  const silentSince = lastDataMicros - silenceMicros
  return client.lastDataMicros >= finished.micros && silentSince - client.lastDataMicros < TICKETS_MICROS
}

function tell(judge: Judge, c: ConnectionFacts): void {
  judge.find(SERVER_SLOW, about(c), 'possible', () => {
    const host = judge.hostOf(c.place, c.serverEnd)
    const waited = duration(c.server.lastDataMicros - c.client.lastDataMicros)
    return {
      cause: `${host} took ${waited} from the first message after the TLS handshake to its answer. What was asked is encrypted: if the client wanted an answer at once, the server is slow.`,
      next: `look at the requests of that time at ${host}`,
      evidence: [
        { micros: c.client.lastDataMicros, text: 'first message of the client after the handshake' },
        { micros: c.server.lastDataMicros, text: `the server’s data, ${waited} later` },
      ],
    }
  })
}
