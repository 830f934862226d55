// protocol-mismatch: two plain protocols that do not understand each other.

import type { Mismatch } from '../../core/first-words.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { portKey } from '../port-speech.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { shownRequest } from '../shown-request.ts'
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
  told: 'The first words of both sides: a request of one protocol, and a greeting or an error of another. Likely, or possible: a server that closes without a word, where other connections to that port speak another protocol, or where the port is the usual one of another.',
  limits:
    'Told only of protocols whose first words are beyond doubt: HTTP, HTTP/2, Redis, memcached, SSH, SMTP and FTP, POP3, IMAP, MySQL, PostgreSQL, AMQP, MongoDB, MQTT. A server that closes without a word on a port of its own looks like an answer that was broken off.',
  advice:
    'Check host, port and the beginning of the URL in the client’s configuration; tcpflow containers shows who listens where.',
  insteadOf: [RESET, ABORTED_TRANSFER, IDLE_CUT, HUNG_PEER, SERVER_SLOW, PROTOCOL_ERROR, AUTH_FAILED],
}

/** What listens there nearly always; the names are those of the first words. */
const USUAL_PORTS: ReadonlyMap<number, string> = new Map([
  [22, 'SSH'],
  [25, 'SMTP or FTP'],
  [110, 'POP3'],
  [143, 'IMAP'],
  [3306, 'MySQL'],
  [5432, 'PostgreSQL'],
  [5672, 'AMQP'],
  [6379, 'Redis'],
  [11211, 'memcached'],
  [27017, 'MongoDB'],
])
/** By the registry's names of protocols. */
const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['http', 'HTTP'],
  ['redis', 'Redis'],
  ['memcached', 'memcached'],
])
const MAXIMUM_PORTS = 4096

export const protocolMismatch: Rule = {
  kinds: [PROTOCOL_MISMATCH],
  begin(judge: Judge): Judgement {
    /** What was seen to be spoken on a server's port. */
    const spoken = new Map<string, string>()
    return {
      onExchange({ exchange: { status, protocol } }, c) {
        if (c === undefined || c.answered !== 1 || status !== 'ok' || spoken.size >= MAXIMUM_PORTS) return
        const language = LANGUAGES.get(protocol)
        if (language !== undefined) spoken.set(portKey(c.place, c.serverEnd), language)
      },
      onMismatch(c, mismatch) {
        if (mismatch.server === '') tellSilent(judge, c, mismatch, spoken.get(portKey(c.place, c.serverEnd)))
        else tell(judge, c, mismatch)
      },
    }
  },
}

/** Some servers (Redis from 7 on, memcached) close on a request of HTTP without a word. */
function tellSilent(judge: Judge, c: ConnectionFacts, mismatch: Mismatch, seen: string | undefined): void {
  const { client, clientWords, clientMicros } = mismatch
  const endedByServer = c.firstFinBy === 1 || c.firstResetBy === 1
  const language = seen ?? USUAL_PORTS.get(c.serverEnd.port)
  if (!endedByServer || c.firstFinBy === 0 || !c.seenBothWays || language === undefined || language === client) return
  const end = judge.endOf(c.place, c.serverEnd)
  const why = seen === undefined ? `the usual port of ${language}` : `where other connections speak ${language}`
  judge.find(
    PROTOCOL_MISMATCH,
    about(c, { group: `${client} silent` }),
    seen === undefined ? 'possible' : 'likely',
    () => ({
      cause: `${judge.hostOf(c.place, c.clientEnd)} speaks ${client} to ${end}, ${why}, and the server closed without a word: it does not understand ${client} there, or had another reason to close.`,
      next: `check the port and the URL that the client uses: port ${c.serverEnd.port} is ${language}`,
      evidence: [
        { micros: clientMicros, text: `the client: ${quoted(clientWords, client)}` },
        { micros: c.server.finMicros || c.server.resetMicros, text: 'the server closes' },
      ],
    }),
  )
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
  return words === '' ? `bytes of ${language}` : `"${shownRequest(words, words.length)}"`
}
