// tls-no-answer and tls-slow: who is waited for.

import type { TlsHandshake } from '../../core/tls-handshake.ts'
import { TLS_NO_ANSWER, TLS_SLOW } from './tls-kinds.ts'
import { type TlsRule, visibleName } from './tls-verdict.ts'

export const tlsNoAnswer: TlsRule = (h, around) => {
  const { clientHello, server } = h
  if (clientHello === undefined || server.spoke || server.incomplete || h.client.incomplete) return undefined
  if (!around.seenBothWays || !around.acknowledged) return undefined
  // one that plain text is seen of is told as tls-to-plaintext
  if (around.plainSeenOnPort && !around.tlsSeenOnPort) return undefined
  const waited = around.nowMicros - clientHello.micros
  // a client that gives up at once has not waited; a server that closes has decided
  if (waited < around.slowMicros && !(h.closed !== undefined && around.endedBy === 'server')) return undefined
  const closed = around.endedBy === 'server'
  const name = visibleName(h)
  return {
    kind: TLS_NO_ANSWER,
    severity: 'error',
    certainty: 'likely',
    name,
    cause: closed
      ? 'The server closed without an answer to the ClientHello: it does not speak TLS there, or does not take this client or name.'
      : 'The server has taken the ClientHello and does not answer: it hangs, does not speak TLS there, or something on the way filters by name.',
    next: `openssl s_client -connect HOST:PORT${name === '' ? '' : ` -servername ${name}`}, from the server’s own host too`,
    evidence: [{ micros: clientHello.micros, text: `ClientHello, ${clientHello.bytes} bytes, acknowledged` }],
  }
}

export const tlsSlow: TlsRule = (h, around) => {
  const { clientHello, finishedMicros } = h
  if (clientHello === undefined || finishedMicros === 0 || h.client.incomplete || h.server.incomplete) return undefined
  const took = finishedMicros - clientHello.micros
  if (took < around.slowMicros) return undefined
  const wait = longestWait(h)
  const who = wait === undefined ? '' : ` The longest wait was for the ${wait.by}: ${seconds(wait.micros)}.`
  return {
    kind: TLS_SLOW,
    severity: 'warning',
    certainty: 'certain',
    name: visibleName(h),
    cause: `The TLS handshake took ${seconds(took)}.${who}`,
    next: wait === undefined ? '' : `see what the ${wait.by} does at that time (look-ups, revocation checks, load)`,
    evidence: [
      { micros: clientHello.micros, text: 'ClientHello' },
      ...(wait === undefined
        ? []
        : [{ micros: wait.endMicros, text: `the ${wait.by}’s next flight, after ${seconds(wait.micros)}` }]),
      { micros: finishedMicros, text: 'handshake finished' },
    ],
  }
}

interface Wait {
  readonly by: 'client' | 'server'
  readonly micros: number
  readonly endMicros: number
}

/** For which flight the handshake waited longest: until it began, or within it. */
function longestWait(h: TlsHandshake): Wait | undefined {
  let longest: Wait | undefined
  let before = h.clientHello?.micros ?? 0
  for (const { by, startMicros, endMicros } of h.flights) {
    for (const end of [startMicros, endMicros]) {
      if (end > h.finishedMicros) break
      if (longest === undefined || end - before > longest.micros) longest = { by, micros: end - before, endMicros: end }
      before = end
    }
  }
  return longest
}

function seconds(micros: number): string {
  return micros >= 1e6 ? `${(micros / 1e6).toFixed(1)} s` : `${(micros / 1e3).toFixed(0)} ms`
}
