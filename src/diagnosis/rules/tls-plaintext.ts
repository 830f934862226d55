// tls-to-plaintext and plaintext-to-tls: one side alone speaks TLS.

import { alertWords } from '../tls-words.ts'
import { PLAINTEXT_TO_TLS, TLS_TO_PLAINTEXT } from './tls-kinds.ts'
import { type TlsRule, visibleName } from './tls-verdict.ts'

export const tlsToPlaintext: TlsRule = (h, around) => {
  const { clientHello, server } = h
  if (clientHello === undefined || h.serverHello !== undefined) return undefined
  const hello = { micros: clientHello.micros, text: 'ClientHello' }
  const common = {
    kind: TLS_TO_PLAINTEXT,
    severity: 'error',
    name: visibleName(h),
    next: 'use the port that speaks TLS, or switch TLS off in the client',
  } as const
  if (server.plainBytes !== '' && !server.incomplete) {
    const words = firstLine(server.plainBytes)
    const answer = words === '' ? 'bytes that are no TLS' : `“${words}”`
    return {
      ...common,
      certainty: 'certain',
      cause: `The client speaks TLS, and the server does not: it said ${answer}.`,
      evidence: [hello, { micros: server.plainMicros, text: `the server: ${answer}` }].sort(
        (a, b) => a.micros - b.micros,
      ),
    }
  }
  if (h.closed === undefined || server.spoke || !around.seenBothWays) return undefined
  if (!around.plainSeenOnPort || around.tlsSeenOnPort) return undefined
  return {
    ...common,
    certainty: 'likely',
    cause:
      'The client speaks TLS, and the server said nothing; on other connections to that port it speaks plain text.',
    evidence: [hello],
  }
}

export const plaintextToTls: TlsRule = (h, around) => {
  const { clientHello, client, server } = h
  if (clientHello !== undefined || client.plainBytes === '' || client.incomplete) return undefined
  const request = { micros: client.plainMicros, text: `the client: “${firstLine(client.plainBytes)}”` }
  const common = {
    kind: PLAINTEXT_TO_TLS,
    severity: 'error',
    name: '',
    next: 'use https:// (or the client’s option for TLS), or the port for plain text',
  } as const
  const alert = h.alerts.find((a) => a.by === 'server')
  if (alert !== undefined || server.plainBytes !== '') {
    const answer = alert === undefined ? firstLine(server.plainBytes) : alertWords(alert.code)
    return {
      ...common,
      certainty: 'certain',
      cause: `The client speaks plain text to a port that speaks TLS: the server answered with ${answer}.`,
      evidence: [request, { micros: alert?.micros ?? server.plainMicros, text: `the server: ${answer}` }],
    }
  }
  if (h.closed === undefined || around.endedBy !== 'server' || !around.seenBothWays || server.spoke) return undefined
  if (!around.tlsSeenOnPort || around.plainSeenOnPort) return undefined
  return {
    ...common,
    certainty: 'likely',
    cause: 'The server closed without an answer to a plain request; on other connections to that port it speaks TLS.',
    evidence: [request],
  }
}

/** The first line, where it is text; '' otherwise. */
function firstLine(bytes: string): string {
  const [line] = bytes.trimStart().split(/[\r\n]/)
  return line !== undefined && /^[\x20-\x7e]+$/.test(line) ? line.slice(0, 80) : ''
}
