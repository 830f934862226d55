// protocol-mismatch: two plain protocols that do not understand each other.

import type { Mismatch } from '../../core/first-words.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { ABORTED_TRANSFER } from './aborted-transfer.ts'
import { HUNG_PEER, SERVER_SLOW } from './answer-kinds.ts'
import { AUTH_FAILED, PROTOCOL_ERROR } from './application-kinds.ts'
import { IDLE_CUT } from './idle-cut.ts'
import { RESET } from './reset.ts'

export const PROTOCOL_MISMATCH: FindingKind = {
  id: 'protocol-mismatch',
  severity: 'error',
  title: 'client and server speak different protocols',
  meaning:
    'The client speaks one protocol, and what listens on that port speaks another: a wrong port, or a wrong URL.',
  told: 'The first words of both sides: a request of one protocol, and a greeting or an error of another.',
  limits:
    'Told only of protocols whose first words are beyond doubt: HTTP, HTTP/2, Redis, memcached, SSH, SMTP and FTP, POP3, IMAP, MySQL, PostgreSQL, AMQP, MongoDB, MQTT. A server that closes without a word looks like a reset, or an answer that was broken off.',
  advice:
    'Check host, port and the beginning of the URL in the client’s configuration; tcpflow containers shows who listens where.',
  insteadOf: [RESET, ABORTED_TRANSFER, IDLE_CUT, HUNG_PEER, SERVER_SLOW, PROTOCOL_ERROR, AUTH_FAILED],
}

export const protocolMismatch: Rule = {
  kinds: [PROTOCOL_MISMATCH],
  begin: (judge: Judge): Judgement => ({
    onMismatch(c, mismatch) {
      tell(judge, c, mismatch)
    },
  }),
}

function tell(judge: Judge, c: ConnectionFacts, mismatch: Mismatch): void {
  const { client, server, clientWords, serverWords, clientMicros, serverMicros } = mismatch
  judge.find(PROTOCOL_MISMATCH, about(c, { group: `${client} ${server}` }), 'certain', () => ({
    cause: `${judge.hostOf(c.place, c.clientEnd)} speaks ${client}, and what listens on ${judge.endOf(c.place, c.serverEnd)} speaks ${server}.`,
    next: `check the port and the URL that the client uses: port ${c.serverEnd.port} is ${server}`,
    evidence: [
      { micros: clientMicros, text: `the client: ${quoted(clientWords, client)}` },
      { micros: serverMicros, text: `the server: ${quoted(serverWords, server)}` },
    ].sort((a, b) => a.micros - b.micros),
  }))
}

function quoted(words: string, language: string): string {
  return words === '' ? `bytes of ${language}` : `"${words}"`
}
